"""Computes everything about a conversation anew from its events: the repair, and the measure that growth is tested against."""

import json
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from django.db import connection, transaction

from conversations import bulk, recounting, words
from conversations.identity import parse
from conversations.models import Assistant, Conversation, Event, SearchChunk, Session, SessionValue
from conversations.opinions.placing import place
from conversations.querysets import EventQuerySet
from conversations.reading import EventRow, read
from conversations.rows import ADDED, COLUMNS, STORED, VALUE_COLUMNS, SessionRow
from conversations.summary import LAST_TURN
from conversations.timeline import Mark, Role, Step, mark, reverts, role, starts
from enterprise import schema

CONVERSATION_COLUMNS = (
    "n_events", "n_sessions", "marks_sessions", "first_at", "last_at", "tail", "last_session", "activity_at", "revision",
    "is_stale",
)  # fmt: skip


def rebuild_conversation(conversation_id: int) -> None:
    """Rebuild one conversation in a transaction of its own. Raises Conversation.DoesNotExist, schema.NotReady."""
    with transaction.atomic():
        schema.check_in_batch(connection)
        conversation = Conversation.objects.select_for_update(no_key=True).get(pk=conversation_id)
        rebuild_locked(conversation, conversation.assistant)


def rebuild_stale(conversation_id: int) -> bool:
    """Rebuild a conversation if it is stale and nobody is writing to it; whether it was. Raises schema.NotReady."""
    with transaction.atomic():
        schema.check_in_batch(connection)
        waiting = bulk.is_postgresql()  # SQLite has one lock, and this transaction holds it
        rows = Conversation.objects.filter(pk=conversation_id, is_stale=True)
        conversation = rows.select_for_update(no_key=waiting, skip_locked=waiting).first()
        if conversation is None:
            return False
        rebuild_locked(conversation, conversation.assistant)
        return True


def rebuild_locked(conversation: Conversation, assistant: Assistant) -> None:
    """Rebuild a conversation that the caller has locked. Sessions keep their ids as far as their events allow."""
    events: list[tuple[Any, ...]] = []
    rows: list[EventRow] = []
    respelled: list[tuple[int, str]] = []
    stored = (
        Event.objects.filter(conversation=conversation)
        .in_order()
        .values_list("body", "words", "environment", "is_future", "received_at", "id", "reverted_at")
    )
    for body, spelled, *facts, pk, popped_at in stored.iterator(
        chunk_size=100
    ):  # bodies may be hundreds of megabytes
        row = read(parse(body))
        rows.append(row)
        events.append((*facts, pk, popped_at))
        if row.words != spelled:
            respelled.append((pk, row.words))
    bulk.update(Event, ("words",), sorted(respelled))
    marks = [mark(row) for row in rows]
    conversation.marks_sessions = any(item.role == Role.SESSION_START for item in marks)
    begins = starts(marks, gap=gap_of(conversation, assistant)) if marks else []
    stretches = list(pairwise([*begins, len(rows)]))  # none in a conversation without events
    sessions: list[SessionRow] = []
    popped: list[tuple[int, float | None]] = []
    for begin, end in stretches:
        session, changed = _session(conversation, rows[begin:end], events[begin:end])
        sessions.append(session)
        popped += changed
    bulk.update(Event, ("reverted_at",), sorted(popped))
    conversation.n_events, conversation.n_sessions = len(rows), len(sessions)
    conversation.first_at = marks[0].timestamp if marks else None
    conversation.last_at = marks[-1].timestamp if marks else None
    conversation.activity_at = max((session.summary.activity_at or 0.0 for session in sessions), default=None)
    conversation.tail = tail_text(marks)
    conversation.revision += 1
    conversation.is_stale = False
    _replace(conversation, sessions)
    recounting.of_rows(sessions)
    words.index(
        (session.id, row)
        for session, (begin, end) in zip(sessions, stretches, strict=True)
        for row in rows[begin:end]
    )
    conversation.last_session = sessions[-1].id if sessions else None
    save_conversations([conversation])
    place(conversation.id)


