"""Which turns of a session a query means: where it opens, what is marked in it, what its row quotes. Pure.

Every field that may stand in a turn is read by the rule of the filter. Side by side each condition points at its own
turns, a group at those in which all of it is true, `then` and `never` at the turn where they begin. What is negated
alone points at nothing.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from conversations.defining import Definition
from conversations.query import Group, Item, Or, Query, Range, Special, Term, Text, Word
from conversations.query import Sequence as Order
from conversations.reading import label
from conversations.summary import EVERYDAY, UNSAID
from conversations.tokens import phrase

from . import values
from .facts import (
    LOOPS,
    Fact,
    Key,
    entities_of,
    holds,
    intents_of,
    is_fallback,
    shows,
    value_of,
)

SAID = {"text": ("user",), "bot": ("bot", "agent"), "any": ("user", "bot", "agent")}
READ_FROM_BODY = {"entity", "policy"}  # what the columns of an event do not tell
MARKS = {"flagged", "noted", "corrected"}


class Mark(NamedTuple):
    """What people said of a turn: `flagged`, `noted`, `corrected`, `turn-tag` (with the tag), `broke`."""

    kind: str
    event: int
    value: str = ""


@dataclass(frozen=True)
class Matches:
    """`hits`: arrival numbers of the events that make it true. `opening`: that of the turn which matters most."""

    hits: frozenset[int] = frozenset()
    opening: int | None = None


NOTHING = Matches()


@dataclass
class Matcher:
    """The conditions of a query that can be pointed at, and what is known beside the events."""

    items: tuple[Item, ...] = ()
    signals: Mapping[str, Definition] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.items)

    @property
    def terms(self) -> list[Term | Text]:
        """All single conditions, the negated ones of groups too."""
        return [term for item in self.items for term in _terms(item)]

    @property
    def needs_body(self) -> bool:
        return any(
            term.field in READ_FROM_BODY
            or any(word.equals is not None for word in _words(term))
            or (term.field == "intent" and any("/" in word.text for word in _words(term)))
            for term in self.terms
        ) or any("=" in slot for definition in self.signals.values() for slot in definition.slots)

    def find(self, facts: Iterable[Fact], starts: Sequence[Key], marks: Iterable[Mark] = ()) -> Matches:
        """`facts`: candidates in order; `starts`: keys of all user messages of the session, sorted."""
        if not self.items:
            return NOTHING
        found = _Found(self, list(facts), list(starts), list(marks))
        return found.matches()


def matcher(query: Query, signals: Mapping[str, Definition] | None = None) -> Matcher:
    """What to point at for `query`; nothing for one that was not understood."""
    if query.impossible:
        return Matcher()
    return Matcher(tuple(item for item in query.items if _points(item)), signals or {})


TURN_FIELDS = {
    *SAID, "intent", "action", "entity", "slot", "policy", "conf", "action-conf", "loop", "event", "turn-tag", "is",
}  # fmt: skip
# Fields of a session that one turn of it is the reason for.
POINTING = {
    "tag", "note", "reason", "verdict", "unfinished", "lowest-intent", "highest-intent", "lowest-action", "highest-action",
}  # fmt: skip


def _points(item: Item) -> bool:
    if isinstance(item, Order):
        return _points(item.left)
    if item.negated:
        return False
    if isinstance(item, Or):
        return any(_points(one) for one in item.alternatives)
    if isinstance(item, Group):
        return any(_points(term) for term in item.terms)
    return item.field in TURN_FIELDS | POINTING


def _terms(item: Item) -> list[Term | Text]:
    if isinstance(item, Order):
        return [*_terms(item.left), *_terms(item.right)]
    if isinstance(item, Or):
        return [term for one in item.alternatives for term in _terms(one)]
    if isinstance(item, Group):
        return list(item.terms)
    return [item]


def _words(term: Term | Text) -> list[Word]:
    return [value for value in term.values if isinstance(value, Word)]


class _Found:
    """A query over one session."""

    def __init__(self, matcher: Matcher, facts: list[Fact], starts: list[Key], marks: list[Mark]) -> None:
        self.matcher = matcher
        self.facts = facts
        self.starts = starts
        self.turn = {fact.id: bisect_right(starts, fact.key) for fact in facts}
        self.marks = [mark for mark in marks if mark.event in self.turn]
        self.reasons: dict[int, list[int]] = defaultdict(
            list
        )  # turn -> events that make something true in it
        self.score: dict[int, int] = defaultdict(int)  # turn -> how many conditions begin in it
        self._known: dict[Term | Text, dict[int, list[int]]] = {}

    def matches(self) -> Matches:
        for item in self.matcher.items:
            for turn, events in self.item(item, opens=True).items():
                self.reasons[turn] += events
        if not self.reasons:
            return NOTHING
        best = max(self.score.values(), default=0)
        turns = [turn for turn in self.reasons if self.score.get(turn, 0) == best]
        order = {fact.id: fact.key for fact in self.facts}
        opening = min(self.reasons[min(turns)], key=order.__getitem__)
        return Matches(frozenset(event for events in self.reasons.values() for event in events), opening)

    def item(self, item: Item, *, opens: bool = False) -> dict[int, list[int]]:
        """Turns that an item points at, each with its events."""
        if isinstance(item, Order):
            return self.order(item)
        if isinstance(item, Group):
            found = self.group(item)
        elif isinstance(item, Or):
            found = defaultdict(list)
            for one in item.alternatives:
                if not one.negated:
                    for turn, events in self.item(one).items():
                        found[turn] += events
        else:
            found = {} if item.negated else self.term(item)
        if opens:
            for turn in found:
                self.score[turn] += 1
        return found

    def group(self, group: Group) -> dict[int, list[int]]:
        """Turns in which all of it is true."""
        positive = [self.term(term) for term in group.terms if not term.negated]
        if not positive:
            return {}
        turns = set.intersection(*(set(found) for found in positive))
        for term in group.terms:
            if term.negated:
                turns -= set(self.term(term))
        return {turn: [event for found in positive for event in found[turn]] for turn in turns}

    def order(self, item: Order) -> dict[int, list[int]]:
        """`then`: a left side that a right one follows, and those; `never`: one that none follows."""
        left, right = self.item(item.left), self.item(item.right)
        result: dict[int, list[int]] = {}
        for turn, events in left.items():
            after = [
                other
                for other in right
                if turn < other and (item.within is None or other < turn + item.within)
            ]
            if bool(after) == (item.kind == "then"):
                result[turn] = [*result.get(turn, []), *events]
                self.score[turn] += 1
                for other in after:
                    result[other] = [*result.get(other, []), *right[other]]
        return result

    def term(self, term: Term | Text) -> dict[int, list[int]]:
        """Turns in which any of a condition's values is true, whether it is negated or not."""
        known = self._known.get(term)
        if known is None:
            known = self._known[term] = self._term(term)
        return known

    def _term(self, term: Term | Text) -> dict[int, list[int]]:
        result: dict[int, list[int]] = defaultdict(list)
        if term.field in POINTING or term.field == "turn-tag":
            events = self.pointed(term)
        else:
            test = _Test(term, self.matcher)
            events = [fact.id for fact in self.facts if test.is_true(fact)]
            kinds = {word.text for word in _words(term)} & MARKS if term.field == "is" else set()
            events += [mark.event for mark in self.marks if mark.kind in kinds]
        for event in events:
            result[self.turn[event]].append(event)
        return result

    def pointed(self, term: Term | Text) -> list[int]:  # noqa: PLR0911 - a table of fields
        """The turn because of which a condition on the whole session is true."""
        texts = {value.text for value in term.values if isinstance(value, Word | Special)}
        folded = {text.casefold() for text in texts}
        match term.field:
            case "tag" | "turn-tag":
                return [mark.event for mark in self.marks if mark.kind == "tag" and mark.value in texts]
            case "note":
                return [mark.event for mark in self.marks if mark.kind == "noted"]
            case "reason":
                return [m.event for m in self.marks if m.kind == "broke" and m.value.casefold() in folded]
            case "verdict":
                return [mark.event for mark in self.marks if mark.kind == "broke" and "broke" in texts]
            case "unfinished":
                entered = [fact for fact in self.facts if fact.type in LOOPS and fact.name]
                return [fact.id for fact in entered if "*" in texts or fact.name in texts][-1:]
        kind = "user" if "intent" in term.field else "action"
        sure = [
            fact
            for fact in self.facts
            if fact.type == kind and fact.confidence is not None and fact.name not in UNSAID
        ]
        if not sure:
            return []
        extreme = max if term.field.startswith("highest") else min
        return [extreme(sure, key=lambda fact: fact.confidence or 0.0).id]


