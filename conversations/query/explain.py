"""A query in words, as chips.

Sentences are put together from translated parts in the order of the query language itself (field, operator, value),
which every language of the page shares, and never by gluing translated half-sentences.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from .ast import (
    Group,
    Item,
    Or,
    Query,
    Range,
    Sequence,
    Setting,
    Span,
    Special,
    Term,
    Text,
    Value,
    When,
)
from .explain_dates import Ngettext, duration, english_plural, when
from .fields import FIELDS, SORTS, Field, is_turn
from .mistakes import Translate, gettext_noop
from .render import render_clock, render_number

PartKind = Literal["not", "field", "op", "value", "scope", "join"]

_OPS: Mapping[str, str] = {
    "is": gettext_noop("is"),
    "contains": gettext_noop("contains"),
    "begins": gettext_noop("contains a word that begins with"),
    "or": gettext_noop("or"),
    "and": gettext_noop("and"),
    "not": gettext_noop("not"),
    "anywhere": gettext_noop("anywhere in the session"),
    "same_turn": gettext_noop("in the same turn"),
    "any": gettext_noop("user or bot text"),
    "confidence": gettext_noop("with confidence"),
    "sort": gettext_noop("sorted by"),
    "sample": gettext_noop("random sample of"),
    "in": gettext_noop("in whole conversations"),
    "then": gettext_noop("then, in a later turn,"),
    "never": gettext_noop("and never after it"),
    "equals": gettext_noop("with the value"),
    "longer": gettext_noop("longer than %(number)s"),
    "shorter": gettext_noop("shorter than %(number)s"),
    "after": gettext_noop("after %(number)s"),
    "before": gettext_noop("before %(number)s"),
    "below": gettext_noop("below %(number)s"),
    "at_most": gettext_noop("at most %(number)s"),
    "above": gettext_noop("above %(number)s"),
    "at_least": gettext_noop("at least %(number)s"),
    "between": gettext_noop("from %(low)s to %(high)s"),
}

_ALL = gettext_noop("all sessions")
_NOTHING = gettext_noop("nothing, because of a mistake")


@dataclass(frozen=True, slots=True)
class Part:
    """One run of a chip. `value` parts hold what people or bots wrote: isolate them on the page."""

    kind: PartKind
    text: str


@dataclass(frozen=True, slots=True)
class Chip:
    """One item or setting in words. `span`: where it stands in the text. `item`: what to give to `without`."""

    parts: tuple[Part, ...]
    span: Span
    item: Item | Setting

    @property
    def text(self) -> str:
        return " ".join(part.text for part in self.parts)


def explain(
    query: Query,
    gettext: Translate = str,
    ngettext: Ngettext = english_plural,
    fields: Mapping[str, Field] = FIELDS,
) -> list[Chip]:
    """The query as chips, in the order written, settings last; `gettext` and `ngettext` give the language."""
    words = _Words(gettext, ngettext, fields)
    return [Chip(tuple(words.item(item)), item.span, item) for item in (*query.items, *query.settings)]


def in_words(
    query: Query,
    gettext: Translate = str,
    ngettext: Ngettext = english_plural,
    fields: Mapping[str, Field] = FIELDS,
) -> str:
    """The whole query as one line, for titles and announcements; on a page, show chips, which isolate what people
    wrote."""
    if query.impossible:
        return gettext(_NOTHING)
    if not query.items and not query.settings:
        return gettext(_ALL)
    return "; ".join(chip.text for chip in explain(query, gettext, ngettext, fields))


class _Words:
    """The words for one language and one table of fields."""

    def __init__(self, gettext: Translate, ngettext: Ngettext, fields: Mapping[str, Field]) -> None:
        self.gettext = gettext
        self.ngettext = ngettext
        self.fields = fields
        self.measures: Mapping[str, tuple[str, str, Callable[[float | None], str]]] = {
            "": ("below", "above", render_number),
            "s": ("shorter", "longer", self.length),
            "min": ("before", "after", render_clock),
        }

    def say(self, key: str, **params: str) -> str:
        return self.gettext(_OPS[key]) % params if params else self.gettext(_OPS[key])

    def part(self, kind: PartKind, key: str, **params: str) -> Part:
        return Part(kind, self.say(key, **params))

    def item(self, item: Item | Setting) -> Iterator[Part]:
        if isinstance(item, Setting):
            yield from self.setting(item)
        elif isinstance(item, Sequence):
            yield from self.simple(item.left)
            yield Part("join", self.joint(item))
            yield from self.simple(item.right)
        elif isinstance(item, Or):
            if item.negated:
                yield self.part("not", "not")
            for index, alternative in enumerate(item.alternatives):
                if index:
                    yield self.part("join", "or")
                yield from self.simple(alternative)
        else:
            yield from self.simple(item)
            if isinstance(item, Text) or (isinstance(item, Term) and is_turn(item, self.fields)):
                yield self.part("scope", "anywhere")

    def joint(self, item: Sequence) -> str:
        """The words between the two sides."""
        turns = item.within
        if turns is None:
            return self.say(item.kind)
        # One call for each, because the plural forms are found by these very strings.
        if item.kind == "then":
            text = self.ngettext(
                "then, less than %(count)s turn later,", "then, less than %(count)s turns later,", turns
            )
        else:
            turns -= 1
            text = self.ngettext("and never in the next turn", "and never in the next %(count)s turns", turns)
        return text % {"count": turns}

    def simple(self, item: Term | Text | Group) -> Iterator[Part]:
        if item.negated:
            yield self.part("not", "not")
        if not isinstance(item, Group):
            yield from self.term(item)
            return
        for index, term in enumerate(item.terms):
            if index:
                yield self.part("join", "and")
            yield from self.simple(term)
        yield self.part("scope", "same_turn")

    def term(self, term: Term | Text) -> Iterator[Part]:
        field = self.fields.get(term.field)
        label = self.gettext(field.label) if field else self.say("any")
        yield Part("field", label)
        kind = field.kind if field else "text"
        for index, value in enumerate(term.values):
            if index:
                yield self.part("join", "or")
            yield from self.value(value, kind, field)

    def value(self, value: Value, kind: str, field: Field | None) -> Iterator[Part]:
        if isinstance(value, Range):
            yield Part("value", self.numbers(value))
        elif isinstance(value, When):
            yield Part("value", when(value.text, self.gettext, self.ngettext))
        elif isinstance(value, Special):
            specials = dict(field.specials) if field else {}
            yield self.part("op", "is")
            yield Part("value", self.gettext(specials.get(value.text, value.text)))
        elif kind == "enum" and field:
            yield Part("value", self.gettext(dict(field.values).get(value.text, value.text)))
        else:
            operator = "begins" if value.prefix else "contains" if kind in ("text", "id") else "is"
            yield self.part("op", operator)
            yield Part("value", value.text)
            if value.equals is not None:
                yield self.part("op", "equals")
                yield Part("value", value.equals)
            if value.confidence:
                yield self.part("op", "confidence")
                yield Part("value", self.numbers(value.confidence))

    def numbers(self, numbers: Range) -> str:
        if numbers.unit == "s" and numbers.low is not None and numbers.high is not None and numbers.high_open:
            return self.length(numbers.low, numbers.high - numbers.low)  # the whole unit
        below, above, write = self.measures[numbers.unit]
        low, high = write(numbers.low), write(numbers.high)
        if numbers.low is None:
            return self.say(below if numbers.high_open else "at_most", number=high)
        if numbers.high is None:
            return self.say(above if numbers.low_open else "at_least", number=low)
        return low if low == high else self.say("between", low=low, high=high)

    def length(self, seconds: float | None, unit: float | None = None) -> str:
        return "" if seconds is None else duration(seconds, unit, self.ngettext)

    def setting(self, setting: Setting) -> Iterator[Part]:
        yield self.part("op", setting.name)
        if setting.name == "sort":
            yield Part("value", self.gettext(dict(SORTS).get(setting.value, setting.value)))
        elif setting.name == "sample":
            yield Part("value", setting.value)
