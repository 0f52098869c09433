"""Reads values that have an order: whole numbers, confidences, lengths of time, times of day."""

from __future__ import annotations

import re
from collections.abc import Callable

from .ast import Range, Span
from .field import Field
from .mistakes import Mistake

Report = Callable[[Mistake], None]

NUMBER = r"[0-9]{1,15}(?:\.[0-9]{1,9})?"
SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86400}
_UNIT_NAMES = {"": "s", "sec": "s", "m": "min"}
_COMPARISON = re.compile(r"(<=|>=|<|>)(.*)", re.DOTALL)
_NUMBER = re.compile(NUMBER)
_CONFIDENCE = re.compile(rf"({NUMBER}|\.[0-9]{{1,9}})(%?)")
_DURATION = re.compile(r"([0-9]{1,9})(s|sec|min|m|h|d|)")
_CLOCK = re.compile(r"([0-9]{1,2}):([0-9]{2})")
_HOURS = re.compile(r"([0-9]{1,2})(:[0-9]{2})?(\.\.)([0-9]{1,2})(:[0-9]{2})?|([0-9]{1,2})")
DAY = 24 * 60


class _Wrong(ValueError):
    """What is wrong with a point, and what may have been meant."""

    def __init__(self, code: str, suggestion: str | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.suggestion = suggestion


def read(field: Field, text: str, span: Span, report: Report) -> Range | None:
    """The range that `text` means for a field of a measured kind, or None after a report of what is wrong."""
    try:
        return _READERS[field.kind](text.lower())
    except _Wrong as wrong:
        report(Mistake(wrong.code, span, {"value": text, "field": field.name}, wrong.suggestion))
        return None


def confidence(name: str, condition: str, span: Span, report: Report) -> Range | None:
    """The range of a short form, `<0.6` or `>=60%` after `name`, or None after a report of what is wrong."""
    try:
        return _confidences(condition)
    except _Wrong as wrong:
        suggestion = name + wrong.suggestion if name and wrong.suggestion else None
        report(Mistake("no_confidence", span, {"value": condition}, suggestion))
        return None


def as_number(text: str) -> float:
    return float(text) if "." in text and float(text) % 1 else int(text.partition(".")[0] or 0)


def _numbers(text: str) -> Range:
    found = _compared(text, _whole, "not_a_number")
    if found.low is not None and found.high is not None and found.low > found.high:
        raise _Wrong("reversed", f"{found.high}..{found.low}")
    return found


def _confidences(text: str) -> Range:
    found = _compared(text, _share, "no_confidence")
    if found.low is not None and found.high is not None and found.low > found.high:
        low, _, high = text.partition("..")
        raise _Wrong("reversed", f"{high}..{low}")
    return found


def _durations(text: str) -> Range:
    if match := _DURATION.fullmatch(text):
        # A plain length is the whole unit: nothing lasts ten minutes to the microsecond.
        size = SECONDS[_UNIT_NAMES.get(match[2], match[2])]
        low = int(match[1]) * size
        return Range(low, low + size, high_open=True, unit="s")
    first, dots, last = text.partition("..")
    if dots and first.isdecimal() and (unit := _DURATION.fullmatch(last)) and unit[2]:
        raise _Wrong("duration_unit", f"{first}{unit[2]}..{last}")  # 1 second, or 1 hour?
    found = _compared(text, _seconds, "not_a_duration")
    if found.low is not None and found.high is not None and found.low > found.high:
        raise _Wrong("reversed", f"{last}..{first}")
    return Range(found.low, found.high, found.low_open, found.high_open, unit="s")


def _times(text: str) -> Range:
    if match := _HOURS.fullmatch(text):
        if match[6]:
            suggestion = f"{match[6].zfill(2)}:00..{match[6].zfill(2)}:59"
        else:
            suggestion = f"{match[1].zfill(2)}{match[2] or ':00'}..{match[4].zfill(2)}{match[5] or ':00'}"
        if not (match[2] and match[5]):
            raise _Wrong("not_a_time", suggestion if _sound(suggestion) else None)
    found = _compared(text, _minute, "not_a_time")
    low = 0 if found.low == DAY and ".." in text else found.low
    high = DAY - 1 if found.high == DAY and ".." in text else found.high
    if DAY in (low, high):
        raise _Wrong("not_a_time")
    return Range(low, high, found.low_open, found.high_open, unit="min")


def _sound(times: str) -> bool:
    return all(_CLOCK.fullmatch(part) and int(part[:2]) < 24 for part in times.split(".."))


def _compared(text: str, point: Callable[[str], float], code: str) -> Range:
    """`5`, `>5`, `2..5`, `..5`, `5..`."""
    if match := _COMPARISON.fullmatch(text):
        try:
            bound = point(match[2])
        except _Wrong as wrong:
            raise _Wrong(wrong.code, wrong.suggestion and match[1] + wrong.suggestion) from None
        if match[1].startswith("<"):
            return Range(high=bound, high_open=match[1] == "<")
        return Range(low=bound, low_open=match[1] == ">")
    first, dots, last = text.partition("..")
    if not dots:
        return Range(point(first), point(first))
    if not first and not last:
        raise _Wrong(code)
    try:
        return Range(point(first) if first else None, point(last) if last else None)
    except _Wrong as wrong:
        raise _Wrong(wrong.code) from None  # its suggestion is for one end alone


def _whole(text: str) -> float:
    number = as_number(text) if _NUMBER.fullmatch(text) else None
    if number is None or number % 1:
        raise _Wrong("not_a_number")
    return number


def _share(text: str) -> float:
    match = _CONFIDENCE.fullmatch(text)
    if not match:
        raise _Wrong("no_confidence")
    number = as_number(match[1])
    if match[2]:
        number = as_number(f"{round(number / 100, 9):.9f}")
    if number > 1:
        raise _Wrong("no_confidence", f"{match[1]}%" if number <= 100 and not match[2] else None)
    return number


def _seconds(text: str) -> float:
    match = _DURATION.fullmatch(text)
    if not match:
        raise _Wrong("not_a_duration", _in_whole_units(text))
    return int(match[1]) * SECONDS[_UNIT_NAMES.get(match[2], match[2])]


def _in_whole_units(text: str) -> str | None:
    """`90min` for `1.5h`."""
    match = re.fullmatch(r"([0-9]{1,4}\.[0-9]{1,2})(min|h|d)", text)
    smaller = {"min": "s", "h": "min", "d": "h"}
    if not match:
        return None
    unit = smaller[match[2]]
    return f"{round(float(match[1]) * SECONDS[match[2]] / SECONDS[unit])}{unit}"


def _minute(text: str) -> float:
    match = _CLOCK.fullmatch(text)
    if not match or int(match[2]) > 59 or int(match[1]) * 60 + int(match[2]) > DAY:
        raise _Wrong("not_a_time")
    return int(match[1]) * 60 + int(match[2])


_READERS: dict[str, Callable[[str], Range]] = {
    "number": _numbers,
    "confidence": _confidences,
    "duration": _durations,
    "time": _times,
}
