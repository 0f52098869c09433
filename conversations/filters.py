"""Answers a query: the conditions that the query language, the URL and the API put on sessions, as a queryset.

One way for pages, API, export and bulk. Each condition is answered by an index. `pages.py` takes one of them as the
driver, so that the newest fifty are read from the index in their order, however rare or old the value is.
"""

import math
import zoneinfo
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.core.exceptions import FullResultSet
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.sql.compiler import SQLCompiler

from conversations import search
from conversations.models import Assistant, Event, SearchChunk, Session, SessionValue
from conversations.query import Features, Or, Query, Range, Term, Text, When, Word
from conversations.query.ast import Item, Value
from conversations.query.dates import Interval, resolve
from conversations.summary import UNSURE, UNSURE_BELOW, value_key

Kind = SessionValue.Kind
FEATURES = Features(
    alternatives=True
)  # parts of the language that have an answer; the rest is a mistake, said where it stands
VALUE_KINDS = {
    "intent": Kind.INTENT,
    "action": Kind.ACTION,
    "entity": Kind.ENTITY,
    "policy": Kind.POLICY,
    "channel": Kind.CHANNEL,
    "environment": Kind.ENVIRONMENT,
    "is": Kind.IS,
}
NUMBERS = {
    "turns": "n_user_messages",
    "intent-confidence": "min_intent_confidence",
    "action-confidence": "min_action_confidence",
}


@dataclass(frozen=True)
class Driver:
    """The value rows that a list may be read from in order of activity: sessions with any of them, as (kind, value)."""

    rows: tuple[tuple[int, str], ...]


@dataclass(frozen=True)
class Asked:
    """What `pages.py` needs to know of a queryset that `matching` made.

    `since`, `until`: bounds of activity (UTC seconds; None: none) that every match keeps. `stretch`: how many
    candidates to try in order before gathering all matches; 0 when nothing else is asked than the bounds and the
    driver, so that every row read is a row shown. `texts`: chunks of which every match has one, by each text term.
    """

    assistant_id: int
    driver: Driver | None = None
    since: float | None = None
    until: float | None = None
    stretch: int = 0
    texts: tuple[QuerySet[SearchChunk], ...] = ()


@dataclass(frozen=True)
class Context:
    """What conditions are asked in."""

    assistant: Assistant
    now: datetime
    zone: zoneinfo.ZoneInfo
    driver: Term | None


def matching(
    sessions: QuerySet[Session], query: Query, *, assistant: Assistant, now: float
) -> QuerySet[Session]:
    """Those of `sessions` that `query` is true of, unordered; none for a query with a mistake.

    `now`: UTC seconds. Dates are the assistant's: a shared view is the same list for everybody.
    Raises NotAnswered for parts of the language that have no answer yet (`parse` reports them as mistakes).
    """
    if query.impossible:
        return sessions.none()
    context = context_of(assistant, now, _driver(query))
    found = sessions.filter(assistant=assistant)
    for item in query.items:
        found = found.filter(condition(item, context))
    found._hints = {**found._hints, "asked": _asked(query, context)}  # type: ignore[attr-defined]
    return found


def context_of(assistant: Assistant, now: float, driver: Term | None = None) -> Context:
    """The assistant at this moment (UTC seconds), for `condition`."""
    return Context(assistant, datetime.fromtimestamp(now, UTC), zone_of(assistant), driver)


def asked_of(sessions: QuerySet[Session]) -> Asked | None:
    """What `matching` noted on this queryset; None for one that it did not make."""
    return sessions._hints.get("asked")  # type: ignore[attr-defined, no-any-return]


class HasValue(Exists):
    """Whether the session has a value; not asked again of rows that were read from the driver's value rows.

    Asked twice, the planner takes the two for independent, expects few rows, and sorts all of them.
    """

    drives = False

    def as_sql(
        self,
        compiler: SQLCompiler,
        connection: BaseDatabaseWrapper,
        template: str | None = None,
        **extra_context: Any,
    ) -> tuple[str, tuple[str | int, ...]]:
        """Raises FullResultSet, so that the condition is left out, in a query that is `driven` by its values."""
        if self.drives and getattr(compiler.query, "is_driven", False):
            raise FullResultSet
        return super().as_sql(compiler, connection, template, **extra_context)


