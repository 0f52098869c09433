"""An open session: its place among the conversation's sessions, a page of turns, the chosen one and what is known of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from django.db.models import Count, Max, Min, Q
from django.utils import timezone

from conversations.identity import Key
from conversations.models import Event, Session
from conversations.slots import ABSENT, slots_around
from conversations.templatetags.signals import Chip, chips
from conversations.transcript import Side, Turn, Wanted, side, turns, values

from . import window as windows
from .opening import Look, look, matcher_of, noted
from .opinions import Badge, Entry, Said, badges, history, said_of
from .window import Window, key_of, start_of

if TYPE_CHECKING:
    from .asking import Ask
    from .rows import Row


@dataclass(frozen=True)
class Slot:
    """A slot before and after a turn, as text; empty where it is not set in the session."""

    name: str
    before: str
    after: str

    @property
    def is_changed(self) -> bool:
        return self.before != self.after


class Place:
    """Where a session stands in its conversation. One query."""

    def __init__(self, session: Session) -> None:
        self.session = session
        others = Session.objects.filter(conversation=session.conversation_id)
        earlier = Q(start_at__lt=session.start_at)
        found: dict[str, Any] = others.aggregate(
            n=Count("id"),
            n_earlier=Count("id", filter=earlier),
            first_at=Min("start_at"),
            previous_at=Max("start_at", filter=earlier),
            next_at=Min("start_at", filter=Q(start_at__gt=session.start_at)),
        )
        self.total: int = found["n"]
        self.n_earlier: int = found["n_earlier"]
        self.first_at: float | None = found["first_at"]
        self._previous_at: float | None = found["previous_at"]
        self._next_at: float | None = found["next_at"]

    @property
    def number(self) -> int:
        return self.n_earlier + 1

    @property
    def n_later(self) -> int:
        return self.total - self.number

    @cached_property
    def previous(self) -> Session | None:
        return self._at(self._previous_at)

    @cached_property
    def next(self) -> Session | None:
        return self._at(self._next_at)

    def _at(self, start: float | None) -> Session | None:
        if start is None:
            return None
        return Session.objects.filter(conversation=self.session.conversation_id, start_at=start).first()


class Opened:
    """A session as the page shows it. `event`: the one whose turn is chosen; without it the turn that matters is."""

    def __init__(
        self, session: Session, ask: Ask, event: Event | None = None, row: Row | None = None
    ) -> None:
        self.session = session
        self.ask = ask
        self.event = event
        self.row = row  # the list's, which has found out some of it already

    @cached_property
    def look(self) -> Look:
        if self.row and self.row.look:
            return self.row.look
        return look(self.session, matcher_of(self.ask))

    @cached_property
    def place(self) -> Place:
        return Place(self.session)

    @cached_property
    def key(self) -> Key | None:
        """Where the page opens."""
        if self.event:
            return key_of(self.event)
        return self.look.opening.key if self.look.opening else None

    @cached_property
    def window(self) -> Window:
        return windows.around(self.session, self.key)

    @cached_property
    def turns(self) -> list[Turn]:
        return turns_of(self.window, noted(self.look, self.ask))

    @cached_property
    def said(self) -> Said:
        return self.row.said if self.row else said_of([self.session], self.ask.user)[self.session.pk]

    @cached_property
    def signals(self) -> list[Chip]:
        """As the list's row has found them, else asked for."""
        if self.row:
            return self.row.signals
        return chips([self.session], self.ask.assistant).get(self.session.pk, [])

    @cached_property
    def badges(self) -> dict[int, Badge]:
        return badges(self.said, self.turns)

    @property
    def is_silent(self) -> bool:
        """Nothing was said: then its technical events are all there is to see."""
        return all(turn.is_silent for turn in self.turns)

    @cached_property
    def chosen(self) -> Turn | None:
        """The turn that the page opens at."""
        if self.key is None:
            return next((turn for turn in self.turns if turn.user), self.turns[0] if self.turns else None)
        holding = [turn for turn in self.turns if turn.first_key <= self.key]
        return holding[-1] if holding else None

    @cached_property
    def panel(self) -> Panel | None:
        if self.chosen is None:
            return None
        turn = self.chosen
        events = [event for event in self.window.events if turn.first_key <= key_of(event) <= turn.last_key]
        return Panel(self.session, turn, events, self.said)


class Panel:
    """What the side says of one turn, and of its session: what people said of it."""

    def __init__(self, session: Session, turn: Turn, events: list[Event], said: Said) -> None:
        self.session = session
        self.said = said
        self.turn = turn
        self.facts: Side = side(turn, events)

    @cached_property
    def history(self) -> list[Entry]:
        """What people said of the session and its turns, the newest first."""
        return history(self.said)

    @cached_property
    def slots(self) -> list[Slot]:
        """Before and after the turn, changed ones first."""
        found = slots_around(self.session, self.turn.first_key, self.turn.last_key)
        slots = [Slot(name, _slot(before), _slot(after)) for name, (before, after) in found.items()]
        return sorted(slots, key=lambda slot: (not slot.is_changed, slot.name))

    @cached_property
    def loop(self) -> str:
        """The form that was active when the turn ended."""
        events = Event.objects.between(start_of(self.session), self.turn.last_key).filter(
            conversation_id=self.session.conversation_id,
            type__in=["active_loop", "form"],
            reverted_at__isnull=True,
        )
        name = events.in_order().reverse().values_list("name", flat=True).first()
        return name or ""


def _slot(value: Any) -> str:
    return "" if value is ABSENT else values.json_text(value)


def turns_of(window: Window, wanted: Wanted) -> list[Turn]:
    """The turns of a page in the reader's days. A page that continues a session says no day that was said before it."""
    after = window.events[0].timestamp if window.has_older and window.events else None
    return turns(window.events, wanted=wanted, zone=timezone.get_current_timezone(), after=after)


def turn_of(session: Session, event: Event, wanted: Wanted, said: Said) -> Panel | None:
    """The turn that an event belongs to, with its events."""
    events = windows.turn_events(session, event)
    key = key_of(event)
    found = turns(events, wanted=wanted, zone=timezone.get_current_timezone())
    holding = [turn for turn in found if turn.first_key <= key]
    if not holding:
        return None
    turn = holding[-1]
    return Panel(session, turn, [e for e in events if turn.first_key <= key_of(e) <= turn.last_key], said)
