"""Dates, times of day and lengths of time as conditions on a session's columns."""

import math
import zoneinfo
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache

from django.db.models import F, FloatField, Max, Min, Q
from django.db.models.expressions import Combinable, CombinedExpression, Expression, Value
from django.db.models.functions import Floor
from django.db.models.lookups import GreaterThan, GreaterThanOrEqual, LessThan, LessThanOrEqual

from conversations.filters.context import Context
from conversations.models import Session
from conversations.query import Range, When
from conversations.query.dates import Interval, resolve

DAY = 86_400
_FIRST, _LAST = 0, 4_102_444_800  # 1970 and 2100: further out, the nearest offset holds


def interval(value: object, context: Context) -> Interval:
    """A date as written, or seconds as the API gives them."""
    if isinstance(value, When):
        return resolve(value.text, context.now, context.zone)
    wanted = value if isinstance(value, Range) else Range()
    # The end of an interval is left out, that of a range is in.
    return Interval(wanted.low, None if wanted.high is None else math.nextafter(wanted.high, math.inf))


def during(column: str, wanted: Interval) -> Q:
    """A time within the interval."""
    inside = Q()
    if wanted.start is not None:
        inside &= Q(**{f"{column}__gte": wanted.start})
    if wanted.end is not None:
        inside &= Q(**{f"{column}__lt": wanted.end})
    return inside


def between(column: str, wanted: Range) -> Q:
    """A number within the range; a session without the number is not."""
    inside = Q(**{f"{column}__isnull": False})
    if wanted.low is not None:
        inside &= Q(**{f"{column}__{'gt' if wanted.low_open else 'gte'}": wanted.low})
    if wanted.high is not None:
        inside &= Q(**{f"{column}__{'lt' if wanted.high_open else 'lte'}": wanted.high})
    return inside


def lasted(wanted: Range) -> Q:
    """From the first to the last event, in seconds."""
    length = CombinedExpression(F("last_at"), Combinable.SUB, F("start_at"), output_field=FloatField())
    return Q(*(lookup for lookup in _lookups(length, wanted)))


def _lookups(expression: Expression, wanted: Range) -> Iterator[Expression]:
    if wanted.low is not None:
        yield (GreaterThan if wanted.low_open else GreaterThanOrEqual)(expression, Value(float(wanted.low)))
    if wanted.high is not None:
        yield (LessThan if wanted.high_open else LessThanOrEqual)(expression, Value(float(wanted.high)))


def at_time_of_day(wanted: Range, context: Context) -> Q:
    """The last activity was in these minutes of the assistant's day."""
    low = 0 if wanted.low is None else (wanted.low + bool(wanted.low_open)) * 60
    high = DAY if wanted.high is None else (wanted.high + (not wanted.high_open)) * 60
    found = Q()
    for start, end, offset in _offsets(context):
        local = F("activity_at") + Value(float(offset))
        second = CombinedExpression(
            local,
            Combinable.SUB,
            Floor(local / Value(float(DAY))) * Value(float(DAY)),
            output_field=FloatField(),
        )
        late, early = (
            Q(GreaterThanOrEqual(second, Value(float(low)))),
            Q(LessThan(second, Value(float(high)))),
        )
        found |= during("activity_at", Interval(start, end)) & (
            late | early if wanted.wraps else late & early
        )
    return found


def _offsets(context: Context) -> list[tuple[float | None, float | None, int]]:
    """(from, until, seconds ahead of UTC) of the assistant's zone over all that its sessions reach."""
    span = Session.objects.filter(assistant=context.assistant).aggregate(
        first=Min("activity_at"), last=Max("activity_at")
    )
    first, last = (min(max(value or 0.0, _FIRST), _LAST) for value in (span["first"], span["last"]))
    # Whole years, so that few spans are ever asked for.
    year = 366 * DAY
    changes = transitions(context.zone.key, int(first // year) * year, int(last // year + 1) * year)
    ends: list[float | None] = [*(at for at, _ in changes[1:]), None]
    return [
        (at if number else None, end, offset)
        for number, ((at, offset), end) in enumerate(zip(changes, ends, strict=True))
    ]


@lru_cache(maxsize=64)
def transitions(zone: str, first: int, last: int) -> list[tuple[float, int]]:
    """When (UTC seconds) a zone's offset changes between two moments, with the offset from then on; first at `first`."""
    place = zoneinfo.ZoneInfo(zone)

    def offset(at: int) -> int:
        ahead = datetime.fromtimestamp(at, UTC).astimezone(place).utcoffset()
        return int(ahead.total_seconds()) if ahead is not None else 0

    found = [(float(first), offset(first))]
    step = 7 * DAY
    for at in range(first, last, step):
        low, high = at, at + step
        while offset(low) != offset(high):
            begin, end = low, high
            while end - begin > 1:
                middle = (begin + end) // 2
                if offset(middle) == offset(begin):
                    begin = middle
                else:
                    end = middle
            found.append((float(end), offset(end)))
            low = end
    return found