class _Test:
    """Whether one event makes a condition true."""

    def __init__(self, term: Term | Text, matcher: Matcher) -> None:
        self.field = term.field
        self.words = _words(term)
        self.ranges = [value for value in term.values if isinstance(value, Range)]
        self.names = {word.text for word in self.words}
        self.phrases = [phrase(word.text, word.prefix) for word in self.words] if term.field in SAID else []
        self.needs_body = matcher.needs_body
        self.signals = [
            definition
            for name, definition in matcher.signals.items()
            if term.field == "is" and name in self.names
        ]
        # Without a definition of its own, fallback is what the machine says.
        self.fallback = term.field == "is" and "fallback" in self.names and "fallback" not in matcher.signals

    def is_true(self, fact: Fact) -> bool:  # noqa: PLR0911 - a table of fields
        """Whether `fact` alone makes it true."""
        match self.field:
            case "text" | "bot" | "any":
                return fact.type in SAID[self.field] and any(holds(fact.words, one) for one in self.phrases)
            case "intent":
                return fact.type == "user" and any(self._intent(fact, word) for word in self.words)
            case "action":
                return (
                    fact.type == "action"
                    and fact.name not in UNSAID
                    and any(self._named(fact, word) for word in self.words)
                )
            case "policy":
                return (
                    fact.type == "action"
                    and fact.name not in UNSAID
                    and label(values.body(fact.body).get("policy")) in self.names
                )
            case "entity":
                return fact.type in ("user", "entities") and bool(self.names.intersection(entities_of(fact)))
            case "slot":
                return fact.type == "slot" and self._slot(fact)
            case "loop":
                return fact.type in LOOPS and fact.name in self.names
            case "event":
                return fact.type in self.names and fact.type not in EVERYDAY
            case "conf":
                return fact.type == "user" and self._sure(fact)
            case "action-conf":
                return fact.type == "action" and fact.name not in UNSAID and self._sure(fact)
            case "is":
                return self._is(fact)
        return False

    def _intent(self, fact: Fact, word: Word) -> bool:
        if word.confidence is None:
            return bool(word.text) and word.text in intents_of(fact, self.needs_body)
        return self._named(fact, word)

    def _named(self, fact: Fact, word: Word) -> bool:
        if fact.name != word.text or not word.text:
            return False
        return word.confidence is None or (fact.confidence is not None and fact.confidence in word.confidence)

    def _slot(self, fact: Fact) -> bool:
        if fact.name == "session_started_metadata":
            return False
        return any(
            word.equals is None or (word.equals != "" and value_of(fact) == word.equals)
            for word in self.words
            if word.text == fact.name
        )

    def _sure(self, fact: Fact) -> bool:
        return fact.confidence is not None and any(fact.confidence in wanted for wanted in self.ranges)

    def _is(self, fact: Fact) -> bool:
        if self.fallback and is_fallback(fact):
            return True
        if "restarted" in self.names and fact.type == "restart":
            return True
        return any(shows(definition, fact) for definition in self.signals)
