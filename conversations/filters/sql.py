"""Pieces of SQL that Django's ORM cannot say, and the expression that carries them into its queries.

Both databases get the same text, but for the few words in `@...@` that `Decides` puts in.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from django.core.exceptions import EmptyResultSet, FullResultSet
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BooleanField, F, Func, Q
from django.db.models.sql.compiler import SQLCompiler


class Sql(NamedTuple):
    """A piece of SQL with `%s` where its parameters go."""

    text: str
    parameters: tuple[Any, ...] = ()


_WIDEST = 50
NOTHING = Sql("1 = 0")
ANYTHING = Sql("1 = 1")


def joined(parts: Iterable[Sql], by: str) -> Sql:
    """`(a by b by c)`, of many parts in nested parentheses, as SQLite takes no deep expression; NOTHING for no parts."""
    parts = list(parts)
    if not parts:
        return NOTHING
    while len(parts) > _WIDEST:
        parts = [joined(parts[at : at + _WIDEST], by) for at in range(0, len(parts), _WIDEST)]
    text = by.join(part.text for part in parts)
    return Sql(f"({text})" if len(parts) > 1 else text, tuple(p for part in parts for p in part.parameters))


def either(parts: Iterable[Sql]) -> Sql:
    """Any of the conditions."""
    return joined(parts, " OR ")


def both(*parts: Sql) -> Sql:
    """All of the conditions."""
    return joined(parts, " AND ")


def filled(template: str, **pieces: Sql) -> Sql:
    """`template` with each `{name}` replaced by that piece, its parameters in their order."""
    text = ""
    parameters: list[Any] = []
    for number, part in enumerate(template.split("{")):
        if not number:
            text = part
            continue
        name, _, rest = part.partition("}")
        text += pieces[name].text + rest
        parameters += pieces[name].parameters
    return Sql(text, tuple(parameters))


class Decides(Func):
    """A condition on Session that is written in SQL.

    Words it may use: `@session@` (its id), `@conversation@`, `@start@` and `@last@` (its first and last event's place,
    as rows), `@start_at@`, `@last_at@`, `@known@` (whether the turns of its values are exact), `@instr@` (where a text
    holds another).
    """

    output_field = BooleanField()
    COLUMNS = ("pk", "conversation_id", "turns_known", "start_at", "start_rank", "start_hash", "last_at", "last_rank", "last_hash")  # fmt: skip

    def __init__(self, postgresql: Sql, sqlite: Sql, *, is_costly: bool = False) -> None:
        super().__init__(*(F(name) for name in self.COLUMNS))
        self.written = {"postgresql": postgresql, "sqlite": sqlite}
        self.is_costly = is_costly
        self.is_negated = False

    def as_sql(  # type: ignore[override]
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **_extra: Any
    ) -> tuple[str, list[Any]]:
        """Raises FullResultSet, or EmptyResultSet under a minus, in a query that `skips_costly` conditions: that query
        then finds more, never less."""
        if self.is_costly and getattr(compiler.query, "skips_costly", False):
            raise EmptyResultSet if self.is_negated else FullResultSet
        columns = [compiler.compile(expression)[0] for expression in self.source_expressions]
        pk, conversation, known, *places = columns
        text, parameters = self.written[connection.vendor]
        for word, piece in (
            ("session", pk),
            ("conversation", conversation),
            ("known", known),
            ("start", f"({', '.join(places[:3])})"),
            ("last", f"({', '.join(places[3:])})"),
            ("start_at", places[0]),
            ("last_at", places[3]),
            ("instr", "strpos" if connection.vendor == "postgresql" else "instr"),
        ):
            text = text.replace(f"@{word}@", piece)
        return f"({text})", list(parameters)


def opposite(condition: Q) -> Q:
    """`not condition`, of conditions that nothing else uses."""
    _turn_over(condition)
    return ~condition


def _turn_over(condition: Q) -> None:
    for part in condition.children:
        if isinstance(part, Decides):
            part.is_negated = not part.is_negated
        elif isinstance(part, Q):
            _turn_over(part)
