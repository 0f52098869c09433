"""The queryset of a query, with what `pages.py` needs to know to read it in order."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import QuerySet

from conversations import search
from conversations.filters import times
from conversations.filters.conditions import LOOKED_AT, Condition, compiled, somewhere_in_conversation
from conversations.filters.context import Context, context_of
from conversations.filters.rows import RowSet
from conversations.models import Assistant, SearchChunk, Session
from conversations.query import Query, Term

MOST_BRANCHES = 8  # values of a driver that are read side by side; more are found as a set and sorted
FEW = 2_000  # rows of a driver that are sooner all read than a stretch of candidates is tried first


@dataclass(frozen=True)
class Driver:
    """The value rows that a list may be read from in order of activity: sessions with any of them, as (kind, value)."""

    rows: tuple[tuple[int, str], ...]


@dataclass(frozen=True)
class Asked:
    """What `pages.py` needs to know of a queryset that `matching` made.

    `since`, `until`: bounds of activity (UTC seconds; None: none) that every match keeps. `stretch`: how many
    candidates to try in order before gathering all matches; 0 when nothing else is asked than the bounds and the
    driver, so that every row read is a row shown. `walks`: the driver is to be read to its end, however few of its rows
    match; nothing else leads to them sooner. `texts`: chunks of which every match has one, by each text term.
    `gathers`: one condition alone leaves few. `is_costly`: some conditions read events; a query with `skips_costly` leaves them out. `drawn`: the sessions of
    `sample:`, in the order of the draw.
    """

    assistant_id: int
    driver: Driver | None = None
    since: float | None = None
    until: float | None = None
    stretch: int = 0
    walks: bool = False
    texts: tuple[QuerySet[SearchChunk], ...] = ()
    gathers: bool = False
    is_costly: bool = False
    drawn: tuple[int, ...] | None = None


def asked_of(sessions: QuerySet[Session]) -> Asked | None:
    """What `matching` noted on this queryset; None for one that it did not make."""
    return sessions._hints.get("asked")  # type: ignore[attr-defined, no-any-return]


def matching(
    sessions: QuerySet[Session], query: Query, *, assistant: Assistant, now: float, user: Any = None
) -> QuerySet[Session]:
    """Those of `sessions` that `query` is true of, unordered; none for a query with a mistake.

    `now`: UTC seconds. Dates are the assistant's: a shared view is the same list for everybody. `user`: whom `me` and
    `is:mine` mean; without one they match nothing. With `sample:` the sessions are drawn here, by one statement.
    """
    if query.impossible:
        return sessions.none()
    context = context_of(assistant, now, user)
    found = sessions.filter(assistant=assistant)
    if query.in_conversation:
        conditions = [somewhere_in_conversation(item, context) for item in query.items]
        asked = Asked(
            assistant.pk, stretch=min((one.stretch for one in conditions), default=0), is_costly=False
        )
    else:
        conditions = [compiled(item, context) for item in query.items]
        asked = _asked(query, conditions, context)
    for one in conditions:
        found = found.filter(one.q)
    if query.sample is not None:
        drawn = draw(found, query.sample)
        found = sessions.filter(pk__in=drawn)
        asked = Asked(assistant.pk, stretch=LOOKED_AT, drawn=tuple(drawn))
    found._hints = {**found._hints, "asked": asked}  # type: ignore[attr-defined]
    return found


def draw(sessions: QuerySet[Session], size: int) -> list[int]:
    """An unbiased sample, the same whenever it is drawn: the first by the hash of the event that a session began with."""
    return list(sessions.order_by("start_hash", "pk").values_list("pk", flat=True)[:size])


def _asked(query: Query, conditions: Sequence[Condition], context: Context) -> Asked:
    driver, is_few = _driver(conditions, context)
    since = until = None
    stretches: list[int] = []
    texts: list[QuerySet[SearchChunk]] = []
    for item, one in zip(query.items, conditions, strict=True):
        if isinstance(item, Term) and item.field == "date" and not item.negated:
            lowest, highest = _hull(item, context)
            since = max((bound for bound in (since, lowest) if bound is not None), default=None)
            until = min((bound for bound in (until, highest) if bound is not None), default=None)
            stretches += [one.stretch] * (len(item.values) > 1)
        elif driver is not None and one.plain is not None and one.plain.drives:
            pass
        else:
            stretches.append(one.stretch)
            chunks = (search.holding(wanted) for _side, wanted in one.texts)
            texts += [found for found in chunks if found is not None]
    stretch = 0 if is_few else min(stretches, default=0)
    walks = driver is not None and not texts and LOOKED_AT not in stretches
    is_costly = any(one.is_costly for one in conditions)
    gathers = any(one.gathers for one in conditions)
    return Asked(context.assistant.pk, driver, since, until, stretch, walks, tuple(texts), gathers, is_costly)


def _driver(conditions: Sequence[Condition], context: Context) -> tuple[Driver | None, bool]:
    """The set of value rows, of which every match has one, that is rarest in newer sessions; and whether it is small."""
    sets = list(
        dict.fromkeys(rows for one in conditions for rows in one.drives if len(rows) <= MOST_BRANCHES)
    )
    if not sets:
        return None, False
    chosen, is_few = sets[0], False
    if len(sets) > 1 or len(conditions) > 1 or conditions[0].plain is None:
        depths = _depths(sets[:MOST_BRANCHES], context.assistant.pk)
        least = min(depths)
        chosen, is_few = sets[depths.index(least)], least == -math.inf
    for one in conditions:
        if one.plain is not None and one.drives == (chosen,):
            one.plain.drives = True
            break
    return Driver(chosen), is_few


def _depths(sets: Iterable[RowSet], assistant_id: int) -> list[float]:
    """How new (the period) the last of the FEW newest rows of each set is; minus infinity where it has not as many."""
    one = (
        "(SELECT period FROM conversations_sessionvalue WHERE assistant_id = %s AND kind = %s AND value = %s"
        f" ORDER BY period DESC LIMIT 1 OFFSET {FEW})"
    )
    sets = list(sets)
    rows = [row for each in sets for row in each]
    with connection.cursor() as cursor:
        parameters = [part for row in rows for part in (assistant_id, *row)]
        cursor.execute(f"SELECT {', '.join([one] * len(rows))}", parameters)
        found = dict(zip(rows, cursor.fetchone(), strict=True))
    return [max(-math.inf if found[row] is None else found[row] for row in each) for each in sets]


def _hull(term: Term, context: Context) -> tuple[float | None, float | None]:
    """The smallest stretch of time that holds all intervals of a date term."""
    intervals = [times.interval(value, context) for value in term.values]
    starts = [interval.start for interval in intervals]
    ends = [interval.end for interval in intervals]
    return (
        None if None in starts else min(start for start in starts if start is not None),
        None if None in ends else max(end for end in ends if end is not None),
    )
