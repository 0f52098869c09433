"""Finds words in what was said: one condition on `SearchChunk` for both databases.

The store wrote lexemes and positions itself (`conversations.words`), so a search is a literal of the database's query
type, never text for its parser: what a person types cannot be an operator.
"""

# ruff: noqa: ARG002 - the signatures are those of Django

import json
from collections.abc import Sequence
from typing import Any, cast

from django.core.exceptions import FullResultSet
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BooleanField, Exists, F, Func, OuterRef, Q, QuerySet
from django.db.models.expressions import Col
from django.db.models.lookups import In
from django.db.models.sql.compiler import SQLCompiler

from conversations.models import SearchChunk
from conversations.tokens import Phrase, phrase
from conversations.words import quoted

SIDES = {"text": SearchChunk.Side.USER, "bot": SearchChunk.Side.BOT, "any": None}
_Compiled = tuple[str, tuple[str | int, ...]]


class Holds(Func):
    """True for a chunk that holds any of the phrases: `SearchChunk.objects.filter(Holds(phrases))`."""

    output_field = BooleanField()

    def __init__(self, phrases: tuple[Phrase, ...]) -> None:
        super().__init__(F("pk"))
        self.phrases = phrases

    def as_sqlite(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **extra_context: Any
    ) -> _Compiled:
        """FTS5: the chunk's id is the row of the table of words."""
        column, parameters = compiler.compile(self.source_expressions[0])
        found = "SELECT rowid FROM conversations_searchwords WHERE conversations_searchwords MATCH %s"
        return f"{column} IN ({found})", (*parameters, fts5(self.phrases))

    def as_postgresql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> _Compiled:
        """The column `vector` of the chunk, which no model field stands for."""
        column = cast("Col", self.source_expressions[0])
        alias = compiler.quote_name_unless_alias(column.alias)
        return f'{alias}."vector" @@ %s::tsquery', (tsquery(self.phrases),)


def tsquery(phrases: Sequence[Phrase]) -> str:
    """Any of the phrases, as PostgreSQL writes a tsquery."""
    return " | ".join(f"({_tsquery(wanted)})" for wanted in phrases)


def _tsquery(wanted: Phrase) -> str:
    return " <-> ".join(quoted(word) for word in wanted.words) + (":*" if wanted.prefix else "")


def fts5(phrases: Sequence[Phrase]) -> str:
    """Any of the phrases, as FTS5 writes a query."""
    return " OR ".join(_fts5(wanted) for wanted in phrases)


def _fts5(wanted: Phrase) -> str:
    words = " ".join(word.replace('"', '""') for word in wanted.words)
    return f'"{words}"' + ("*" if wanted.prefix else "")


class AmongSessions(In):
    """`pk IN (SELECT session_id ...)`, in the form that suits how the rows are read.

    `hints`: another condition implies it; it only says where matches can be gathered.
    """

    hints = False

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> _Compiled:
        """Raises FullResultSet, so that it is left out, where it is a hint that nobody takes."""
        if self.hints and not getattr(compiler.query, "gathers", False):
            raise FullResultSet
        sql, parameters = super().as_sql(compiler, connection)
        return sql, tuple(parameters)

    def as_postgresql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> _Compiled:
        """In a query that `gathers` all matches the ids come first, as an array: the table is then read in its own
        order, each page once, which halves the time of some thousands of matches."""
        if not getattr(compiler.query, "gathers", False):
            return self.as_sql(compiler, connection)
        left, left_parameters = self.process_lhs(compiler, connection)
        right, right_parameters = self.process_rhs(compiler, connection)
        return f"{left} = ANY(ARRAY{right})", (*left_parameters, *right_parameters)


def holding(texts: Sequence[tuple[str, bool]]) -> QuerySet[SearchChunk] | None:
    """Chunks that hold one of the texts, as (text, is a beginning); None when there is no word in any of them.

    A text of several words is a phrase within one message.
    """
    phrases = tuple(found for found in (phrase(text, prefix) for text, prefix in texts) if found.words)
    return SearchChunk.objects.filter(Holds(phrases)) if phrases else None


def said(field: str, texts: Sequence[tuple[str, bool]], *, negated: bool = False, hints: bool = False) -> Q:
    """Sessions in which one of the texts was said: `text` by the user, `bot` by the bot, `any` by either.

    None, when nobody can be said to have said them. `hints`: see `AmongSessions`.
    """
    found = holding(texts)
    if found is None:
        return Q() if negated else Q(pk__in=[])
    side = SIDES[field]
    if side is not None:
        found = found.filter(side=side)
    if negated:
        return ~Q(Exists(found.filter(session=OuterRef("pk"))))
    # As a set, so that the index of words may come first: a correlated EXISTS is never driven from on SQLite.
    among = AmongSessions(F("pk"), found.values("session_id").query)
    among.hints = hints
    return Q(among)


def said_in_session(field: str, texts: Sequence[tuple[str, bool]], vendor: str) -> _Compiled:
    """The same of one session, `@session@`, as a condition in SQL: a look-up that no planner turns into a join."""
    phrases = tuple(found for found in (phrase(text, prefix) for text, prefix in texts) if found.words)
    if not phrases:
        return "1 = 0", ()
    side = SIDES[field]
    of_side = "" if side is None else f" AND c.side = {int(side)}"
    if vendor == "postgresql":
        return (
            "(SELECT 1 FROM conversations_searchchunk c WHERE c.session_id = @session@ AND c.vector @@ %s::tsquery"
            f"{of_side} LIMIT 1) IS NOT NULL"
        ), (tsquery(phrases),)
    found = "SELECT rowid FROM conversations_searchwords WHERE conversations_searchwords MATCH %s"
    return (
        f"@session@ IN (SELECT c.session_id FROM conversations_searchchunk c WHERE c.id IN ({found}){of_side})"
    ), (fts5(phrases),)


def expected(found: QuerySet[SearchChunk]) -> int | None:
    """How many chunks the database expects, without looking; None where it keeps no statistics of words (SQLite)."""
    if connections[found.db].vendor != "postgresql":
        return None
    return int(json.loads(found.explain(format="json"))[0]["Plan"]["Plan Rows"])
