"""What a query means once it has been read: a few frozen values that compare by meaning, never by position.

What a value of a term is follows from the kind of its field (`fields.Field.kind`):

| kind | values |
|---|---|
| name, id | `Word(text)`; `intent:x<0.6` (fields with `confidence`): `Word("x", confidence=Range(...))` |
| text | `Word(text, prefix)`, a phrase when it holds several words |
| slot | `Word(name)`: the slot was set; `slot:city=Paris`: `Word("city", equals="Paris")` (equals "" is an empty text) |
| enum | `Word(value)`, one of the values in `Field.values`; which of them are about one turn: `fields.is_turn(term)` |
| person | `Word(user name)`, `Special("me")`, in `assigned:` also `Special("nobody")` |
| number | `Range` of whole numbers |
| confidence | `Range` from 0 to 1 |
| duration | `Range` of seconds, unit "s"; plain `10min` is 600 up to, not including, 660 |
| time | `Range` of whole minutes of the day (0..1439), unit "min"; both ends count as whole minutes, so compare the minute of the day; low above high goes round midnight: `minute >= low or minute <= high` |
| date | `When(text)`, see `dates.resolve` |

`unfinished:*` is `Special("*")`: any. A `Sequence`'s `within` counts user turns: the right side comes less than so many
turns after the left.

Spans are half-open pairs of code points in the text the person wrote; they are left out of comparisons, so that
two texts that mean the same give equal queries.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar, Literal

Span = tuple[int, int]
NOWHERE: Span = (0, 0)


@dataclass(frozen=True, slots=True)
class Range:
    """Numbers from `low` to `high` (None: no bound); an open end leaves its own number out.

    `unit`: "s" for a length of time in seconds, "min" for minutes of the day, where low above high goes round midnight.
    """

    low: float | None = None
    high: float | None = None
    low_open: bool = False
    high_open: bool = False
    unit: Literal["", "s", "min"] = ""

    @property
    def wraps(self) -> bool:
        """Whether these are times of day that go round midnight."""
        return self.unit == "min" and self.low is not None and self.high is not None and self.low > self.high

    def __contains__(self, number: float) -> bool:
        if self.wraps and self.low is not None and self.high is not None:
            return number >= self.low or number <= self.high
        if self.low is not None and (number < self.low or (self.low_open and number == self.low)):
            return False
        return self.high is None or number < self.high or (not self.high_open and number == self.high)


@dataclass(frozen=True, slots=True)
class Word:
    """A name, an enum value, or text to search for (a phrase, when it holds several words).

    `prefix`: the last word may go on (only in text). `confidence`: the short form `intent:x<0.6`.
    `equals`: the value of the slot called `text` (None: any).
    """

    text: str
    prefix: bool = False
    confidence: Range | None = None
    equals: str | None = None


@dataclass(frozen=True, slots=True)
class When:
    """A date expression as it was written (lower case); `dates.resolve` turns it into seconds."""

    text: str


@dataclass(frozen=True, slots=True)
class Special:
    """A word with a meaning of its own: `me` (who asks) and `nobody` where people are named, `*` for any."""

    text: Literal["me", "nobody", "*"]


Value = Word | Range | When | Special


@dataclass(frozen=True, slots=True)
class Term:
    """`field:a,b`: the field holds any of the values (negated: none of them)."""

    field: str
    values: tuple[Value, ...]
    negated: bool = False
    span: Span = dataclasses.field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Text:
    """A bare word or phrase: somewhere in what the user or the bot said. Shaped like a Term of the field `any`."""

    word: Word
    negated: bool = False
    span: Span = dataclasses.field(default=NOWHERE, compare=False)
    field_name: ClassVar[str] = "any"

    @property
    def field(self) -> str:
        return self.field_name

    @property
    def values(self) -> tuple[Word]:
        return (self.word,)


@dataclass(frozen=True, slots=True)
class Group:
    """Parentheses: all of it in the same turn. A single positive term is never a Group, it is that term."""

    terms: tuple[Term | Text, ...]
    negated: bool = False
    span: Span = dataclasses.field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Or:
    """`(a OR b)`: at least two alternatives, one level."""

    alternatives: tuple[Term | Text | Group, ...]
    negated: bool = False
    span: Span = dataclasses.field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Sequence:
    """`left then right`, `left never right`; `within`: the right side less than so many user turns after the left."""

    kind: Literal["then", "never"]
    left: Term | Text | Group
    right: Term | Text | Group
    within: int | None = None
    span: Span = dataclasses.field(default=NOWHERE, compare=False)


Item = Term | Text | Group | Or | Sequence


@dataclass(frozen=True, slots=True)
class Setting:
    """`sort:`, `sample:` or `in:`: says something about the whole list, not about one session."""

    name: Literal["sort", "sample", "in"]
    value: str
    span: Span = dataclasses.field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Query:
    """All `items` hold for a session (or, with `in_conversation`, for its conversation).

    `impossible`: a mistake was made, the query matches nothing, whatever else it says. `source`: the text as
    written; edits by chip and facet work on it, so that a wrong word is never dropped in silence.
    """

    items: tuple[Item, ...] = ()
    settings: tuple[Setting, ...] = ()
    impossible: bool = False
    source: str | None = dataclasses.field(default=None, compare=False)

    def setting(self, name: str) -> str | None:
        return next((setting.value for setting in self.settings if setting.name == name), None)

    @property
    def sort(self) -> str:
        """One of `fields.SORTS`; without a `sort:` the newest activity comes first."""
        return self.setting("sort") or "newest"

    @property
    def sample(self) -> int | None:
        """How many sessions to draw, None for all."""
        size = self.setting("sample")
        return int(size) if size else None

    @property
    def in_conversation(self) -> bool:
        return self.setting("in") == "conversation"

    def __str__(self) -> str:
        from .render import render  # noqa: PLC0415 (rendering needs these classes)

        return render(self)
