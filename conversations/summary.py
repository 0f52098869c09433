"""A session's row as a sum over its events: any order, any split gives the same. Pure.

Counts add, minima and maxima compare, sets unite; "latest" and "first" compare by (time, text), so that ties are settled
without knowing who came first.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import Any, Self

from conversations.reading import EventRow

UNSURE_BELOW = 0.6  # an intent confidence under it is trouble worth a look
QUOTE_LIMIT = 200  # code points of a message that a list row quotes
VALUE_LIMIT = 120  # code points of a value in the value table; longer ones are cut and end in a hash

# Kinds of values; the numbers are those of models.SessionValue.Kind.
INTENT, PREDICTED, ACTION, ENTITY, SLOT, POLICY, CHANNEL, ENVIRONMENT, MODEL, IS, UNSURE = range(1, 12)

At = tuple[float, str]  # (timestamp, text)
_UNSAID_ACTIONS = ("action_listen", "action_session_start")


@dataclass(slots=True)
class Summary:
    """What a session's events add up to. `values` are (kind, value) pairs."""

    n_events: int = 0
    n_user_messages: int = 0
    n_payloads: int = 0
    n_bot_messages: int = 0
    n_fallbacks: int = 0
    n_reverts: int = 0
    min_intent_confidence: float | None = None
    max_intent_confidence: float | None = None
    min_action_confidence: float | None = None
    max_action_confidence: float | None = None
    activity_at: float | None = None
    channel: At | None = None
    environment: At | None = None
    model: At | None = None
    opening: At | None = None
    trouble: At | None = None
    open_loop: At | None = None
    values: set[tuple[int, str]] = field(default_factory=set)

    def add(self, row: EventRow, environment: str, activity_at: float) -> None:
        """Count one event. `activity_at`: its timestamp, or the time of receipt of one from the future (UTC seconds)."""
        self.n_events += 1
        self.activity_at = _max(self.activity_at, activity_at)
        if environment:
            self.environment = _max(self.environment, (row.timestamp, environment))
            self.values.add((ENVIRONMENT, environment))
        if row.model_id:
            self.model = _max(self.model, (row.timestamp, row.model_id))
            self.values.add((MODEL, row.model_id))
        for entity in row.entities:
            self.values.add((ENTITY, entity))
        match row.type:
            case "user":
                self._add_user(row)
            case "bot" | "agent":
                self.n_bot_messages += 1
            case "action":
                self._add_action(row)
            case "slot" if row.name != "session_started_metadata":
                self.values.add((SLOT, row.name))
            case "rewind" | "undo":
                self.n_reverts += 1

    def _add_user(self, row: EventRow) -> None:
        for intent in row.intents:
            self.values.add((INTENT, intent))
        if row.predicted:
            self.values.add((PREDICTED, row.predicted))
        if row.name and row.confidence is not None and row.confidence < UNSURE_BELOW:
            self.values.add((UNSURE, row.name))
        if row.channel:
            self.channel = _max(self.channel, (row.timestamp, row.channel))
            self.values.add((CHANNEL, row.channel))
        if row.is_fallback:
            self.n_fallbacks += 1
            self.values.add((IS, "fallback"))
        if row.is_payload:
            self.n_payloads += 1
            return
        self.n_user_messages += 1
        self.min_intent_confidence = _min(self.min_intent_confidence, row.confidence)
        self.max_intent_confidence = _max(self.max_intent_confidence, row.confidence)
        quote = (row.timestamp, row.said[:QUOTE_LIMIT])
        self.opening = _min(self.opening, quote)
        if is_trouble(row):
            self.trouble = _min(self.trouble, quote)

    def _add_action(self, row: EventRow) -> None:
        if row.is_fallback:
            self.values.add((IS, "fallback"))
        if row.name in _UNSAID_ACTIONS:
            return
        self.min_action_confidence = _min(self.min_action_confidence, row.confidence)
        self.max_action_confidence = _max(self.max_action_confidence, row.confidence)
        if row.name:
            self.values.add((ACTION, row.name))
        if row.policy:
            self.values.add((POLICY, row.policy))

    def merge(self, other: Self) -> None:
        """Add another sum to this one: associative, commutative."""
        for name in _ADDED:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in _LOWEST:
            setattr(self, name, _min(getattr(self, name), getattr(other, name)))
        for name in _HIGHEST:
            setattr(self, name, _max(getattr(self, name), getattr(other, name)))
        self.values |= other.values


_ADDED = tuple(item.name for item in fields(Summary) if item.name.startswith("n_"))
_LOWEST = ("min_intent_confidence", "min_action_confidence", "opening", "trouble")
_HIGHEST = (
    "max_intent_confidence",
    "max_action_confidence",
    "activity_at",
    "channel",
    "environment",
    "model",
    "open_loop",
)


def is_trouble(row: EventRow) -> bool:
    """Whether a user message is one to look at first: not understood, or understood without certainty."""
    return row.is_fallback or (row.confidence is not None and row.confidence < UNSURE_BELOW)


def total(rows: Iterable[tuple[EventRow, str, float]]) -> Summary:
    """The sum of (event, environment, activity_at) triples."""
    summary = Summary()
    for row, environment, activity_at in rows:
        summary.add(row, environment, activity_at)
    return summary


def value_key(value: str) -> str:
    """A value as the value table holds it: at most VALUE_LIMIT code points, long ones told apart by a hash."""
    if len(value) <= VALUE_LIMIT:
        return value
    digest = hashlib.blake2b(value.encode(), digest_size=8).hexdigest()
    return f"{value[: VALUE_LIMIT - 17]}…{digest}"


def better_transport(one: tuple[str, bool], other: tuple[str, bool]) -> tuple[str, bool]:
    """Of two copies of an event, as (environment, is_export), the one whose facts count.

    A live copy beats an exported one, a named environment beats none, then the smaller name.
    """
    return min(one, other, key=lambda fact: (fact[1], not fact[0], fact[0]))


def _min(one: Any, other: Any) -> Any:
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)


def _max(one: Any, other: Any) -> Any:
    if one is None or other is None:
        return other if one is None else one
    return max(one, other)
