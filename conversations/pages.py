"""Pages of a list by key: what a page costs depends neither on its number nor on how rare the rows are.

A page is read in at most seven statements, whatever it shows: how many matches of a text to expect; where a stretch of
candidates ends, and the keys within it, twice; only when these do not fill the page, all keys, sorted; the rows.
"""

import base64
import binascii
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, NamedTuple

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import F, Q, QuerySet
from django.db.models.expressions import Expression, OrderBy
from django.db.models.fields.tuple_lookups import (
    Tuple,
    TupleGreaterThan,
    TupleGreaterThanOrEqual,
    TupleLessThan,
    TupleLessThanOrEqual,
)
from django.utils.translation import gettext as _

from conversations import search
from conversations.filters import LOOKED_UP, Asked, asked_of
from conversations.models import Session, SessionValue
from conversations.query import Query
from conversations.rows import PERIOD_SECONDS, period_of

PAGE_SIZE = 50
# Matches of a text that are sooner gathered and sorted, at 3 us each, than met one by one in order.
FEW = 6_000
FEWER = 4_000  # where each is a look at events besides
MOST_LIKELY = 1_000_000  # as many matches of cheap conditions as there may be
MOST_ASKED = 10_000  # of them in one statement: databases take some ten thousand parameters


class BadCursor(ValueError):
    """The text is no cursor of this list; the page it stood for can only be found from the first one."""


class Key(NamedTuple):
    """A row's place within a segment: what it is sorted by, and its id."""

    value: float
    id: int


@dataclass(frozen=True)
class Segment:
    """A part of a list that one index holds in order: rows of `condition` by (`column`, id)."""

    column: str
    descending: bool
    condition: Q = field(default_factory=Q)


@dataclass(frozen=True)
class Page:
    """Rows in order, and the cursors of the pages after and before it (None: there is none)."""

    rows: Sequence[Any]
    next_cursor: str | None
    previous_cursor: str | None


@dataclass(frozen=True)
class Cursor:
    """A place in a list, between two rows: `key` is the last row before it, or with `backward` the first after it."""

    sort: str
    segment: int
    key: Key
    backward: bool = False

    def __str__(self) -> str:
        words = [self.sort, self.segment, self.key.value, self.key.id, int(self.backward)]
        return (
            base64.urlsafe_b64encode(json.dumps(words, separators=(",", ":")).encode()).decode().rstrip("=")
        )

    @classmethod
    def read(cls, text: str, sort: str) -> "Cursor":
        """The cursor that was written as `text` for a list with this `sort`. Raises BadCursor."""
        try:
            padded = text.encode("ascii") + b"=" * (-len(text) % 4)
            words = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        except (UnicodeError, binascii.Error, ValueError, RecursionError):
            raise BadCursor(_("This is not a cursor of this list; start from its first page.")) from None
        match words:
            case [str(of), int(segment), int() | float() as value, int(pk), 0 | 1 as backward] if not (
                {type(word) for word in words} & {bool} or of not in SORTS
            ):
                if of != sort:
                    raise BadCursor(_("This cursor belongs to a list that is sorted in another way."))
                if (
                    0 <= segment < len(SORTS[of])
                    and abs(value) < 1e15
                    and 0 < pk < 2**63
                    and math.isfinite(value)
                ):
                    return cls(of, segment, Key(value, pk), bool(backward))
        raise BadCursor(_("This is not a cursor of this list; start from its first page."))


_NEWEST = Segment("activity_at", descending=True)
SORTS: dict[str, tuple[Segment, ...]] = {
    "newest": (_NEWEST,),
    "oldest": (Segment("activity_at", descending=False),),
    # Sessions that have nothing to be sorted by come last, newest first.
    "confidence": (
        Segment("min_intent_confidence", descending=False, condition=Q(min_intent_confidence__isnull=False)),
        Segment("activity_at", descending=True, condition=Q(min_intent_confidence__isnull=True)),
    ),
    "fallbacks": (
        Segment("n_fallbacks", descending=True, condition=Q(n_fallbacks__gt=0)),
        Segment("activity_at", descending=True, condition=Q(n_fallbacks=0)),
    ),
    "longest": (Segment("n_user_messages", descending=True),),
}


