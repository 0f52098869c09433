"""Stores batches of events: at least once from outside, exactly once in effect.

One transaction a batch: lock the conversations, insert what is new, add it to the sessions' sums, commit. The same rows
result for every order, split and repetition of the same events (tests/test_store_*.py compare four ways).
"""

import contextlib
import logging
import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from django.db import DatabaseError, DataError, IntegrityError, OperationalError, connection, transaction

from conversations import bulk, growth
from conversations.envelope import Envelope
from conversations.growth import NewEvent
from conversations.identity import sender_hash, shown
from conversations.models import Assistant, Conversation, Event
from conversations.opinions.starters import give_reasons
from conversations.reading import TEXT_LIMIT
from conversations.rebuild import CONVERSATION_COLUMNS
from conversations.summary import better_transport
from enterprise import schema

log = logging.getLogger(__name__)

DAY = 86_400
RETRIES = 8
RETRYABLE = {"40001", "40P01", "55P03", "57014"}  # serialisation, deadlock, lock timeout, statement timeout
EVENT_COLUMNS = (
    "conversation_id", "timestamp", "rank", "hash", "type", "name", "predicted", "confidence", "text", "words",
    "environment", "is_export", "is_future", "received_at", "body",
)  # fmt: skip
EVENT_KEY = ("conversation_id", "timestamp", "hash")


@dataclass(slots=True)
class Stored:
    """What became of a batch; `refused` with the database's reason."""

    new: int = 0
    duplicates: int = 0
    conversations: set[int] = field(default_factory=set)
    refused: list[tuple[Envelope, str]] = field(default_factory=list)

    def add(self, other: "Stored") -> None:
        """Count another part of the same batch."""
        self.new += other.new
        self.duplicates += other.duplicates
        self.conversations |= other.conversations
        self.refused += other.refused


_Place = tuple[int, bytes]  # (assistant id, hash of the sender)
_known: dict[_Place, int] = {}  # conversation ids; a hint that every batch checks under its locks
_KNOWN_LIMIT = 200_000


def reached(_point: str) -> None:
    """Fault point; tests replace it to kill a batch where it hurts."""


def store(envelopes: Sequence[Envelope], *, also: Callable[[Stored], None] | None = None) -> Stored:
    """Store a batch; `also` runs in its transaction, just before commit.

    Deadlocks, serialisation failures and time-outs repeat the batch; what the database refuses as data is found by
    bisection and returned in `Stored.refused`. Raises `schema.NotReady`, and OperationalError when the database is away.
    """
    try:
        return _repeated(envelopes, also)
    except DatabaseError as error:
        if not _is_refusal(error):
            raise
        log.warning(
            "the database refused a batch of %d: %s",
            len(envelopes),
            error,
            extra={"action": "batch_bisected"},
        )
        stored = Stored()
        for part in _halves(envelopes):
            try:
                stored.add(store(part) if len(envelopes) > 1 else _repeated(part, None))
            except DatabaseError as refusal:
                if not _is_refusal(refusal):
                    raise
                stored.refused += [(envelope, str(refusal)) for envelope in part]
        if also is not None:
            with transaction.atomic():
                also(stored)
        return stored


def _is_refusal(error: DatabaseError) -> bool:
    """Whether the data itself is refused; PostgreSQL calls what exceeds its limits (class 54) an operational error."""
    state = getattr(error.__cause__, "sqlstate", None) or ""
    return isinstance(error, DataError | IntegrityError) or state.startswith("54")


def _halves(envelopes: Sequence[Envelope]) -> list[Sequence[Envelope]]:
    middle = (len(envelopes) + 1) // 2
    return [part for part in (envelopes[:middle], envelopes[middle:]) if part]


def _repeated(envelopes: Sequence[Envelope], also: Callable[[Stored], None] | None) -> Stored:
    for attempt in range(RETRIES):
        try:
            return _store_once(envelopes, also)
        except DatabaseError as error:
            _known.clear()
            state = getattr(error.__cause__, "sqlstate", None)
            locked = "database is locked" in str(error)
            if attempt == RETRIES - 1 or not (
                state in RETRYABLE or locked or isinstance(error, _ConversationGone)
            ):
                raise
            time.sleep(random.uniform(0.01, 0.05) * 2**attempt)  # noqa: S311 - spreads writers, guards nothing
    raise AssertionError


