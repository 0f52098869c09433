"""A stretch of a session's events around a place in it, cut where turns begin, with keys to go on from.

What a page costs depends on its size, not on the session's: each stretch is one or two index ranges.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Q

from conversations.identity import Key
from conversations.models import Event, Session
from conversations.querysets import EventQuerySet
from conversations.transcript.build import QUIET_ACTIONS

SIZE = 100  # events of a page
_END: Key = (1e12, 0, b"")
BEFORE = 30  # of these before the turn that a session opens at


class BadKey(ValueError):
    """The text is no place in a conversation."""


@dataclass(frozen=True)
class Window:
    """Events in order, and whether there are more on either side."""

    events: list[Event]
    has_older: bool
    has_newer: bool

    @property
    def first(self) -> str:
        return write_key(key_of(self.events[0])) if self.events else ""

    @property
    def last(self) -> str:
        return write_key(key_of(self.events[-1])) if self.events else ""


def key_of(event: Any) -> Key:
    return event.timestamp, event.rank, bytes(event.hash)


def write_key(key: Key) -> str:
    """A key as a URL and a page's attributes hold it."""
    return f"{key[0]!r}~{key[1]}~{key[2].hex()}"


def read_key(text: str) -> Key:
    """The key that `write_key` wrote. Raises BadKey."""
    try:
        timestamp, rank, digest = text.split("~")
        key = float(timestamp), int(rank), bytes.fromhex(digest)
    except ValueError:
        raise BadKey(text[:100]) from None
    if not (0 <= key[0] <= 1e11 and 0 <= key[1] < 100 and len(key[2]) <= 16):
        raise BadKey(text[:100])
    return key


def start_of(session: Session) -> Key:
    return session.start_at, session.start_rank, bytes(session.start_hash)


def around(session: Session, key: Key | None) -> Window:
    """The page that holds the event at `key`; without one, the session's first."""
    events = Event.objects.of_session(session)
    if key is None:
        found, has_newer = _forward(events.in_order())
        return Window(found, False, has_newer)
    older = list(events.before(key).in_order().reverse()[: BEFORE + 1])
    has_older = len(older) > BEFORE
    older = older[:BEFORE][::-1]
    if has_older:
        older = _from_turn(older) or older
    newer, has_newer = _forward(_from(events, key).in_order(), SIZE - BEFORE)
    return Window([*older, *newer], has_older, has_newer)


def older_than(session: Session, key: Key) -> Window:
    """The page that ends before `key`."""
    found = list(Event.objects.of_session(session).before(key).in_order().reverse()[: SIZE + 1])
    has_older = len(found) > SIZE
    found = found[:SIZE][::-1]
    if has_older:
        found = _from_turn(found) or found
    return Window(found, has_older, True)


def newer_than(session: Session, key: Key) -> Window:
    """The page that begins after `key`."""
    found, has_newer = _forward(Event.objects.of_session(session).after(key).in_order())
    return Window(found, True, has_newer)


def last_of(session: Session) -> Window:
    """The session's last page: earlier sessions unfold from their end."""
    found = list(Event.objects.of_session(session).in_order().reverse()[: SIZE + 1])
    has_older = len(found) > SIZE
    found = found[:SIZE][::-1]
    if has_older:
        found = _from_turn(found) or found
    return Window(found, has_older, False)


def between(session: Session, first: Key, last: Key | None) -> Window:
    """At most three pages from `first` to `last` (None: to the end), whole turns or not."""
    events = Event.objects.of_session(session).between(first, last or _END)
    found = list(events.in_order()[: 3 * SIZE + 1])
    return Window(found[: 3 * SIZE], True, len(found) > 3 * SIZE)


def turn_start(session: Session, key: Key) -> Key:
    """Where the turn begins that an event at `key` belongs to: its user message, else the session's start."""
    events = Event.objects.of_session(session)
    message = events.between(start_of(session), key).filter(type="user").in_order().last()
    if message is None:
        return start_of(session)
    # What a session does before its first message belongs to that message's turn.
    said = Q(type__in=["user", "bot", "agent"]) | Q(type="action") & ~Q(name__in=QUIET_ACTIONS)
    is_first = not events.before(key_of(message)).filter(said).exists()
    return start_of(session) if is_first else key_of(message)


def turn_events(session: Session, event: Event) -> list[Event]:
    """Events from the start of the turn that `event` belongs to; at most a page."""
    first = turn_start(session, key_of(event))
    return list(_from(Event.objects.of_session(session), first).in_order()[:SIZE])


def _from(events: EventQuerySet, key: Key) -> EventQuerySet:
    return events.between(key, _END)


def _forward(events: EventQuerySet, size: int = SIZE) -> tuple[list[Event], bool]:
    found = list(events[: size + 1])
    if len(found) <= size:
        return found, False
    found = found[:size]
    users = [index for index, event in enumerate(found) if event.type == "user"]
    # The last turn goes to the next page whole, unless that would leave less than half a page here.
    return (found[: users[-1]] if users and users[-1] > size // 2 else found), True


def _from_turn(events: list[Event]) -> list[Event]:
    first = next((index for index, event in enumerate(events) if event.type == "user"), None)
    return events if first is None else events[first:]