def session_page(
    queryset: QuerySet[Session], query: Query, *, cursor: str | None, size: int = PAGE_SIZE
) -> Page:
    """The `size` sessions at `cursor` (None: the first) of what `filters.matching` gave, each with its conversation.

    Raises BadCursor.
    """
    page = key_page(queryset, query, cursor=cursor, size=size)
    found = Session.objects.select_related("conversation").in_bulk(page.rows)
    return Page([found[pk] for pk in page.rows if pk in found], page.next_cursor, page.previous_cursor)


def key_page(queryset: QuerySet[Session], query: Query, *, cursor: str | None, size: int = PAGE_SIZE) -> Page:
    """The same page with the ids of the sessions as its rows. Raises BadCursor."""
    segments = SORTS[query.sort]
    at = Cursor.read(cursor, query.sort) if cursor else None
    backward = at is not None and at.backward
    places: list[tuple[int, Key]] = []
    first = at.segment if at else 0
    for number in range(first, -1, -1) if backward else range(first, len(segments)):
        after = at.key if at and number == at.segment else None
        keys = _keys(queryset, segments[number], after, backward, size + 1 - len(places))
        places += ((number, key) for key in keys)
        if len(places) > size:
            break
    goes_on = len(places) > size
    del places[size:]
    if not places:
        return Page([], None, None)
    if backward:
        places.reverse()

    def cursor_at(place: tuple[int, Key], *, back: bool) -> str:
        return str(Cursor(query.sort, *place, back))

    return Page(
        [key.id for _, key in places],
        cursor_at(places[-1], back=False) if backward or goes_on else None,
        cursor_at(places[0], back=True) if (goes_on if backward else at is not None) else None,
    )


def capped_count(queryset: QuerySet[Any], cap: int = 1_000) -> int:
    """How many rows, counted no further than `cap` + 1: more than `cap` means "more than `cap`"."""
    found = countable(queryset)
    if getattr(found.query, "is_driven", False):
        # In the order of the index, so that the planner stops there at the cap instead of reading all sessions.
        found = found.order_by("-value_rows__period", "-value_rows__session_id")
    return found[: cap + 1].count()


def countable(queryset: QuerySet[Any]) -> QuerySet[Any]:
    """The same rows, unordered, in the form that is counted soonest."""
    found = queryset.order_by()
    asked = asked_of(queryset)
    if asked and asked.driver and len(asked.driver.rows) == 1:
        found = _driven(found, asked, *asked.driver.rows[0])
    elif asked and _is_rare(asked, 4 * FEW):
        found.query.gathers = True  # type: ignore[attr-defined]
    return found


def gathered(queryset: QuerySet[Any], column: str, *, descending: bool, n: int, skip: int = 0) -> list[Key]:
    """Keys of a queryset whose rows are all gathered before they are sorted: left to itself, a planner that expects
    many would try the rows in order and, where the matches are old, try them all."""
    found = queryset.order_by().values_list(column, "id")
    found.query.gathers = True  # type: ignore[attr-defined]
    try:
        statement, parameters = found.query.sql_with_params()
    except EmptyResultSet:
        return []
    sql = f"WITH found AS MATERIALIZED ({statement}) SELECT * FROM found"  # noqa: S608 - Django wrote it
    return _select(sql, parameters, descending, n, skip)


def _select(sql: str, parameters: Iterable[Any], descending: bool, n: int, skip: int = 0) -> list[Key]:
    direction = "DESC" if descending else "ASC"
    with connection.cursor() as cursor:
        order = f"ORDER BY 1 {direction}, 2 {direction} LIMIT {n:d} OFFSET {skip:d}"
        cursor.execute(f"{sql} {order}", list(parameters))
        return [Key(*key) for key in cursor.fetchall()]


