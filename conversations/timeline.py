"""What depends on the order of a conversation's events: where sessions begin, what was reverted, which slots are set.

Pure. Everything else about a session is a sum that needs no order (`summary.py`).
"""

from collections.abc import Iterable, Sequence
from enum import IntEnum
from typing import Any, NamedTuple

from conversations.identity import Key
from conversations.reading import EventRow


class Role(IntEnum):
    """The part an event can play in where a session begins. Numbers are stored in `Conversation.tail`."""

    PLAIN = 0
    RESTART = 1
    SESSION_START = 2
    METADATA_SLOT = 3


class Mark(NamedTuple):
    """An event as far as sessions care: its key and its role."""

    timestamp: float
    rank: int
    hash: bytes
    role: int

    @property
    def key(self) -> Key:
        """Its place in the total order."""
        return self[:3]


def role(event_type: str, name: str) -> Role:
    """The role of an event by its type and name."""
    if event_type == "restart":
        return Role.RESTART
    if event_type == "action" and name == "action_session_start":
        return Role.SESSION_START
    if event_type == "slot" and name == "session_started_metadata":
        return Role.METADATA_SLOT
    return Role.PLAIN


def mark(row: EventRow) -> Mark:
    """The mark of an event."""
    return Mark(row.timestamp, row.rank, row.hash, role(row.type, row.name))


def starts(marks: Sequence[Mark], *, gap: float | None, known: int = 0) -> list[int]:
    """Indices at which a session begins, among the events after the first `known` ones, which only give context.

    `marks` are direct neighbours in order. With `gap` None the bot marks sessions itself: one begins at
    `action_session_start` (or the `session_started_metadata` slot directly before it), unless the event before is a
    `restart`: a retry belongs to the attempt. Otherwise a silence of more than `gap` seconds begins one. An index below
    `known` says that a known event turns out to be a beginning. The first event of a conversation (`known` 0) is one.
    Two known events are enough context.
    """
    found = {0} if not known else set()
    if gap is not None:
        found.update(
            index
            for index in range(max(known, 1), len(marks))
            if marks[index].timestamp - marks[index - 1].timestamp > gap
        )
        return sorted(found)
    for index in range(known, len(marks)):
        if marks[index].role == Role.SESSION_START:
            first = index - 1 if index and marks[index - 1].role == Role.METADATA_SLOT else index
            if not (first and marks[first - 1].role == Role.RESTART):
                found.add(first)
    return sorted(found)


REVERTING = ("rewind", "undo")


class Step(NamedTuple):
    """An event of a session as far as reverts care. `name` is the action or the loop (empty: it ended)."""

    timestamp: float
    type: str
    name: str = ""


def reverts(steps: Sequence[Step]) -> dict[int, float]:
    """Which events of a session were popped, by index, with the timestamp of the rewind or undo that did it.

    `rewind` pops everything back to the last user message and the action (its action_listen) before it, `undo` back to
    the last action; without a match, nothing. `restart` and `session_started` end what can be popped.
    As in Rasa, a loop that runs again takes over the answers since its last run: they no longer count as the last user
    message. Unlike in Rasa's `applied_events()` they are not lost for that: only what was popped is reverted.
    """
    popped: dict[int, float] = {}
    stack = _Stack(steps)
    for index, step in enumerate(steps):
        if step.type in REVERTING:
            for victim in stack.pop(step.type):
                popped[victim] = step.timestamp
        elif step.type in ("restart", "session_started"):
            stack.clear()
        else:
            stack.push(index)
    return popped


class _Stack:
    """Indices of the events that stand, newest last, and which of them a running loop has taken over."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self._steps = steps
        self._standing: list[int] = []
        self._taken: set[int] = set()
        # Events that started one, unless popped: of a popped one nothing stays.
        self._loops: dict[int, str] = {}

    def clear(self) -> None:
        self._standing.clear()

    def push(self, index: int) -> None:
        step = self._steps[index]
        if step.type in _LOOPS and step.name:
            self._loops[index] = step.name
        if step.type == "action" and step.name in self._loops.values() and self._runs_again(step.name):
            self._take_over(step.name)
            self._taken.add(index)
        self._standing.append(index)

    def pop(self, reverting: str) -> list[int]:
        depth = self._find(len(self._standing), "user" if reverting == "rewind" else "action")
        if depth is None:
            return []
        if reverting == "rewind" and (listen := self._find(depth, "action")) is not None:
            depth = listen
        victims = self._standing[depth:]
        del self._standing[depth:]
        for victim in victims:
            self._loops.pop(victim, None)
        return victims

    def _find(self, end: int, wanted: str) -> int | None:
        for depth in range(end - 1, -1, -1):
            index = self._standing[depth]
            if self._steps[index].type == wanted and index not in self._taken:
                return depth
        return None

    def _runs_again(self, loop: str) -> bool:
        """Whether this loop ran before, was not ended since, and no other action answered the user in between."""
        answered_by = ""
        for index in reversed(self._standing):
            step = self._steps[index]
            if index in self._taken:
                continue
            if step.type in _LOOPS and not step.name:
                return False
            if step.type == "action_execution_rejected" and step.name == loop:
                return False
            if step.type == "user" and answered_by not in ("", loop):
                return False
            if step.type == "action":
                if step.name == loop:
                    return True
                answered_by = step.name
        return False

    def _take_over(self, loop: str) -> None:
        for index in reversed(self._standing):
            step = self._steps[index]
            if index in self._taken:
                continue
            if step.type == "action" and step.name == loop:
                return
            if step.type in ("action", "user", "user_featurization"):
                self._taken.add(index)


_LOOPS = ("active_loop", "form")


WIPES = ("reset_slots", "restart", "session_started")


def slots(events: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The slots that a session's events (bodies, in order) leave set; what was never set in it is absent.

    The reference that `conversations.slots` must agree with; itself checked against Rasa's tracker.
    """
    bodies = list(events)
    popped = reverts([Step(0.0, str(body.get("event")), str(body.get("name") or "")) for body in bodies])
    result: dict[str, Any] = {}
    for index, body in enumerate(bodies):
        if index in popped:
            continue
        if body.get("event") == "slot":
            result[str(body.get("name"))] = body.get("value")
        elif body.get("event") in WIPES:
            result.clear()
    return result
