"""What the language itself has to offer while a query is typed: fields, values of enums, dates, operators."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from . import dates
from .explain import explain
from .explain_dates import Ngettext
from .field import Field
from .fields import SORTS
from .mistakes import Translate, gettext_noop
from .parser import parse

MOST_TERMS = 8  # whole terms offered for a bare word

_OPERATORS = (
    ("then", gettext_noop("what follows in a later turn")),
    ("then<3", gettext_noop("what follows less than three turns later")),
    ("never", gettext_noop("what never follows")),
    ("never<3", gettext_noop("what does not follow within the next two turns")),
)
_EITHER = ("OR", gettext_noop("one or the other"))
_SETTINGS: Mapping[str, str] = {
    "sort": gettext_noop("order of the list"),
    "sample": gettext_noop("a random sample of this size"),
    "in": gettext_noop("whole conversations instead of sessions"),
}
_AGO = ("24h", "7d", "30d", "3mo")
_EXAMPLES: Mapping[str, tuple[str, ...]] = {
    "number": ("1", ">3", ">5", ">10", "<3", "2..5"),
    "confidence": ("<0.3", "<0.5", "<0.6", "<0.8", ">0.9", "0.4..0.6"),
    "duration": ("<1min", ">5min", ">10min", ">1h", "1min..10min"),
    "time": ("09:00..17:00", "17:00..09:00", "22:00..06:00", "<09:00", ">17:00"),
}
_POINTS: Mapping[str, tuple[str, ...]] = {
    "confidence": ("0.3", "0.5", "0.6", "0.8"),
    "duration": ("1min", "10min", "1h", "1d"),
    "time": ("06:00", "09:00", "12:00", "17:00", "22:00"),
}
_UNITS: Mapping[str, tuple[str, ...]] = {
    "date": ("d", "h", "w", "mo", "y", "min"),
    "duration": ("min", "s", "h", "d"),
}


@dataclass(frozen=True, slots=True)
class Offer:
    """Something to put in at the caret: `text` in the query language, and how the list of offers shows it."""

    kind: Literal["field", "setting", "term", "value", "operator"]
    text: str
    label: str
    help: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """What may stand at the caret besides fields: which settings, OR (`either`), then and never (`order`)."""

    turn_only: bool = False
    settings: tuple[str, ...] = ()
    either: bool = False
    order: bool = False


class Words:
    """Offers in one language, for one table of fields."""

    def __init__(self, gettext: Translate, ngettext: Ngettext, fields: Mapping[str, Field]) -> None:
        self.gettext = gettext
        self.ngettext = ngettext
        self.fields = fields

    def starts(self, prefix: str, place: Place) -> Iterator[Offer]:
        """Where a condition or an operator begins: best matches first, all that may stand here for an empty prefix."""
        fields = [row for row in self.fields.values() if not (place.turn_only and row.scope == "session")]
        ranked: list[tuple[float, Field | str]] = [
            (rank, row) for row in fields if (rank := self._rank(row, prefix)) is not None
        ]
        operators = list(self._operators(prefix, place))
        if prefix:
            yield from operators
        settings = [name for name in place.settings if name.startswith(prefix.lower())]
        ranked += [(1.5, name) for name in settings]
        for _, row in sorted(ranked, key=lambda pair: pair[0] if prefix else 0):
            if isinstance(row, str):
                yield Offer("setting", f"{row}:", row, self.gettext(_SETTINGS[row]))
            else:
                yield Offer("field", f"{row.name}:", self.gettext(row.label), self.gettext(row.help))
        if not prefix:
            yield from operators
        elif len(prefix) > 1:
            yield from list(self._terms(prefix.lower(), fields, place))[:MOST_TERMS]

    def _rank(self, row: Field, prefix: str) -> int | None:
        """How well a field fits what was typed, 0 best; None if it does not."""
        typed = prefix.lower().replace("_", "-")
        if row.name.startswith(typed):
            return 0
        if any(alias.startswith(typed) for alias in row.aliases):
            return 1
        if any(word.startswith(typed) for word in self.gettext(row.label).lower().split()):
            return 2
        return 3 if len(typed) > 1 and typed in row.name else None

    def _operators(self, prefix: str, place: Place) -> Iterator[Offer]:
        words = _OPERATORS if place.order else (_EITHER,) if place.either else ()
        for word, meaning in words:
            if word.lower().startswith(prefix.lower()):
                yield Offer("operator", word, word, self.gettext(meaning))

    def _terms(self, prefix: str, fields: list[Field], place: Place) -> Iterator[Offer]:
        """Whole conditions whose value begins so: `review:unread` for "unr"."""
        for row in fields:
            named = [*row.values, *row.specials]
            if row.kind == "date":
                named = [(word, "") for word in dates.WORDS]
            for value, meaning in named:
                if value.startswith(prefix) and not (place.turn_only and value in row.session_values):
                    text = f"{row.name}:{value}"
                    yield Offer(
                        "term", text, value, self._said(text) if not meaning else self.gettext(meaning)
                    )

    def values(self, field: Field, prefix: str, taken: tuple[str, ...], turn_only: bool) -> Iterator[Offer]:
        """The values that the language knows itself: of enums, and words such as me."""
        typed = prefix.lower()
        for value, meaning in (*field.specials, *field.values):
            said = self.gettext(meaning)
            if value in taken or (turn_only and value in field.session_values):
                continue
            if value.startswith(typed) or any(word.startswith(typed) for word in said.lower().split()):
                yield Offer("value", value, value, said)

    def measures(self, field: Field, before: str, prefix: str) -> Iterator[Offer]:
        """Numbers, dates and their like; `before`: what stands left of `prefix` in the same value (`<`, `7d..`)."""
        typed = prefix.lower()
        kind = "confidence" if field.confidence else field.kind
        known = [text for text in self._known(kind, before, field.confidence) if text.startswith(typed)]
        for text in dict.fromkeys([*self._continued(kind, before, typed), *known]):
            if said := self._said(f"{field.name}:{before}{text}"):
                yield Offer("value", text, text, said)

    def _continued(self, kind: str, before: str, prefix: str) -> Iterator[str]:
        """What a number that was typed may be meant for."""
        typed = re.fullmatch(r"(<=|>=|<|>)?([0-9]{1,4}|0?\.[0-9]{1,4})", prefix)
        if not typed:
            return
        number = typed[2]
        if kind == "time" and number.isdecimal():
            number = f"{number.zfill(2)}:00"
        if kind in ("number", "time") and (typed[1] or before):
            yield (typed[1] or "") + number
        elif kind in ("number", "time", "confidence") and not typed[1] and not before:
            if kind == "number":
                yield number
            yield from (f">{number}", f"<{number}", f"{number}..")
        yield from (f"{prefix}{unit}" for unit in _UNITS.get(kind, ()))

    def _known(self, kind: str, before: str, is_short: bool) -> tuple[str, ...]:
        if kind == "date":
            return (*dates.WORDS, *_AGO) if before else (*_AGO, *dates.WORDS)
        if before and not is_short:
            return _POINTS.get(kind, ())
        return _EXAMPLES[kind]

    def _said(self, term: str) -> str:
        """The value of a term in words; empty if it is none."""
        parsed = parse(term)
        if parsed.mistakes or len(parsed.query.items) != 1:
            return ""
        parts = explain(parsed.query, self.gettext, self.ngettext, self.fields)[0].parts
        return [part.text for part in parts if part.kind == "value"][-1]

    def settings(self, name: str, prefix: str) -> Iterator[Offer]:
        """The values of `sort:`, `sample:` and `in:`."""
        known = {
            "sort": SORTS,
            "sample": tuple((size, "") for size in ("20", "50", "100")),
            "in": (("conversation", _SETTINGS["in"]),),
        }[name]
        for value, meaning in known:
            if value.startswith(prefix.lower()):
                yield Offer("value", value, value, self.gettext(meaning) if meaning else "")
