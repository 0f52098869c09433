"""The canonical text of a query: what the address line, saved views and the facet panel hold."""

from __future__ import annotations

import re

from .ast import Group, Item, Query, Range, Sequence, Setting, Term, Text, Value, When, Word

_UNSAFE = re.compile(r'[\s"\u201c\u201d\u201e(),<>*:\\]|^[-\u2013\u2212]')
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
        return f"{minus}{item.field}:{','.join(map(render_value, item.values))}"
    if isinstance(item, Group):
        return f"{minus}({' '.join(map(render_item, item.terms))})"
    return f"{minus}({' OR '.join(map(render_item, item.alternatives))})"


def render_value(value: Value) -> str:
    if isinstance(value, Range):
        return render_range(value)
    if isinstance(value, When):
        return value.text
    return (
        quote(value)
        + ("*" if value.prefix else "")
        + (render_range(value.confidence) if value.confidence else "")
    )


def render_range(numbers: Range) -> str:
    low, high = render_number(numbers.low), render_number(numbers.high)
    if numbers.low is None:
        return f"{'<' if numbers.high_open else '<='}{high}"
    if numbers.high is None:
        return f"{'>' if numbers.low_open else '>='}{low}"
    return low if numbers.low == numbers.high else f"{low}..{high}"


def render_number(number: float | None) -> str:
    if number is None:
        return ""
    return str(number) if isinstance(number, int) else f"{number:.9f}".rstrip("0").rstrip(".")


def quote(word: Word) -> str:
    """The word's text, in quotes where it would be read as something else without."""
    if word.text and not _UNSAFE.search(word.text) and not _RESERVED.fullmatch(word.text):
        return word.text
    escaped = word.text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
