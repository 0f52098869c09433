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
SLOT_VALUE, LOOP, EVENT, ASSISTANT_ID, CONFIDENCE = range(12, 17)

LAST_TURN = 62  # bit of turn 62 and all beyond: bit 63 is the sign
At = tuple[float, str]  # (timestamp, text)
UNSAID = ("action_listen", "action_session_start")  # actions that are not counted
# Types that every session has: `event:` does not know them.
EVERYDAY = frozenset(
    ("user", "bot", "action", "slot", "session_started", "user_featurization", "active_loop")
)
_FLOW_BEGINS = ("flow_started", "flow_resumed")
_FLOW_ENDS = ("flow_completed", "flow_cancelled")
_REPAIR = "pattern_"  # flows by which the platform itself repairs a conversation


@dataclass(slots=True)
class Summary:
    """What a session's events add up to. `values`: (kind, value) -> bits of the turns in which it occurs.

    Channel, environment, model, assistant id and the predicted intent are asked of whole sessions: they have no bits,
    so that their rows stay as they are when a session goes on.
    """

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
    values: dict[tuple[int, str], int] = field(default_factory=dict)

    @property
    def n_turns(self) -> int:
        """User events, payloads included: how far the bits of turns count."""
        return self.n_user_messages + self.n_payloads

    def add(self, row: EventRow, environment: str, activity_at: float, turn: int | None = None) -> None:
        """Count one event. `activity_at`: its timestamp, or the time of receipt of one from the future (UTC seconds).

        `turn`: how many user events of the session there are up to it, itself included (None: not known).
        """
        bit = 0 if turn is None else 1 << min(turn, LAST_TURN)
        self.n_events += 1
        self.activity_at = _max(self.activity_at, activity_at)
        if environment:
            self.environment = _max(self.environment, (row.timestamp, environment))
            self.values[ENVIRONMENT, environment] = 0
        if row.model_id:
            self.model = _max(self.model, (row.timestamp, row.model_id))
            self.values[MODEL, row.model_id] = 0
        if row.assistant_id:
            self.values[ASSISTANT_ID, row.assistant_id] = 0
        for entity in row.entities:
            self._occurs(ENTITY, entity, bit)
        match row.type:
            case "user":
                self._add_user(row, bit)
            case "bot" | "agent":
                self.n_bot_messages += 1
            case "action":
                self._add_action(row, bit)
            case "slot":
                if row.name != "session_started_metadata":
                    self._occurs(SLOT, row.name, bit)
                    if row.value:
                        self._occurs(SLOT_VALUE, f"{row.name}={row.value}", bit)
            case "active_loop":
                self._add_loop(row, bit)
            case kind if kind not in EVERYDAY:
                self._add_seldom(row, bit)

    def _occurs(self, kind: int, value: str, bit: int) -> None:
        self.values[kind, value] = self.values.get((kind, value), 0) | bit

    def _add_seldom(self, row: EventRow, bit: int) -> None:
        self._occurs(EVENT, row.type, bit)
        if row.type in ("rewind", "undo"):
            self.n_reverts += 1
        elif row.type == "restart":
            self._occurs(IS, "restarted", bit)
            self._leave_open(row, "")
        elif row.type == "form":
            self._add_loop(row, bit)
        elif row.type == "flow_started":
            self._occurs(LOOP, row.name, bit)
        if row.type in _FLOW_BEGINS and not row.name.startswith(_REPAIR):
            self._leave_open(row, row.name)
        elif row.type in _FLOW_ENDS and not row.name.startswith(_REPAIR):
            self._leave_open(row, "")

    def _add_loop(self, row: EventRow, bit: int) -> None:
        if row.name:
            self._occurs(LOOP, row.name, bit)
        self._leave_open(row, row.name)

    def _leave_open(self, row: EventRow, loop: str) -> None:
        self.open_loop = _max(self.open_loop, (row.timestamp, loop))

    def _add_user(self, row: EventRow, bit: int) -> None:
        for intent in row.intents:
            self._occurs(INTENT, intent, bit)
        if row.predicted:
            self.values[PREDICTED, row.predicted] = 0
        if row.confidence is not None:
            self._occurs(CONFIDENCE, tenth(row.confidence), bit)
            if row.name and row.confidence < UNSURE_BELOW:
                self._occurs(UNSURE, row.name, bit)
        if row.channel:
            self.channel = _max(self.channel, (row.timestamp, row.channel))
            self.values[CHANNEL, row.channel] = 0
        if row.is_fallback:
            self.n_fallbacks += 1
            self._occurs(IS, "fallback", bit)
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

    def _add_action(self, row: EventRow, bit: int) -> None:
        if row.is_fallback:
            self._occurs(IS, "fallback", bit)
        if row.name in UNSAID:
            return
        self.min_action_confidence = _min(self.min_action_confidence, row.confidence)
        self.max_action_confidence = _max(self.max_action_confidence, row.confidence)
        if row.name:
            self._occurs(ACTION, row.name, bit)
        if row.policy:
            self._occurs(POLICY, row.policy, bit)

    def merge(self, other: Self) -> None:
        """Add another sum to this one: associative, commutative."""
        for name in _ADDED:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in _LOWEST:
            setattr(self, name, _min(getattr(self, name), getattr(other, name)))
        for name in _HIGHEST:
            setattr(self, name, _max(getattr(self, name), getattr(other, name)))
        for (kind, value), bits in other.values.items():
            self._occurs(kind, value, bits)


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
    """The sum of a session's (event, environment, activity_at) triples, which stand in their order."""
    summary, turn = Summary(), 0
    for row, environment, activity_at in rows:
        turn += row.type == "user"
        summary.add(row, environment, activity_at, turn)
    return summary


def tenth(confidence: float) -> str:
    """The tenth of 1 that an intent confidence falls into, "0" to "9"; 1.0 is in the last one."""
    return str(max(0, min(9, int(confidence * 10))))


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
