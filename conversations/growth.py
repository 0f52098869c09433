"""Brings sessions and conversations up to new events, under the conversations' locks.

Sums simply grow, wherever the event belongs. Only when a beginning moves, comes or goes is the conversation rebuilt.
"""

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from conversations import bulk, rebuild, recounting, reverting, value_rows, words
from conversations.envelope import Envelope
from conversations.identity import Key
from conversations.models import Assistant, Conversation, Event, Session
from conversations.opinions.placing import place_waiting
from conversations.reading import EventRow
from conversations.rows import ADDED, COLUMNS, STORED, SessionRow
from conversations.summary import LAST_TURN, Summary
from conversations.timeline import Mark, Role, mark, starts


class NewEvent(NamedTuple):
    """An event that a batch brings, with what is only known on receipt. `activity_at` in UTC seconds."""

    envelope: Envelope
    activity_at: float
    id: int  # of the stored row: its place in the order of arrival

    @property
    def row(self) -> EventRow:
        """Its columns."""
        return self.envelope.row


@dataclass(slots=True)
class _Grown:
    """A session that a batch touches."""

    session: SessionRow
    is_new: bool = False
    added: Summary = field(default_factory=Summary)
    rows: list[EventRow] = field(default_factory=list)
    is_late: bool = False  # something came before an event that was there
    turn: int = 0  # of the event that was added last

    @property
    def is_reverting(self) -> bool:
        """Whether marks of reverts may change."""
        return bool(self.added.n_reverts or (self.is_late and self.session.summary.n_reverts))

    def add(self, event: NewEvent) -> None:
        row, session = event.row, self.session
        if not self.rows:
            self.is_late = not self.is_new and row.key < session.last
            self.turn = session.summary.n_turns
        session.last = max(session.last, row.key)
        if row.type == "user":
            self.turn += 1
            session.newest_turn = max(event.id, session.newest_turn or 0)
        # Where a late event belongs, only a look at all events would tell: housekeeping takes it.
        self.added.add(
            row, event.envelope.environment, event.activity_at, None if self.is_late else self.turn
        )
        self.rows.append(row)


def grow(
    fresh: dict[int, list[NewEvent]],
    changed: set[int],
    locked: dict[int, Conversation],
    assistants: dict[int, Assistant],
) -> None:
    """Add the new events, by conversation id, to their sessions; rebuild the conversations in `changed` as well."""
    to_rebuild = set(changed)
    current = _newest_sessions([locked[pk] for pk in fresh])
    grown: list[_Grown] = []
    for conversation_id, events in fresh.items():
        conversation = locked[conversation_id]
        events.sort(key=lambda event: event.row.key)
        touched = (
            None
            if conversation_id in to_rebuild
            else _touched(
                conversation, current.get(conversation_id), events, assistants[conversation.assistant_id]
            )
        )
        if touched is None:
            to_rebuild.add(conversation_id)
        else:
            grown += touched
    _write(grown, {pk: locked[pk] for pk in fresh if pk not in to_rebuild})
    recounting.of_rows(item.session for item in grown)
    for conversation_id in sorted(to_rebuild):
        rebuild.rebuild_locked(locked[conversation_id], assistants[locked[conversation_id].assistant_id])


def _newest_sessions(conversations: list[Conversation]) -> dict[int, SessionRow]:
    ids = [row.last_session for row in conversations if row.last_session]
    if not ids:
        return {}
    condition, parameters = bulk.any_of("id", ids)
    rows = bulk.select(f"SELECT {', '.join(STORED)} FROM conversations_session WHERE {condition}", parameters)
    sessions = [SessionRow.from_database(dict(zip(STORED, row, strict=True))) for row in rows]
    return {session.conversation_id: session for session in sessions}


def _touched(
    conversation: Conversation, newest: SessionRow | None, events: list[NewEvent], assistant: Assistant
) -> list[_Grown] | None:
    """The sessions that take the events (sorted); None when the conversation must be rebuilt instead."""
    marks_sessions = conversation.marks_sessions or any(
        mark(event.row).role == Role.SESSION_START for event in events
    )
    if marks_sessions != conversation.marks_sessions and conversation.n_events:
        return None  # silence no longer counts: every beginning may move
    conversation.marks_sessions = marks_sessions
    gap = rebuild.gap_of(conversation, assistant)
    tail = rebuild.tail_of(conversation)
    if not tail or events[0].row.key > tail[-1].key:
        return _appended(conversation, newest, events, tail, gap)
    return _inserted(conversation, events, gap)


