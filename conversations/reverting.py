"""Marks stored events with the rewind or undo that popped them, in the batch that brings it."""

from collections import Counter
from collections.abc import Sequence

from conversations import bulk
from conversations.identity import Key
from conversations.models import Event
from conversations.reading import EventRow
from conversations.rows import SessionRow
from conversations.timeline import Step, reverts

TAIL = 300  # standing events before the batch that are looked at first; a turn has about ten

_Place = tuple[Key, str, str]  # key, type and name of an event
_Change = tuple[
    int, float, bytes, float | None
]  # conversation, timestamp and hash of an event; its new reverted_at
_KEY = ("conversation_id", "timestamp", "hash")


def mark_anew(session: SessionRow) -> int:
    """Mark a whole session by its stored events; return how many user messages are reverted."""
    changes, n_reverted = _anew(session)
    _write(changes)
    return n_reverted


def mark_appended(grown: Sequence[tuple[SessionRow, Sequence[EventRow]]]) -> None:
    """Mark what new events revert and set `n_reverted` of their sessions.

    `grown` are sessions with events (sorted, already stored) that are newer than all they had. What stands before them
    is read from its end: the marks in the database are the stack that `timeline.reverts` keeps.
    """
    standing, cut = _standing(
        [(session, rows[0].key) for session, rows in grown if session.start < rows[0].key]
    )
    changes: list[_Change] = []
    for session, rows in grown:
        places = [*standing.get(session.id, ()), *((row.key, row.type, row.name) for row in rows)]
        found = reverts([Step(key[0], kind, name) for key, kind, name in places])
        if session.id in cut:  # what a rewind ends at may lie beyond
            more, session.n_reverted = _anew(session)
            changes += more
            continue
        session.n_reverted += sum(places[index][1] == "user" for index in found)
        for index, popped_at in found.items():
            key = places[index][0]
            changes.append((session.conversation_id, key[0], key[2], popped_at))
    _write(changes)


def _standing(ends: Sequence[tuple[SessionRow, Key]]) -> tuple[dict[int, list[_Place]], set[int]]:
    """The last events (at most TAIL) before each session's key that nothing has popped, in order, by session id.

    And the sessions of which not all were read.
    """
    sql = (
        "SELECT timestamp, rank, hash, type, name FROM conversations_event WHERE conversation_id = {conversation}"
        " AND timestamp BETWEEN {first} AND {last} AND reverted_at IS NULL AND type NOT IN ('rewind', 'undo')"
        f" ORDER BY timestamp DESC, rank DESC, hash DESC LIMIT {TAIL}"
    )
    rows = [(session.id, session.conversation_id, session.start[0], key[0]) for session, key in ends]
    if bulk.is_postgresql():
        lateral = sql.format(conversation="c2", first="c3", last="c4")
        found = bulk.select_unnest(
            f"SELECT c1, e.* FROM {{u}} CROSS JOIN LATERAL ({lateral}) e",
            ("bigint", "bigint", "double precision", "double precision"),
            rows,
        )
    else:
        marks = sql.format(conversation="%s", first="%s", last="%s")
        found = [(pk, *row) for pk, *place in rows for row in bulk.select(marks, place)]
    bounds = {session.id: (session.start, key) for session, key in ends}
    result: dict[int, list[_Place]] = {}
    for pk, timestamp, rank, digest, kind, name in found:
        key = (timestamp, rank, bytes(digest))
        if bounds[pk][0] <= key < bounds[pk][1]:
            result.setdefault(pk, []).append((key, kind, name))
    read = Counter(row[0] for row in found)
    return {pk: places[::-1] for pk, places in result.items()}, {
        pk for pk, count in read.items() if count == TAIL
    }


def _anew(session: SessionRow) -> tuple[list[_Change], int]:
    events = list(
        Event.objects.filter(conversation_id=session.conversation_id)
        .between(session.start, session.last)
        .in_order()
        .values_list("timestamp", "hash", "type", "name", "reverted_at")
    )
    found = reverts([Step(timestamp, kind, name) for timestamp, _, kind, name, _ in events])
    changes = [
        (session.conversation_id, timestamp, bytes(digest), found.get(index))
        for index, (timestamp, digest, _, _, old) in enumerate(events)
        if found.get(index) != old
    ]
    return changes, sum(events[index][2] == "user" for index in found)


def _write(changes: Sequence[_Change]) -> None:
    rows: list[_Change] = sorted(changes, key=lambda change: (change[0], change[1], change[2]))
    bulk.update(Event, ("reverted_at",), rows, key=_KEY)