class _ConversationGone(OperationalError):
    """A conversation was deleted between finding and locking it."""


def ensure_conversation(assistant_name: str, sender_id: str) -> int:
    """The id of a conversation; without events it is made as an empty, hidden state (a bot tags before it publishes)."""
    assistant = _assistants([assistant_name])[assistant_name]
    place = (assistant.id, sender_hash(sender_id))
    while True:
        _known.pop(place, None)  # it may be gone, and no lock tells
        with contextlib.suppress(
            _ConversationGone
        ):  # made or found, and deleted before it was read: made anew
            pk = _conversation_ids({place: sender_id})[place]
            if Conversation.objects.filter(pk=pk).exists():
                return pk


def _assistants(names: Iterable[str]) -> dict[str, Assistant]:
    wanted = set(names)
    condition, parameters = bulk.any_of("name", sorted(wanted))
    rows = bulk.select(
        f"SELECT id, name, session_gap FROM conversations_assistant WHERE {condition}", parameters
    )
    found = {name: Assistant(id=pk, name=name, session_gap=gap) for pk, name, gap in rows}
    for name in sorted(wanted - found.keys()):
        with transaction.atomic():
            found[name], is_new = Assistant.objects.get_or_create(name=name)
            if is_new:
                give_reasons(found[name])
    return found


def _conversation_ids(places: dict[_Place, str]) -> dict[_Place, int]:
    """Ids by place; unknown ones are inserted sorted, in a short transaction of their own."""
    # One look each: another thread may clear what is known in between.
    ids = {place: pk for place in places if (pk := _known.get(place)) is not None}
    missing = sorted(place for place in places if place not in ids)
    if missing:
        ids |= _inserted(missing, places)
        for assistant_id, hashes in bulk.grouped(place for place in missing if place not in ids).items():
            rows = Conversation.objects.filter(assistant_id=assistant_id, sender_hash__in=hashes)
            ids |= {(assistant_id, bytes(digest)): pk for digest, pk in rows.values_list("sender_hash", "id")}
        if len(ids) < len(places):
            raise _ConversationGone("a conversation was deleted meanwhile")
        if len(_known) > _KNOWN_LIMIT:
            _known.clear()
        _known.update(ids)
    return ids


def _inserted(missing: Sequence[_Place], places: dict[_Place, str]) -> dict[_Place, int]:
    """Insert conversations without events; the ids of those that were not there."""
    now = time.time()
    # One statement is a transaction of its own on PostgreSQL; the batch's commit writes it to the disk, too.
    with contextlib.nullcontext() if bulk.is_postgresql() else transaction.atomic():
        found = bulk.insert_new(
            Conversation,
            ("assistant_id", "sender_hash", "sender_id", "n_events", "n_sessions", "marks_sessions", "tail",
             "revision", "created_at", "is_stale"),
            [(*place, shown(places[place]), 0, 0, False, "[]", 0, now, False) for place in missing],
            key=("assistant_id", "sender_hash"),
        )  # fmt: skip
    return {(assistant_id, bytes(digest)): pk for (assistant_id, digest), pk in found.items()}


