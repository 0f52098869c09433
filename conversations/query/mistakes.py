"""What can be wrong in a query, and how it is said. Pure: sentences are message ids, translated by the caller."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from .ast import Query, Span

Translate = Callable[[str], str]


def gettext_noop(message: str) -> str:
    """Marks a message for translation (the extraction tool knows the name) without translating it."""
    return message


MESSAGES: Mapping[str, str] = {
    "too_long": gettext_noop("A query may have %(limit)s characters; this one has %(length)s."),
    "too_many": gettext_noop("A query may have %(limit)s conditions; this one has more."),
    "bad_character": gettext_noop("There is a character here that no message can hold."),
    "open_quote": gettext_noop("This quote is never closed."),
    "open_parenthesis": gettext_noop("This parenthesis is never closed."),
    "close_parenthesis": gettext_noop("This parenthesis was never opened; to search for it, put it in quotes."),
    "empty_group": gettext_noop("There is nothing between these parentheses."),
    "too_deep": gettext_noop("Parentheses may stand inside others only beside OR, and no deeper."),
    "nested_or": gettext_noop("OR goes one level deep."),
    "or_side": gettext_noop("Each side of OR is one condition, or several in parentheses of their own."),
    "or_outside": gettext_noop("OR needs parentheses around it; to search for the word, put it in quotes."),
    "not_word": gettext_noop("Put - directly before what should not occur; to search for NOT, put it in quotes."),
    "and_word": gettext_noop("AND is not needed: conditions side by side all hold."),
    "lonely_minus": gettext_noop("Put - directly before what should not occur."),
    "sequence_side": gettext_noop(
        "%(word)s stands between two conditions or two turns; to search for the word, put it in quotes."
    ),
    "sequence_chain": gettext_noop("Only two things can be joined by then or never."),
    "sequence_turns": gettext_noop(
        "Write %(word)s<3 for less than three turns later; the least is %(word)s<2. To search for it, put it in quotes."
    ),
    "sequence_inside": gettext_noop("%(word)s cannot stand inside parentheses; to search for the word, put it in quotes."),
    "sequence_negated": gettext_noop("Neither side of %(word)s can be negative; use never for what does not follow."),
    "sequence_or": gettext_noop("%(word)s cannot join alternatives; write values as a,b instead."),
    "sequence_session": gettext_noop("%(what)s is about the whole session and cannot come before or after a turn."),
    "unknown_field": gettext_noop("There is no field %(name)s: here; to search for the text, put it in quotes."),
    "missing_value": gettext_noop("%(field)s: needs a value, for example %(example)s"),
    "empty_value": gettext_noop("There is a comma without a value beside it."),
    "missing_colon": gettext_noop("A colon is missing after %(field)s; to search for the text, put it in quotes."),
    "unknown_value": gettext_noop("%(field)s: can be %(values)s, not %(value)s."),
    "not_a_number": gettext_noop("%(value)s is not a whole number, a comparison or a range such as 5, >5 or 2..5."),
    "reversed": gettext_noop("The range %(value)s ends before it begins."),
    "not_a_duration": gettext_noop("%(value)s is not a length of time; write 90s, >10min or 1h..2h."),
    "duration_unit": gettext_noop("%(value)s is unclear: write the unit on both sides."),
    "not_a_time": gettext_noop("%(value)s is not a time of day; write 14:30, >17:00 or 09:00..17:00."),
    "slot_value": gettext_noop('Write a slot and its value as city=Paris, an empty value as city="".'),
    "slot_compared": gettext_noop("A slot is compared with = only; to search for the name, put it in quotes."),
    "slot_comma": gettext_noop("Write the slot at each value: %(slot)s=a,%(slot)s=b."),
    "no_nobody": gettext_noop(
        "nobody is understood in assigned: only; what no one reviewed is review:unread, or verdict:none."
    ),
    "no_confidence": gettext_noop("A confidence is a number from 0 to 1, such as <0.6."),
    "confidence_name": gettext_noop("Say whose confidence, for example %(example)s"),
    "confidence_comma": gettext_noop("Write the confidence with a point: 0.6, not 0,6."),
    "nothing_to_search": gettext_noop("%(value)s has no letter or digit to search for."),
    "not_a_date": gettext_noop("%(value)s is not a date; write 7d, today, last-week, 2026-10-01 or 2026-10-01..2026-10-07."),
    "no_such_day": gettext_noop("The calendar has no day %(value)s."),
    "date_unit": gettext_noop("%(value)s could be minutes or months; write min or mo."),
    "date_comparison": gettext_noop("%(value)s is unclear: write 7d for the last seven days, ..7d for what is older."),
    "session_in_group": gettext_noop("%(what)s is about the whole session; put it outside of the parentheses."),
    "setting_inside": gettext_noop("%(field)s: is about the whole list; put it outside of the parentheses."),
    "setting_negated": gettext_noop("%(field)s: cannot be negative."),
    "setting_twice": gettext_noop("%(field)s: is given twice."),
    "sample_size": gettext_noop("sample: needs a whole number from 1 to %(limit)s."),
}  # fmt: skip

DID_YOU_MEAN = gettext_noop("Did you mean %(suggestion)s?")


@dataclass(frozen=True)
class Mistake:
    """Something wrong at `span`. `suggestion` is text to put in the place of the span. A `warning` alone leaves the
    query as it is; anything else makes it match nothing."""

    code: str
    span: Span
    params: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    suggestion: str | None = None
    warning: bool = False

    @property
    def message(self) -> str:
        """The message id, with `%(name)s` places for `params`."""
        return MESSAGES[self.code]

    def sentence(self, gettext: Translate = str) -> str:
        """The whole message in the language of `gettext`, the suggestion included."""
        sentence = gettext(self.message) % self.params
        if self.suggestion:
            sentence += " " + gettext(DID_YOU_MEAN) % {"suggestion": self.suggestion}
        return sentence


@dataclass(frozen=True)
class Parsed:
    """What `parse` found: always a query (impossible, when a mistake is more than a warning) and the mistakes."""

    query: Query
    mistakes: tuple[Mistake, ...] = ()

    @property
    def ok(self) -> bool:
        return not self.query.impossible
