"""Edits of a query's text, as chips and menus make them: take off, add.

All of them work on the text as written where there is one: what is not edited stays as it is, and a part that was
wrong stays there, and so does its mistake. Edited terms come back in canonical form.
"""

from __future__ import annotations

from collections.abc import Sequence as Several
from dataclasses import replace

from .ast import NOWHERE, Item, Query, Setting, Term, Word
from .field import MEASURED
from .fields import find
from .lexer import lex
from .parser import parse
from .render import render_item

Change = tuple[Item | Setting, str]


def without(query: Query, item: Item | Setting) -> str:
    """The query's text with one of its items or settings (the very object) taken out."""
    return edited(query, [(item, "")])


def with_setting(query: Query, name: str, value: str | None) -> str:
    """The text with `name:value` as its only setting of this name; None takes it out."""
    setting = next((one for one in query.settings if one.name == name), None)
    text = f"{name}:{value}" if value else ""
    return edited(query, [(setting, text)]) if setting else edited(query, [], text)


def with_term(query: Query, field: str, value: str, *, negated: bool = False, any_of: bool = False) -> str:
    """The query's text with `field:value` added, unless it stands there already.

    `value` is taken literally for names and texts; for numbers, dates and their like it is an expression such as
    `>5` or `7d`. `any_of`: where a positive term of the field stands already, the value joins its values (`a,b`).
    """
    term = _term(field, value, negated)
    for item in query.items:
        if not isinstance(item, Term) or item.field != term.field or item.negated != negated:
            continue
        if item == term or (any_of and not negated and term.values[0] in item.values):
            return edited(query, [])
        if any_of and not negated:
            return edited(query, [(item, render_item(replace(item, values=item.values + term.values)))])
    return edited(query, [], render_item(term))


def _term(field: str, value: str, negated: bool) -> Term:
    row = find(field)
    name = row.name if row else field
    if row and row.kind in MEASURED:
        read = parse(f"{'-' * negated}{name}:{value}").query.items
        if len(read) == 1 and isinstance(read[0], Term):
            return read[0]
    return Term(name, (Word(value),), negated)


def edited(query: Query, changes: Several[Change], added: str = "") -> str:
    """The query's text with other text where items or settings stood, and `added` beside it."""
    if query.source is None or any(item.span == NOWHERE for item, _ in changes):
        new = {id(item): text for item, text in changes}
        written = [new.get(id(item)) for item in (*query.items, *query.settings)]
        parts = [
            render_item(item) if text is None else text
            for item, text in zip((*query.items, *query.settings), written, strict=True)
        ]
        return " ".join(filter(None, [*parts, added]))
    text = query.source.strip()
    indent = len(query.source) - len(query.source.lstrip())
    for item, new_text in sorted(changes, key=lambda change: change[0].span, reverse=True):
        start, end = item.span[0] - indent, item.span[1] - indent
        text = " ".join(filter(None, (text[:start].rstrip(), new_text, text[end:].lstrip())))
    return _beside(text, added)


def _beside(text: str, added: str) -> str:
    """Both texts; the added one in front where the other would swallow it: an open quote, a then without its right
    side."""
    if not text or not added:
        return text or added
    lexemes, mistakes = lex(text)
    open_ended = any(mistake.code == "open_quote" for mistake in mistakes)
    if open_ended or (lexemes and lexemes[-1].kind in ("then", "never")):
        return f"{added} {text}"
    return f"{text} {added}"
