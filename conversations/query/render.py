"""The canonical text of a query: what the address line, saved views and the facet panel hold."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

from .ast import Group, Item, Query, Range, Sequence, Setting, Special, Term, Text, Value, When, Word
from .fields import FIELDS
from .measures import SECONDS

_UNSAFE = re.compile(r'[\s"\u201c\u201d\u201e(),<>=*:\\]|^[-\u2013\u2212]')
_RESERVED = re.compile(r"OR|AND|NOT|then|never|THEN|NEVER")


def render(query: Query) -> str:
    """Canonical text: `parse(render(query))` is `query` again, for every query that `parse` can give."""
    return " ".join([*map(render_item, query.items), *map(render_item, query.settings)])


def render_item(item: Item | Setting) -> str:
    if isinstance(item, Setting):
        return f"{item.name}:{item.value}"
    if isinstance(item, Sequence):
        within = "" if item.within is None else f"<{item.within}"
        return f"{render_item(item.left)} {item.kind}{within} {render_item(item.right)}"
    minus = "-" if item.negated else ""
    if isinstance(item, Text):
        return minus + render_value(item.word)
    if isinstance(item, Term):
        return f"{minus}{item.field}:{','.join(_values(item))}"
    if isinstance(item, Group):
        return f"{minus}({' '.join(map(render_item, item.terms))})"
    return f"{minus}({' OR '.join(map(render_item, item.alternatives))})"


def _values(term: Term) -> Iterator[str]:
    """The values in their order, unless one would be read as a part of the one before (`<0,1`, `city=a,b`)."""
    values = term.values
    if any(_swallows(term.field, *pair) for pair in itertools.pairwise(values)):
        values = tuple(sorted(values, key=_is_open))
    before: Value | None = None
    for value in values:
        text = render_value(value, term.field)
        follows_confidence = isinstance(before, Word) and before.confidence is not None
        yield f'"{text}"' if follows_confidence and text.isdecimal() else text
        before = value


def _swallows(field: str, value: Value, following: Value) -> bool:
    if isinstance(value, Range) and isinstance(following, Range):
        is_share = field in FIELDS and FIELDS[field].kind == "confidence"
        whole = value.low in (None, 0, 1) and value.high in (None, 0, 1) and following.low in (0, 1)
        return is_share and whole and _is_open(value) and not _is_open(following)
    return _is_open(value) and not _is_open(following)


def _is_open(value: Value) -> bool:
    """Whether this is a comparison, or a slot with its value."""
    if isinstance(value, Range):
        return value.low != value.high
    return isinstance(value, Word) and value.equals is not None


def render_value(value: Value, field: str = "") -> str:
    """One value as it stands in a query; `field`: whose, because some words are special there."""
    if isinstance(value, Range):
        return render_range(value)
    if isinstance(value, When | Special):
        return value.text
    if value.equals is not None:
        return f"{quote(Word(value.text))}={quote(Word(value.equals))}"
    if field in FIELDS and _is_special(value, field):
        return f'"{value.text}"'
    confidence = render_range(value.confidence) if value.confidence else ""
    return quote(value) + ("*" if value.prefix else "") + confidence


def _is_special(word: Word, field: str) -> bool:
    row = FIELDS[field]
    text = word.text.lower()
    return text in dict(row.specials) or (row.kind == "person" and text == "nobody")


def render_range(numbers: Range) -> str:
    if numbers.unit == "s" and numbers.low is not None and numbers.high is not None and numbers.high_open:
        width = numbers.high - numbers.low  # a plain length of time is its whole unit
        unit = next((name for name, size in SECONDS.items() if size == width), "s")
        return f"{render_number(numbers.low / SECONDS[unit])}{unit}"
    write = {"s": render_duration, "min": render_clock}.get(numbers.unit, render_number)
    low, high = write(numbers.low), write(numbers.high)
    if numbers.low is None:
        return f"{'<' if numbers.high_open else '<='}{high}"
    if numbers.high is None:
        return f"{'>' if numbers.low_open else '>='}{low}"
    return low if numbers.low == numbers.high and numbers.unit != "s" else f"{low}..{high}"


def render_number(number: float | None) -> str:
    if number is None:
        return ""
    if isinstance(number, int):
        return str(number)
    return f"{number:.9f}".rstrip("0").rstrip(".")


def render_duration(seconds: float | None) -> str:
    """In the largest unit that comes out even: 600 is 10min, 90 is 90s."""
    if seconds is None:
        return ""
    unit = next(
        name for name, size in reversed(SECONDS.items()) if not seconds % size and (seconds or size == 1)
    )
    return f"{render_number(seconds / SECONDS[unit])}{unit}"


def render_clock(minute: float | None) -> str:
    """14:05 for the minute 845 of the day."""
    return "" if minute is None else "{:02}:{:02}".format(*divmod(int(minute), 60))


def quote(word: Word) -> str:
    """The word's text, in quotes where it would be read as something else without."""
    if word.text and not _UNSAFE.search(word.text) and not _RESERVED.fullmatch(word.text):
        return word.text
    escaped = word.text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