def _store_once(envelopes: Sequence[Envelope], also: Callable[[Stored], None] | None) -> Stored:
    received_at = time.time()
    assistants = _assistants({envelope.assistant for envelope in envelopes})
    senders = {(envelope.assistant, envelope.sender_id) for envelope in envelopes}
    places = {(assistants[name].id, sender_hash(sender)): (name, sender) for name, sender in senders}
    ids = _conversation_ids({place: sender for place, (_, sender) in places.items()})
    by_sender = {sender: ids[place] for place, sender in places.items()}
    reached("conversations")
    stored = Stored()
    with transaction.atomic():
        schema.check_in_batch(connection)
        locked = _lock(ids)
        copies: dict[tuple[int, float, bytes], Envelope] = {}
        for envelope in envelopes:
            row = envelope.row
            key = (by_sender[envelope.assistant, envelope.sender_id], row.timestamp, row.hash)
            copies[key] = _better(copies[key], envelope) if key in copies else envelope
        new_keys = _insert_events(copies, received_at)
        reached("events")
        fresh: dict[int, list[NewEvent]] = {}
        for key in sorted(new_keys):
            fresh.setdefault(key[0], []).append(_received(copies[key], received_at, new_keys[key]))
        changed = _change_transport(copies, new_keys)
        growth.grow(fresh, changed, locked, {assistant.id: assistant for assistant in assistants.values()})
        stored.new, stored.duplicates = len(new_keys), len(envelopes) - len(new_keys)
        stored.conversations = set(fresh) | changed
        reached("folded")
        if also is not None:
            also(stored)
        reached("before commit")
    return stored


_LOCKED = ("id", "assistant_id", "sender_hash", *CONVERSATION_COLUMNS)


def _lock(ids: dict[_Place, int]) -> dict[int, Conversation]:
    condition, parameters = bulk.any_of("id", sorted(ids.values()))
    locking = " FOR NO KEY UPDATE" if bulk.is_postgresql() else ""
    rows = bulk.select(
        f"SELECT {', '.join(_LOCKED)} FROM conversations_conversation WHERE {condition} ORDER BY id{locking}",
        parameters,
    )
    locked = {row[0]: Conversation(**dict(zip(_LOCKED, row, strict=True))) for row in rows}
    # SQLite gives the id of a conversation that was rolled back to the next one.
    if {(row.assistant_id, bytes(row.sender_hash)): pk for pk, row in locked.items()} != ids:
        raise _ConversationGone("a conversation was deleted meanwhile")
    return locked


def _better(one: Envelope, other: Envelope) -> Envelope:
    facts = better_transport((one.environment, one.is_export), (other.environment, other.is_export))
    return one._replace(environment=facts[0], is_export=facts[1])


def _received(envelope: Envelope, received_at: float, pk: int) -> NewEvent:
    is_future = envelope.row.timestamp > received_at + DAY
    return NewEvent(envelope, received_at if is_future else envelope.row.timestamp, pk)


def _insert_events(
    copies: dict[tuple[int, float, bytes], Envelope], received_at: float
) -> dict[tuple[int, float, bytes], int]:
    rows = []
    for key in sorted(copies):
        row = copies[key].row
        rows.append((
            key[0], row.timestamp, row.rank, row.hash, row.type, row.name, row.predicted, row.confidence,
            row.said[:TEXT_LIMIT], row.words, copies[key].environment, copies[key].is_export,
            row.timestamp > received_at + DAY, received_at, copies[key].body,
        ))  # fmt: skip
    return {
        (first, at, bytes(digest)): pk
        for (first, at, digest), pk in bulk.insert_new(Event, EVENT_COLUMNS, rows, key=EVENT_KEY).items()
    }


def _change_transport(
    copies: dict[tuple[int, float, bytes], Envelope], new_keys: Mapping[tuple[int, float, bytes], int]
) -> set[int]:
    """Give stored events the better facts of a copy that came later; return the conversations that changed."""
    repeated = sorted(copies.keys() - new_keys.keys())
    better: dict[int, tuple[str, bool]] = {}
    changed: set[int] = set()
    for pk, conversation_id, at, digest, environment, is_export in bulk.find(
        Event, ("id", *EVENT_KEY, "environment", "is_export"), repeated, key=EVENT_KEY
    ):
        copy = copies[conversation_id, at, bytes(digest)]
        stored = (environment, bool(is_export))
        facts = better_transport(stored, (copy.environment, copy.is_export))
        if facts != stored:
            better[pk] = facts
            changed.add(conversation_id)
    bulk.update(Event, ("environment", "is_export"), [(pk, *better[pk]) for pk in sorted(better)])
    return changed