def _driven(
    queryset: QuerySet[Session], asked: Asked, kind: int, value: str, *bounds: Any
) -> QuerySet[Session]:
    """Read from the value rows instead of asking each session for its own."""
    # In one filter(): a second one would join the value rows a second time.
    found = queryset.filter(
        *bounds,
        value_rows__assistant=asked.assistant_id,
        value_rows__kind=kind,
        value_rows__value=value,
    )
    found.query.is_driven = True  # type: ignore[attr-defined]
    return found


def _is_rare(asked: Asked, few: int = FEW) -> bool:
    """Whether the database expects few matches of one of the texts."""
    return any(rows is not None and rows < few for rows in map(search.expected, asked.texts))


def _keys(
    queryset: QuerySet[Session], segment: Segment, after: Key | None, backward: bool, n: int
) -> list[Key]:
    """The first `n` keys of a segment beyond `after`."""
    if queryset.query.is_empty():
        return []
    asked = asked_of(queryset) or Asked(0, stretch=LOOKED_UP)
    walk = _Walk(segment, after, segment.descending != backward, asked)
    stretch = asked.stretch
    if segment.column != "activity_at" and (asked.driver or asked.since or asked.until):
        stretch = stretch or LOOKED_UP
    gather = walk.decided if asked.is_costly else walk.all_sorted
    if asked.gathers:
        return gather(queryset, n)
    if not stretch or (asked.walks and segment.column == "activity_at"):
        return walk.keys(queryset, n)
    if _is_rare(asked, FEWER if asked.is_costly else FEW):
        return gather(queryset, n)
    candidates = (
        Session.objects.filter(assistant=asked.assistant_id) if asked.assistant_id else Session.objects.all()
    )
    # What is read from value rows stops as soon as the page is full; else a short way is tried first.
    for share in (1,) if walk.is_driven else (4, 1):
        end = walk.end_of_stretch(candidates, stretch // share)
        keys = walk.keys(queryset, n, until=end)
        if len(keys) == n or end is None:
            return keys
        if not keys:  # nothing at all among the first ones: the matches are rare, or old
            break
    return gather(queryset, n)


@dataclass(frozen=True)
class _Walk:
    """One way along a segment's index, or along the driver's value rows: as many indexes as it has values."""

    segment: Segment
    after: Key | None
    descending: bool
    asked: Asked

    @property
    def is_driven(self) -> bool:
        """Whether value rows are read, a period at a time."""
        return self.asked.driver is not None and self.segment.column == "activity_at"

    def keys(self, queryset: QuerySet[Session], n: int, until: Key | None = None) -> list[Key]:
        return self._merged(self._branches(queryset, until), 0, n)

    def end_of_stretch(self, candidates: QuerySet[Session], stretch: int) -> Key | None:
        """The last of the next `stretch` candidates, or a place soon behind it; None when there are fewer."""
        if self.is_driven:
            return self._end_of_periods(stretch)
        ends = self._merged(self._branches(candidates, None), stretch - 1, 1)
        return ends[0] if ends else None

    def _end_of_periods(self, stretch: int) -> Key | None:
        """The end of the period that holds the last candidate: the value rows alone tell it."""
        ends: list[int] = []
        order = "-period" if self.descending else "period"
        bounds = {name.removeprefix("value_rows__"): bound for name, bound in self._periods(None)}
        for kind, value in self.asked.driver.rows if self.asked.driver else ():
            rows = SessionValue.objects.filter(assistant=self.asked.assistant_id, kind=kind, value=value)
            periods = rows.filter(**bounds).order_by(order).values_list("period", flat=True)
            ends += periods[stretch - 1 : stretch]
        if not ends:
            return None
        # Ids begin with 1: nothing of the next period is as far as its beginning with 0.
        edge = max(ends) if self.descending else min(ends) + 1
        return Key(edge * float(PERIOD_SECONDS), 0)

    def all_sorted(self, queryset: QuerySet[Session], n: int) -> list[Key]:
        """The first keys of all matches, gathered and sorted."""
        column = self.segment.column
        found = queryset.filter(self.segment.condition, *self._bounds(column, "id", None))
        return gathered(found, column, descending=self.descending, n=n)

    def decided(self, queryset: QuerySet[Session], n: int) -> list[Key]:
        """The same where some conditions are costly: these are asked of the others' matches in order, until enough hold."""
        likely = queryset.all()
        likely.query.skips_costly = True  # type: ignore[attr-defined]
        keys = self.all_sorted(likely, MOST_LIKELY)
        found: list[Key] = []
        begin, size = 0, 4 * n
        while begin < len(keys) and len(found) < n:
            part = keys[begin : begin + size]
            holding = set(queryset.filter(pk__in=[key.id for key in part]).values_list("pk", flat=True))
            found += [key for key in part if key.id in holding]
            begin, size = begin + size, min(4 * size, MOST_ASKED)
        return found[:n]

    def _branches(self, queryset: QuerySet[Session], until: Key | None) -> list[QuerySet[Session, Any]]:
        column = self.segment.column
        order = [self._order(F(column)), self._order(F("id"))]
        found = [queryset.filter(self.segment.condition, *self._bounds(column, "id", until))]
        if self.is_driven:
            # The index of value rows gives periods in order; what is of one period is sorted as it comes.
            order.insert(0, self._order(F("value_rows__period")))
            bounds = [Q(**{name: bound}) for name, bound in self._periods(until)]
            rows = self.asked.driver.rows if self.asked.driver else ()
            found = [_driven(found[0], self.asked, *row, *bounds) for row in rows]
        return [branch.order_by(*order).values_list(column, "id") for branch in found]

    def _periods(self, until: Key | None) -> Iterable[tuple[str, int]]:
        """The bounds of activity as bounds of the value rows' period; what they let through too much, activity keeps out."""
        ends = [None if key is None else key.value for key in (self.after, until)]
        lower, upper = ends if not self.descending else reversed(ends)
        lowest = [bound for bound in (self.asked.since, lower) if bound is not None]
        highest = [bound for bound in (self.asked.until, upper) if bound is not None]
        if lowest:
            yield "value_rows__period__gte", period_of(max(lowest))
        if highest:
            yield "value_rows__period__lte", period_of(min(highest))

    def _bounds(self, column: str, pk: str, until: Key | None) -> Iterable[Any]:
        if column == "activity_at":
            if self.asked.since is not None:
                yield Q(activity_at__gte=self.asked.since)
            if self.asked.until is not None:
                yield Q(activity_at__lt=self.asked.until)
        # Compared as rows: thousands of sessions may share a number of turns, and an index knows the ids behind it.
        # The bound on the column alone says nothing new, except to SQLite, which uses no row comparison downwards.
        place = Tuple(F(column), F(pk))
        if until is not None and not self.is_driven:
            yield Q(**{f"{column}__{'gte' if self.descending else 'lte'}": until.value})
        # Where a stretch ends need not be exact, and a planner takes each bound for a further one.
        if until is not None and column != "activity_at":
            yield (TupleGreaterThanOrEqual if self.descending else TupleLessThanOrEqual)(place, tuple(until))
        if self.after is not None:
            yield Q(**{f"{column}__{'lte' if self.descending else 'gte'}": self.after.value})
            yield (TupleLessThan if self.descending else TupleGreaterThan)(place, tuple(self.after))

    def _order(self, expression: Expression | F) -> OrderBy:
        return OrderBy(expression, descending=self.descending)

    def _merged(self, branches: Sequence[QuerySet[Session, Any]], skip: int, n: int) -> list[Key]:
        """The first `n` keys of all branches, each once; with `skip`, from behind so many in each branch."""
        if len(branches) == 1:
            return [Key(*key) for key in branches[0][skip : skip + n]]
        statements = []
        for branch in branches:
            try:
                statements.append(branch[skip : skip + n].query.sql_with_params())
            except EmptyResultSet:
                continue
        if not statements:
            return []
        # Each in parentheses of its own: SQLite takes no LIMIT in the parts of a UNION.
        sql = " UNION ".join(
            f"SELECT * FROM ({statement}) AS branch_{number}"  # noqa: S608 - Django wrote it
            for number, (statement, _parameters) in enumerate(statements)
        )
        return _select(
            sql, chain.from_iterable(parameters for _, parameters in statements), self.descending, n
        )
