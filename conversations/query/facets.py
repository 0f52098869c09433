"""The facet panel and the text: what a query says about one field at its top level, and the text that says it.

`with_facet(query, field, facet)` gives a text whose `facet` is that facet again, and of which nothing else changed;
conditions inside parentheses and beside then and never are no facets and stay.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from .ast import Query, Term, Value, Word
from .edit import Change, edited
from .fields import find
from .parser import parse
from .render import render_item, render_value

State = Literal["chosen", "excluded", "off"]


@dataclass(frozen=True, slots=True)
class Facet:
    """Any or all of the `chosen` values, and none of the `excluded`. With less than two chosen, mode is "any".

    `mixed`: the text asks for more than one list of alternatives (`intent:a,b intent:c`), which a panel cannot show
    as any or all; `toggled` still changes single values of it.
    """

    chosen: tuple[Value, ...] = ()
    excluded: tuple[Value, ...] = ()
    mode: Literal["any", "all"] = "any"
    mixed: bool = False

    def state(self, value: Value | str) -> State:
        """How the panel shows this value; a str is a name."""
        value = Word(value) if isinstance(value, str) else value
        return "chosen" if value in self.chosen else "excluded" if value in self.excluded else "off"


def facet(query: Query, field: str) -> Facet:
    """What the top level of `query` says about `field`."""
    positive = _terms(query, field, negated=False)
    chosen = tuple(dict.fromkeys(value for term in positive for value in term.values))
    excluded = tuple(
        dict.fromkeys(value for term in _terms(query, field, negated=True) for value in term.values)
    )
    single = all(len(set(term.values)) == 1 for term in positive)
    mode: Literal["any", "all"] = "all" if single and len(chosen) > 1 else "any"
    return Facet(chosen, excluded, mode, mixed=not single and len(positive) > 1)


def with_facet(query: Query, field: str, wanted: Facet) -> str:
    """The query's text with `wanted` as its facet of `field`; `wanted.mixed` is not looked at.

    Edited terms are written anew where the first of them stood, new ones at the end.
    """
    now = facet(query, field)
    alternatives = [wanted.chosen] if wanted.mode == "any" else [(value,) for value in wanted.chosen]
    positive = [Term(field, values) for values in alternatives if values]
    negative = [Term(field, wanted.excluded, negated=True)] if wanted.excluded else []
    changes: list[Change] = []
    added: list[Term] = []
    if now.mixed or (now.chosen, now.mode) != (wanted.chosen, wanted.mode):
        _rewrite(_terms(query, field, negated=False), positive, changes, added)
    if now.excluded != wanted.excluded:
        _rewrite(_terms(query, field, negated=True), negative, changes, added)
    return edited(query, changes, " ".join(map(render_item, added)))


def _rewrite(old: list[Term], new: list[Term], changes: list[Change], added: list[Term]) -> None:
    """Puts the new terms where the first of the old ones stands, else among those to add."""
    if not old:
        added += new
    for index, term in enumerate(old):
        changes.append((term, "" if index else " ".join(map(render_item, new))))


def toggled(
    query: Query, field: str, value: Value | str, state: State, *, mode: Literal["any", "all"] | None = None
) -> str:
    """The text with one value chosen, excluded, or neither; a str is a name. `mode`: how it joins other chosen ones
    (None: as they are joined now). In a mixed text a newly chosen value narrows."""
    value = Word(value) if isinstance(value, str) else value
    now = facet(query, field)
    chosen = tuple(other for other in now.chosen if other != value)
    excluded = tuple(other for other in now.excluded if other != value)
    if state == "excluded":
        excluded = now.excluded if value in now.excluded else (*excluded, value)
    elif state == "chosen":
        chosen = now.chosen if value in now.chosen else (*chosen, value)
    if not now.mixed:
        joined = mode or now.mode
        return with_facet(query, field, Facet(chosen, excluded, joined if len(chosen) > 1 else "any"))
    changes: list[Change] = []
    for term in _terms(query, field):
        keeps = excluded if term.negated else chosen
        rest = tuple(other for other in term.values if other in keeps)
        if rest != term.values:
            changes.append((term, render_item(replace(term, values=rest)) if rest else ""))
    new = {"chosen": value not in now.chosen, "excluded": value not in now.excluded}.get(state, False)
    added = render_item(Term(field, (value,), state == "excluded")) if new else ""
    return edited(query, changes, added)


def value_text(field: str, value: Value) -> str:
    """A value as it stands behind `field:`, for forms and links."""
    return render_value(value, field)


def text_value(field: str, text: str) -> Value | None:
    """The value that `value_text` wrote; None if `text` is not exactly one value of the field."""
    row = find(field)
    parsed = parse(f"{row.name}:{text}") if row else None
    if parsed is None or parsed.mistakes or parsed.query.settings or len(parsed.query.items) != 1:
        return None
    term = parsed.query.items[0]
    return term.values[0] if isinstance(term, Term) and len(term.values) == 1 else None


def _terms(query: Query, field: str, negated: bool | None = None) -> list[Term]:
    return [
        item
        for item in query.items
        if isinstance(item, Term) and item.field == field and negated in (None, item.negated)
    ]
