"""Writes the search index: words of messages into chunks of a session and side, on both databases.

Lexemes and positions are written as they are (`tokens.words`), never through a database's parser, so that PostgreSQL
and SQLite find the same. A break stands between two messages: a phrase never crosses it.
"""

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, field

from conversations import bulk
from conversations.models import SearchChunk
from conversations.reading import EventRow

CHUNK_WORDS = 700  # about 4 kB; a growing column made every event of a long session 10 times dearer
MESSAGE_BREAK = "\ue000"  # a private-use character that `words` never gives
_SIDES = {"user": SearchChunk.Side.USER, "bot": SearchChunk.Side.BOT, "agent": SearchChunk.Side.BOT}

Place = tuple[int, int]  # (session id, side)


@dataclass(slots=True)
class Chunk:
    """A chunk and the messages (lists of words) that are added to it; without an id it is a new one."""

    id: int | None
    place: Place
    size: int
    is_open: bool = True
    added: list[list[str]] = field(default_factory=list)


def index(messages: Iterable[tuple[int, EventRow]]) -> None:
    """Add what users and bots said, as (session id, event), to their sessions' chunks. Inside the batch's transaction."""
    write(gather(messages))


def gather(messages: Iterable[tuple[int, EventRow]], *, new: Container[int] = ()) -> list[Chunk]:
    """The chunks that these messages go into, still to be written; the sessions `new` have none yet."""
    by_place: dict[Place, list[list[str]]] = {}
    for session_id, row in messages:
        if row.words:
            by_place.setdefault((session_id, _SIDES[row.type]), []).append(row.words.split())
    return _fill(by_place, sorted({session for session, _ in by_place if session not in new}))


def _fill(by_place: dict[Place, list[list[str]]], known: Sequence[int]) -> list[Chunk]:
    condition, parameters = bulk.any_of("session_id", known)
    sql = f"SELECT id, session_id, side, size FROM conversations_searchchunk WHERE is_open AND {condition}"
    open_chunks = {
        (session, side): Chunk(chunk_id, (session, side), size)
        for chunk_id, session, side, size in (bulk.select(sql, parameters) if known else ())
    }
    chunks: list[Chunk] = []
    for place, messages in sorted(by_place.items()):
        chunk = open_chunks.get(place)
        if chunk is not None:
            chunks.append(chunk)
        for message in messages:
            if chunk is None or chunk.size + len(message) > CHUNK_WORDS:
                if chunk is not None:
                    chunk.is_open = False
                chunk = Chunk(None, place, 0)
                chunks.append(chunk)
            chunk.added.append(message)
            chunk.size += len(message) + 1
    return chunks


def write(chunks: Sequence[Chunk]) -> None:
    """Write chunks that `gather` gave."""
    grown = [chunk for chunk in chunks if chunk.id is not None]
    fresh = [chunk for chunk in chunks if chunk.id is None]
    # Closed before others open: one open chunk a side is a constraint.
    if bulk.is_postgresql():
        bulk.execute_unnest(
            "UPDATE conversations_searchchunk t SET vector = t.vector || c4::tsvector, size = c2, is_open = c3"
            " FROM {u} WHERE t.id = c1",
            ("bigint", "integer", "boolean", "text"),
            [(chunk.id, chunk.size, chunk.is_open, _vector(chunk.added)) for chunk in grown],
        )
        bulk.execute_unnest(
            "INSERT INTO conversations_searchchunk (session_id, side, size, is_open, vector)"
            " SELECT c1, c2, c3, c4, c5::tsvector FROM {u}",
            ("bigint", "smallint", "integer", "boolean", "text"),
            [(*chunk.place, chunk.size, chunk.is_open, _vector(chunk.added)) for chunk in fresh],
        )
        return
    for chunk, new_id in zip(fresh, bulk.new_ids(SearchChunk, len(fresh)), strict=True):
        chunk.id = new_id
    bulk.update(SearchChunk, ("size", "is_open"), [(chunk.id, chunk.size, chunk.is_open) for chunk in grown])
    bulk.insert(
        SearchChunk,
        ("id", "session_id", "side", "size", "is_open"),
        [(chunk.id, *chunk.place, chunk.size, chunk.is_open) for chunk in fresh],
    )
    bulk.execute(
        "UPDATE conversations_searchwords SET words = words || %s WHERE rowid = %s",
        [(_line(chunk.added), chunk.id) for chunk in grown if chunk.added],
    )
    bulk.execute(
        "INSERT INTO conversations_searchwords (rowid, words) VALUES (%s, %s)",
        [(chunk.id, _line(chunk.added)) for chunk in fresh],
    )


def _line(messages: list[list[str]]) -> str:
    return "".join(f" {MESSAGE_BREAK} {' '.join(message)}" for message in messages)


def _vector(messages: list[list[str]]) -> str:
    positions: dict[str, list[str]] = {}
    position = 1  # the first word takes 2: one place stays free between this text and what it is appended to
    for message in messages:
        for word in message:
            position += 1
            positions.setdefault(word, []).append(str(position))
        position += 1
    return " ".join(f"{quoted(word)}:{','.join(places)}" for word, places in positions.items())


def quoted(word: str) -> str:
    """A lexeme as a tsvector or tsquery literal holds it."""
    return "'" + word.replace("\\", "\\\\").replace("'", "''") + "'"