class NotAnswered(NotImplementedError):
    """The query language reads this, but no filter answers it yet."""


def zone_of(assistant: Assistant) -> zoneinfo.ZoneInfo:
    """The assistant's time zone; UTC when this machine does not know it."""
    try:
        return zoneinfo.ZoneInfo(assistant.time_zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        return zoneinfo.ZoneInfo("UTC")


def condition(item: Item, context: Context) -> Q:
    """One item of a query as a condition on Session. Raises NotAnswered."""
    if isinstance(item, Or):
        either = Q()
        for alternative in item.alternatives:
            either |= condition(alternative, context)
        return ~either if item.negated else either
    if isinstance(item, Text):
        return _said(item)
    if not isinstance(item, Term):
        raise NotAnswered(type(item).__name__)
    if item.field in VALUE_KINDS:
        found = _has_value(item, context)
    elif item.field in search.SIDES:
        return _said(item)
    elif item.field in NUMBERS:
        found = _any(between(NUMBERS[item.field], value) for value in item.values if isinstance(value, Range))
    elif item.field == "date":
        found = _any(_during(_interval(value, context)) for value in item.values)
    else:
        raise NotAnswered(item.field)
    return ~found if item.negated else found


def _any(conditions: Iterable[Q]) -> Q:
    either = Q()
    for one in conditions:
        either |= one
    return either


def _texts(item: Term | Text) -> list[tuple[str, bool]]:
    return [(word.text, word.prefix) for word in item.values if isinstance(word, Word)]


def _said(item: Term | Text) -> Q:
    return search.said(item.field, _texts(item), negated=item.negated)


def between(column: str, wanted: Range) -> Q:
    """A number within the range; a session without the number is not."""
    inside = Q(**{f"{column}__isnull": False})
    if wanted.low is not None:
        inside &= Q(**{f"{column}__{'gt' if wanted.low_open else 'gte'}": wanted.low})
    if wanted.high is not None:
        inside &= Q(**{f"{column}__{'lt' if wanted.high_open else 'lte'}": wanted.high})
    return inside


def _interval(value: Value, context: Context) -> Interval:
    """A date as written, or seconds as the API gives them."""
    if isinstance(value, When):
        return resolve(value.text, context.now, context.zone)
    wanted = value if isinstance(value, Range) else Range()
    # The end of an interval is left out, that of a range is in.
    return Interval(wanted.low, None if wanted.high is None else math.nextafter(wanted.high, math.inf))


def _during(interval: Interval) -> Q:
    inside = Q()
    if interval.start is not None:
        inside &= Q(activity_at__gte=interval.start)
    if interval.end is not None:
        inside &= Q(activity_at__lt=interval.end)
    return inside


@dataclass(frozen=True)
class _Part:
    """Some of a term's values, under one kind of value rows; `further` is what else is asked of the session."""

    kind: int
    values: tuple[str, ...]
    further: Q = field(default_factory=Q)


def _parts(term: Term) -> list[_Part]:
    words = [word for word in term.values if isinstance(word, Word)]
    plain = tuple(value_key(word.text) for word in words if word.confidence is None)
    parts = [_Part(VALUE_KINDS[term.field], plain)] if plain else []
    for word in words:
        if word.confidence is None:
            continue
        high = word.confidence.high
        if high is None or high > UNSURE_BELOW or (high == UNSURE_BELOW and not word.confidence.high_open):
            kind, further = int(Kind.INTENT), _with_confidence(word.text, word.confidence)
        else:
            is_whole = high == UNSURE_BELOW and word.confidence.low is None
            kind, further = UNSURE, Q() if is_whole else _with_confidence(word.text, word.confidence)
        parts.append(_Part(kind, (value_key(word.text),), further))
    return parts


def _has_value(term: Term, context: Context) -> Q:
    parts = _parts(term)
    either = Q()
    for part in parts:
        rows = SessionValue.objects.filter(
            session=OuterRef("pk"), assistant=context.assistant, kind=part.kind
        )
        # One value by equality: the planner then knows that there is at most one such row.
        one = len(part.values) == 1
        has_value = HasValue(rows.filter(value=part.values[0]) if one else rows.filter(value__in=part.values))
        # With several parts, a row read for one of them still has to be asked whether its own part is true.
        has_value.drives = term is context.driver and len(parts) == 1
        either |= Q(has_value) & part.further
    return either


def _with_confidence(intent: str, confidence: Range) -> Q:
    """A user message of the session was understood as this intent with such a confidence."""
    messages = Event.objects.filter(
        between("confidence", confidence),
        _not_before_start(),
        _not_after_last(),
        conversation=OuterRef("conversation"),
        timestamp__gte=OuterRef("start_at"),
        timestamp__lte=OuterRef("last_at"),
        type="user",
        name=intent,
    )
    if confidence.high is None:
        return Q(Exists(messages))
    # The session's own lowest, which leaves payloads out, spares most of the others a look at their events.
    lowest = between("min_intent_confidence", Range(high=confidence.high, high_open=confidence.high_open))
    return (lowest | Q(n_payloads__gt=0)) & Q(Exists(messages))


def _not_before_start() -> Q:
    rank, digest = OuterRef("start_rank"), OuterRef("start_hash")
    return Q(timestamp__gt=OuterRef("start_at")) | Q(rank__gt=rank) | Q(rank=rank, hash__gte=digest)


def _not_after_last() -> Q:
    rank, digest = OuterRef("last_rank"), OuterRef("last_hash")
    return Q(timestamp__lt=OuterRef("last_at")) | Q(rank__lt=rank) | Q(rank=rank, hash__lte=digest)


# Candidates whose own row answers, at less than 1 us each, whose words are compared, at 5 us, whose events are read, at 20.
LOOKED_AT, LOOKED_UP, LOOKED_INTO = 3_000, 1_700, 1_000
MOST_BRANCHES = 8  # values of a driver that are read side by side; more are found as a set and sorted


def _asked(query: Query, context: Context) -> Asked:
    driver: Driver | None = None
    since = until = None
    stretches: list[int] = []
    texts: list[QuerySet[SearchChunk]] = []
    for item in query.items:
        if isinstance(item, Term) and item.field == "date" and not item.negated:
            lowest, highest = _hull(item, context)
            since = max((bound for bound in (since, lowest) if bound is not None), default=None)
            until = min((bound for bound in (until, highest) if bound is not None), default=None)
            stretches += [LOOKED_AT] * (len(item.values) > 1)
        elif item is context.driver:
            parts = _parts(item)
            driver = Driver(tuple({(part.kind, value): None for part in parts for value in part.values}))
            stretches += [LOOKED_INTO] * any(part.further for part in parts)
        else:
            stretches.append(_stretch(item))
            if isinstance(item, Term | Text) and item.field in search.SIDES and not item.negated:
                found = search.holding(_texts(item))
                texts += [] if found is None else [found]
    return Asked(context.assistant.pk, driver, since, until, min(stretches, default=0), tuple(texts))


def _stretch(item: Item) -> int:
    if not isinstance(item, Term | Text) or any(getattr(value, "confidence", None) for value in item.values):
        return LOOKED_INTO
    return LOOKED_AT if item.field in NUMBERS or item.field == "date" else LOOKED_UP


def _driver(query: Query) -> Term | None:
    """The first positive term of values, unless it has too many."""
    for item in query.items:
        if isinstance(item, Term) and not item.negated and item.field in VALUE_KINDS:
            return item if len(item.values) <= MOST_BRANCHES else None
    return None


def _hull(term: Term, context: Context) -> tuple[float | None, float | None]:
    """The smallest stretch of time that holds all intervals of a date term."""
    intervals = [_interval(value, context) for value in term.values]
    starts = [interval.start for interval in intervals]
    ends = [interval.end for interval in intervals]
    return (
        None if None in starts else min(start for start in starts if start is not None),
        None if None in ends else max(end for end in ends if end is not None),
    )
