"""Date expressions: `7d`, `today`, `last-week`, `2026-10-01`, `2026-10`, `2026-10-01T14:30`, ranges and comparisons.

They stay as written in queries and saved views, and become a half-open interval of UTC seconds only when asked,
for a given now and the zone of the assistant, so that a shared view is the same list for everybody.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

WORDS = (
    "today", "yesterday", "this-week", "last-week", "this-month", "last-month", "this-year", "last-year",
)  # fmt: skip
FIRST_YEAR, LAST_YEAR = 1970, 2199

_ABSOLUTE = re.compile(
    r"([0-9]{4})(?:-([0-9]{1,2})(?:-([0-9]{1,2})(?:t([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?)?)?)?"
)
_AGO = re.compile(r"([0-9]{1,4})(min|h|d|w|mo|y)")
_AMBIGUOUS = re.compile(r"[0-9]{1,4}m")
_COMPARISON = re.compile(r"(<=|>=|<|>)(.+)")


@dataclass(frozen=True, slots=True)
class Interval:
    """From `start` up to, not including, `end`: UTC seconds since 1970, None where there is no bound."""

    start: float | None
    end: float | None

    def __contains__(self, seconds: float) -> bool:
        return (self.start is None or seconds >= self.start) and (self.end is None or seconds < self.end)


class BadDate(ValueError):
    """The text is no date expression; `code` is the id of the mistake to report."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def check(text: str) -> None:
    """Whether `text` can be resolved at any time. Raises BadDate."""
    operator, *points = _split(text)
    # A fixed now and zone: only ranges of one sort (two days, or two distances from now) have an order of their own.
    now = datetime(2026, 7, 1, 12, tzinfo=UTC)
    for point in points if operator == ".." else points[:1]:
        if point or operator != "..":
            _point(point, now, UTC)
    if all(_ABSOLUTE.fullmatch(point) for point in points) or all(_AGO.fullmatch(point) for point in points):
        interval = resolve(text, now, UTC)
        if interval.start is not None and interval.end is not None and interval.start >= interval.end:
            raise BadDate("reversed")


def resolve(text: str, now: datetime, zone: tzinfo) -> Interval:
    """The interval that `text` means at `now` (aware) in `zone`; empty when it ends before it begins.

    A day is the zone's calendar day, 23 or 25 hours long when clocks change. `7d` begins at this wall-clock time
    seven days ago and has no end, so that a bot whose clock runs ahead is not missed. Raises BadDate.
    """
    operator, first, last = _split(text)
    if operator == "..":
        start = _point(first, now, zone)[0] if first else None
        end = _point(last, now, zone)[1] if last else None
        if start is not None and end is not None:
            end = max(start, end)
        return Interval(start, end)
    start, end = _point(first, now, zone)
    if operator == ">":
        return Interval(end, None)
    if operator == ">=":
        return Interval(start, None)
    if operator == "<":
        return Interval(None, start)
    if operator == "<=":
        return Interval(None, end)
    return Interval(start, None if _AGO.fullmatch(first) else end)


def _split(text: str) -> tuple[str, str, str]:
    """Operator ("" for a plain point), first and last point of an expression."""
    text = text.lower()
    if comparison := _COMPARISON.fullmatch(text):
        operator, point = comparison.groups()
        if _AGO.fullmatch(point):
            raise BadDate("date_comparison")  # "<7d" reads as younger to some and as older to others
        return operator, point, ""
    first, dots, last = text.partition("..")
    if dots and not first and not last:
        raise BadDate("not_a_date")
    return dots, first, last


def _point(text: str, now: datetime, zone: tzinfo) -> tuple[float, float]:
    """Start and end of the day, month, minute... that `text` names; both the same instant for `7d`."""
    if match := _AGO.fullmatch(text):
        instant = _ago(int(match[1]), match[2], now, zone)
        return instant, instant
    if match := _ABSOLUTE.fullmatch(text):
        return _absolute(match, zone)
    if text in WORDS:
        return _named(text, now.astimezone(zone).date(), zone)
    raise BadDate("date_unit" if _AMBIGUOUS.fullmatch(text) else "not_a_date")


def _ago(count: int, unit: str, now: datetime, zone: tzinfo) -> float:
    if unit in ("min", "h"):
        return max(0.0, now.timestamp() - count * (60 if unit == "min" else 3600))
    wall = now.astimezone(zone).replace(tzinfo=None)
    try:
        if unit in ("d", "w"):
            wall -= timedelta(days=count * (7 if unit == "w" else 1))
        else:
            day = _add_months(wall.date(), -count * (12 if unit == "y" else 1), keep_day=True)
            wall = datetime.combine(day, wall.time())
    except (OverflowError, ValueError):
        return 0.0
    return max(0.0, _seconds(wall, zone)) if wall.year >= FIRST_YEAR else 0.0


def _absolute(match: re.Match[str], zone: tzinfo) -> tuple[float, float]:
    year, month, day, hour, minute, second = (int(part) if part else None for part in match.groups())
    if year is None or not FIRST_YEAR <= year <= LAST_YEAR:
        raise BadDate("no_such_day")
    try:
        start = datetime.combine(date(year, month or 1, day or 1), time(hour or 0, minute or 0, second or 0))
    except ValueError:
        raise BadDate("no_such_day") from None
    if hour is not None:
        # Where the clock is set back a minute happens twice: both are meant.
        return _seconds(start, zone), _seconds(start.replace(fold=1), zone) + (60 if second is None else 1)
    if day is not None:
        return _days(start.date(), start.date() + timedelta(days=1), zone)
    return _days(start.date(), _add_months(start.date(), 1 if month else 12), zone)


def _named(word: str, today: date, zone: tzinfo) -> tuple[float, float]:
    if word in ("today", "yesterday"):
        first = today - timedelta(days=word == "yesterday")
        return _days(first, first + timedelta(days=1), zone)
    back = word.startswith("last")
    if word.endswith("week"):
        monday = today - timedelta(days=today.weekday() + 7 * back)
        return _days(monday, monday + timedelta(days=7), zone)
    months = 1 if word.endswith("month") else 12
    first = today.replace(day=1) if months == 1 else today.replace(month=1, day=1)
    first = _add_months(first, -months * back)
    return _days(first, _add_months(first, months), zone)


def _add_months(day: date, months: int, keep_day: bool = False) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    for number in (day.day, 30, 29, 28) if keep_day else (1,):
        try:
            return date(year, month + 1, number)
        except ValueError:
            if number == 28:
                raise
    raise ValueError("no such month")


def _days(first: date, after: date, zone: tzinfo) -> tuple[float, float]:
    midnight = datetime.min.time()
    return _seconds(datetime.combine(first, midnight), zone), _seconds(
        datetime.combine(after, midnight), zone
    )


def _seconds(wall: datetime, zone: tzinfo) -> float:
    """UTC seconds of a wall-clock time; one that the clock skips counts with the offset before the change, which
    makes midnight the very moment of the change where clocks change at midnight."""
    return wall.replace(tzinfo=zone).timestamp()
