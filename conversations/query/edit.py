"""The two edits of chips and facets: take one condition out of a query's text, put one in."""

from __future__ import annotations

from dataclasses import replace

from .ast import NOWHERE, Item, Query, Setting, Term, Word
from .fields import FIELDS, find
from .parser import parse
from .render import render_item


def without(query: Query, item: Item | Setting) -> str:
    """The query's text with one of its items or settings (the very object) taken out.

    Works on the text as written where there is one: a part that was wrong stays there, and so does its mistake.
    """
    return _exchange(query, item, "")


def with_term(query: Query, field: str, value: str, *, negated: bool = False, any_of: bool = False) -> str:
    """The query's text with `field:value` added, unless it stands there already.

    `value` is taken literally for names and texts; for numbers and dates it is an expression such as `>5` or `7d`.
    `any_of`: where a positive term of the field stands already, the value joins its values (`a,b`).
    """
    term = _term(field, value, negated)
    for item in query.items:
        if not isinstance(item, Term) or item.field != term.field or item.negated != negated:
            continue
        if item == term or (any_of and not negated and term.values[0] in item.values):
            return _exchange(query, None, "")
        if any_of and not negated:
            return _exchange(query, item, render_item(replace(item, values=item.values + term.values)))
    return f"{_exchange(query, None, '')} {render_item(term)}".strip()


def _term(field: str, value: str, negated: bool) -> Term:
    row = find(field, FIELDS)
    name = row.name if row else field
    if row and row.kind in ("number", "date"):
        read = parse(f"{'-' * negated}{name}:{value}").query.items
        if len(read) == 1 and isinstance(read[0], Term):
            return read[0]
    return Term(name, (Word(value),), negated)


def _exchange(query: Query, item: Item | Setting | None, text: str) -> str:
    """The query's text with `text` where `item` stood (None: as it is)."""
    if query.source is None or (item is not None and item.span == NOWHERE):
        parts = [text if other is item else render_item(other) for other in (*query.items, *query.settings)]
        return " ".join(filter(None, parts))
    if item is None:
        return query.source.strip()
    start, end = item.span
    return " ".join(filter(None, (query.source[:start].strip(), text, query.source[end:].strip())))
