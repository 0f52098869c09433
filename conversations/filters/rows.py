"""Sets of value rows: whether a session has one of them, and in which turns."""

import re
from typing import Any

from django.core.exceptions import FullResultSet
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Exists, OuterRef, Q
from django.db.models.sql.compiler import SQLCompiler

from conversations.filters.sql import Sql, either, filled, joined
from conversations.models import SessionValue
from conversations.summary import value_key

_ASSISTANT = re.compile(r'(\w+\."assistant_id" = )')
RowSet = tuple[tuple[int, str], ...]  # (kind, value): any of them


def rows(kind: int, *values: str) -> RowSet:
    """Rows of one kind with any of these values, as written by people."""
    return tuple((int(kind), value_key(value)) for value in dict.fromkeys(values))


def by_kind(wanted: RowSet) -> dict[int, list[str]]:
    """The values of each kind."""
    found: dict[int, list[str]] = {}
    for kind, value in wanted:
        found.setdefault(kind, []).append(value)
    return found


class OfSession(Exists):
    """Whether the session has value rows of some kind, found by the session."""

    def as_sqlite(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **extra: Any
    ) -> tuple[str, tuple[str | int, ...]]:
        """SQLite, which knows nothing of how many rows there are, would read all rows of the assistant for every
        session; behind a plus it takes the column for no index."""
        sql, parameters = self.as_sql(compiler, connection, **extra)
        return _ASSISTANT.sub(r"+\1", sql), parameters


class HasValue(OfSession):
    """Whether the session has a value.

    `drives`: not asked again of rows that were read from the driver's value rows. Asked twice, the planner takes the
    two for independent, expects few rows, and sorts all of them. `hints`: other conditions imply it; it only says where
    matches can be gathered.
    """

    drives = False
    hints = False

    def as_sql(
        self,
        compiler: SQLCompiler,
        connection: BaseDatabaseWrapper,
        template: str | None = None,
        **extra_context: Any,
    ) -> tuple[str, tuple[str | int, ...]]:
        """Raises FullResultSet, so that the condition is left out, where it need not be asked."""
        is_driven = getattr(compiler.query, "is_driven", False)
        if (self.drives and is_driven) or (self.hints and not getattr(compiler.query, "gathers", False)):
            raise FullResultSet
        if is_driven:
            # The driver is the rarest: a look-up for each of its rows, never a join with all rows of this value.
            template = "((%(subquery)s) IS NOT NULL)"
        return super().as_sql(compiler, connection, template, **extra_context)


def has_rows(wanted: RowSet, assistant_id: int) -> HasValue | Q:
    """Whether a session of the assistant has any of the rows."""
    if not wanted:
        return Q(pk__in=[])
    any_of = Q()
    for kind, values in by_kind(wanted).items():
        # One value by equality: the planner then knows that there is at most one such row.
        any_of |= Q(kind=kind, value=values[0]) if len(values) == 1 else Q(kind=kind, value__in=values)
    return HasValue(SessionValue.objects.filter(any_of, session=OuterRef("pk"), assistant=assistant_id))


def has_kind(kind: int, assistant_id: int) -> OfSession:
    """Whether a session has any row of this kind."""
    return OfSession(SessionValue.objects.filter(session=OuterRef("pk"), assistant=assistant_id, kind=kind))


def exists(wanted: RowSet) -> Sql:
    """Whether the session has any of the rows, as a look-up that no planner turns into a join; for `sql.Decides`."""
    conditions = either(Sql("(v.kind = %s AND v.value = %s)", row) for row in wanted)
    return filled(
        "(SELECT 1 FROM conversations_sessionvalue v WHERE v.session_id = @session@ AND {any_of} LIMIT 1) IS NOT NULL",
        any_of=conditions,
    )


def bits(wanted: RowSet, vendor: str) -> Sql:
    """The turns in which any of the rows occurs, as a number; for `sql.Decides`."""
    if not wanted:
        return Sql("0")
    table = "SELECT {} FROM conversations_sessionvalue v WHERE v.session_id = @session@ AND "
    if vendor == "postgresql" and len(wanted) > 1:
        conditions = either(
            Sql("(v.kind = %s AND v.value = ANY(%s))", (kind, values))
            for kind, values in by_kind(wanted).items()
        )
        return Sql(
            f"coalesce(({table.format('bit_or(v.turns)')}{conditions.text}), 0)", conditions.parameters
        )
    one = f"coalesce(({table.format('v.turns')}v.kind = %s AND v.value = %s), 0)"
    return joined((Sql(one, row) for row in wanted), " | ")
