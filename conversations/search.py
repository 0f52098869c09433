"""Finds words in what was said: one condition on `SearchChunk` for both databases.

The store wrote lexemes and positions itself (`conversations.words`), so a search is a literal of the database's query
type, never text for its parser: what a person types cannot be an operator.
"""

# ruff: noqa: ARG002 - the signatures are those of Django

from collections.abc import Sequence
from typing import Any, cast

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BooleanField, Exists, F, Func, OuterRef, Q
from django.db.models.expressions import Col
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


def said(field: str, texts: Sequence[tuple[str, bool]], *, negated: bool = False) -> Q:
    """Sessions in which one of the texts, as (text, is a beginning), was said.

    `field`: `text` the user, `bot` the bot, `any` either. A text of several words is a phrase within one message.
    """
    phrases = tuple(found for found in (phrase(text, prefix) for text, prefix in texts) if found.words)
    if not phrases:  # nothing but punctuation, which nobody can be said to have said
        return Q() if negated else Q(pk__in=[])
    chunks = SearchChunk.objects.filter(Holds(phrases))
    side = SIDES[field]
    if side is not None:
        chunks = chunks.filter(side=side)
    if negated:
        return ~Q(Exists(chunks.filter(session=OuterRef("pk"))))
    # As a set, so that the index of words may come first: a correlated EXISTS is never driven from on SQLite.
    return Q(pk__in=chunks.values("session_id"))
