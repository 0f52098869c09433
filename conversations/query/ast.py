"""What a query means once it has been read: a few frozen values that compare by meaning, never by position.

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
    """Numbers from `low` to `high` (None: no bound); an open end leaves its own number out."""

    low: float | None = None
    high: float | None = None
    low_open: bool = False
    high_open: bool = False

    def __contains__(self, number: float) -> bool:
        if self.low is not None and (number < self.low or (self.low_open and number == self.low)):
            return False
        return self.high is None or number < self.high or (not self.high_open and number == self.high)


@dataclass(frozen=True, slots=True)
class Word:
    """A name, an enum value, or text to search for (a phrase, when it holds several words).

    `prefix`: the last word may go on (only in text). `confidence`: the short form `intent:x<0.6`.
    """

    text: str
    prefix: bool = False
    confidence: Range | None = None


@dataclass(frozen=True, slots=True)
class When:
    """A date expression as it was written (lower case); `dates.resolve` turns it into seconds."""

    text: str


Value = Word | Range | When


@dataclass(frozen=True, slots=True)
class Term:
    """`field:a,b`: the field holds any of the values. What a value is follows from the field's kind:
    number -> Range, date -> When, everything else -> Word."""

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