def _session(
    conversation: Conversation, rows: Sequence[EventRow], events: Sequence[tuple[Any, ...]]
) -> tuple[SessionRow, list[tuple[int, float | None]]]:
    """A session of these events, and which of them are to be marked as popped, by id."""
    session = SessionRow(0, conversation.id, conversation.assistant_id, rows[0].key, rows[-1].key)
    found = reverts([Step(row.timestamp, row.type, row.name) for row in rows])
    changed: list[tuple[int, float | None]] = []
    turn = 0
    for index, row in enumerate(rows):
        environment, is_future, received_at, pk, reverted_at = events[index]
        if row.type == "user":
            turn += 1
            session.newest_turn = max(pk, session.newest_turn or 0)
        session.summary.add(row, environment, received_at if is_future else row.timestamp, turn)
        if found.get(index) != reverted_at:
            changed.append((pk, found.get(index)))
    session.n_reverted = sum(rows[index].type == "user" for index in found)
    session.turns_known = turn < LAST_TURN
    return session, changed


def _replace(conversation: Conversation, sessions: list[SessionRow]) -> None:
    """Write `sessions` in place of the stored ones. One whose beginning moved goes on as the one that holds its old beginning."""
    stored = [
        SessionRow.from_database(row)
        for row in Session.objects.filter(conversation=conversation).values(*STORED)
    ]
    by_start = {row.start: row.id for row in stored}
    for session in sessions:
        session.id = by_start.pop(session.start, 0)
        session.revision = conversation.revision
    for start, pk in sorted(by_start.items()):
        heir = next((row for row in reversed(sessions) if row.start <= start), None)
        if heir is not None and not heir.id:
            heir.id = pk
            del by_start[start]
    known = sorted((session for session in sessions if session.id), key=lambda session: session.id)
    old_ids = [session.id for session in known] + list(by_start.values())
    # What people say of the sessions that stay is placed again afterwards.
    SessionValue.objects.filter(session_id__in=old_ids, kind__lt=SessionValue.Kind.REVIEW).delete()
    SessionValue.objects.filter(session_id__in=by_start.values()).delete()
    SearchChunk.objects.filter(session_id__in=old_ids).delete()
    Session.objects.filter(id__in=by_start.values()).delete()
    fresh = [session for session in sessions if not session.id]
    for session, new_id in zip(fresh, bulk.new_ids(Session, len(fresh)), strict=True):
        session.id = new_id
    # A beginning may move onto another's old place: two steps, so that no two share one meanwhile.
    Session.objects.filter(id__in=[session.id for session in known]).update(start_rank=-1)
    bulk.update(Session, COLUMNS, [(session.id, *session.columns()) for session in known])
    bulk.insert(Session, ADDED, [session.added() for session in fresh])
    values = [row for session in sessions for row in session.value_rows(session.summary.values)]
    bulk.insert(SessionValue, VALUE_COLUMNS, values)


def save_conversations(conversations: Sequence[Conversation]) -> None:
    """Write the folded columns of conversations; tags and other opinions have tables of their own."""
    ordered = sorted(conversations, key=lambda row: row.id)
    bulk.update(
        Conversation,
        CONVERSATION_COLUMNS,
        [(row.id, *(getattr(row, name) for name in CONVERSATION_COLUMNS)) for row in ordered],
    )


def gap_of(conversation: Conversation, assistant: Assistant) -> float | None:
    """The silence that starts a session, in seconds, or None where the bot marks sessions itself."""
    return None if conversation.marks_sessions else float(assistant.session_gap)


def tail_of(conversation: Conversation) -> list[Mark]:
    """The marks of a conversation's last two events."""
    return [
        Mark(at, rank, bytes.fromhex(digest), part)
        for at, rank, digest, part in json.loads(conversation.tail)
    ]


def tail_text(marks: Sequence[Mark]) -> str:
    """`Conversation.tail` of a conversation that ends with these marks."""
    return json.dumps([[at, rank, digest.hex(), int(part)] for at, rank, digest, part in marks[-2:]])


def marks_of(events: EventQuerySet) -> list[Mark]:
    """The marks of stored events, in the queryset's order."""
    columns = events.values_list("timestamp", "rank", "hash", "type", "name")
    return [Mark(at, rank, bytes(digest), role(kind, name)) for at, rank, digest, kind, name in columns]