def _appended(
    conversation: Conversation,
    newest: SessionRow | None,
    events: list[NewEvent],
    tail: list[Mark],
    gap: float | None,
) -> list[_Grown] | None:
    """All events come after the conversation's last. None when a known event turns out to be a beginning."""
    marks = [*tail, *(mark(event.row) for event in events)]
    begins = set(starts(marks, gap=gap, known=len(tail)))
    if any(index < len(tail) for index in begins):
        return None
    touched = [_Grown(newest)] if newest else []
    for index, event in enumerate(events, start=len(tail)):
        if index in begins:
            key = event.row.key
            touched.append(
                _Grown(SessionRow(0, conversation.id, conversation.assistant_id, key, key), is_new=True)
            )
            conversation.n_sessions += 1
        touched[-1].add(event)
    _advance(conversation, events, marks)
    return [grown for grown in touched if grown.added.n_events]


def _inserted(conversation: Conversation, events: list[NewEvent], gap: float | None) -> list[_Grown] | None:
    """Some events are late. None when they move, make or remove a beginning."""
    marks, known = _neighbourhood(conversation, events[0].row.key, events[-1].row.key)
    rows = Session.objects.filter(conversation=conversation).values(*STORED)
    sessions = sorted(
        (_Grown(SessionRow.from_database(row)) for row in rows), key=lambda grown: grown.session.start
    )
    begins = [grown.session.start for grown in sessions]
    found = {marks[index].key for index in starts(marks, gap=gap, known=known)}
    expected = {key for key in begins if marks[known].key <= key <= marks[-1].key}
    if not expected <= found <= set(begins):
        return None
    for event in events:
        sessions[bisect_right(begins, event.row.key) - 1].add(event)
    _advance(conversation, events, marks)
    return [grown for grown in sessions if grown.added.n_events]


def _neighbourhood(conversation: Conversation, first: Key, last: Key) -> tuple[list[Mark], int]:
    """The marks from `first` to `last`, with up to two before and two after; and how many come before."""
    events = Event.objects.filter(conversation=conversation)
    before = rebuild.marks_of(events.before(first).in_order().reverse()[:2])[::-1]
    inside = rebuild.marks_of(events.between(first, last).in_order())
    after = rebuild.marks_of(events.after(last).in_order()[:2])
    return [*before, *inside, *after], len(before)


def _advance(conversation: Conversation, events: list[NewEvent], marks: list[Mark]) -> None:
    """Bring the conversation's own columns up to the new events; `marks` end with its newest ones."""
    conversation.n_events += len(events)
    times = [event.row.timestamp for event in events]
    activity = max(event.activity_at for event in events)
    conversation.first_at = min(times[0], conversation.first_at or times[0])
    conversation.last_at = max(times[-1], conversation.last_at or times[-1])
    conversation.activity_at = max(activity, conversation.activity_at or activity)
    tail = rebuild.tail_of(conversation)
    if not tail or marks[-1].key >= tail[-1].key:
        conversation.tail = rebuild.tail_text(marks)


def _write(grown: list[_Grown], conversations: dict[int, Conversation]) -> None:
    for conversation in conversations.values():
        conversation.revision += 1
    fresh = [item.session for item in grown if item.is_new]
    begun: dict[int, float] = {}
    for session, new_id in zip(fresh, bulk.new_ids(Session, len(fresh)), strict=True):
        session.id = new_id
        conversations[session.conversation_id].last_session = new_id
        begun.setdefault(session.conversation_id, session.start[0])
    _mark_reverts([item for item in grown if item.is_reverting])
    moved: list[SessionRow] = []
    reviewed: list[SessionRow] = []
    values: list[tuple[Any, ...]] = []
    for item in grown:
        session, conversation = item.session, conversations[item.session.conversation_id]
        session.revision = conversation.revision
        conversation.is_stale |= item.is_late
        period, n_turns = session.period, session.summary.n_turns
        session.summary.merge(item.added)
        session.turns_known &= not item.is_late and session.summary.n_turns < LAST_TURN
        if session.period != period and not item.is_new:
            moved.append(session)
        values += session.value_rows(item.added.values)
        if item.added.n_turns and session.watermark is not None:
            reviewed.append(session)
        elif item.added.n_turns and not n_turns:
            values.append(value_rows.unread(session))
    known = sorted((item.session for item in grown if not item.is_new), key=lambda session: session.id)
    chunks = words.gather(
        ((item.session.id, row) for item in grown for row in item.rows),
        new={session.id for session in fresh},
    )
    with bulk.pipeline():
        bulk.update(Session, COLUMNS, [(session.id, *session.columns()) for session in known])
        bulk.insert(Session, ADDED, [session.added() for session in fresh])
        value_rows.move(moved)
        value_rows.write(values)
        words.write(chunks)
        rebuild.save_conversations(list(conversations.values()))
    value_rows.change_reviews(reviewed)
    if begun:
        place_waiting(begun)


def _mark_reverts(grown: list[_Grown]) -> None:
    for item in grown:
        if item.is_late:
            item.session.n_reverted = reverting.mark_anew(item.session)
    reverting.mark_appended([(item.session, item.rows) for item in grown if not item.is_late])
