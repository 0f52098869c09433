"""Whether the rows are right: counts that must agree, and a checksum that is the same however they came about."""

from dataclasses import dataclass

from django.db import connection

# Without ids, revisions and times of receipt; the search index is not part of what "equal rows" means. Nor are the turns
# of values, where two processes brought events late to each other: these wait for housekeeping.
_TABLES = {
    "events": "SELECT c.sender_id, e.timestamp, e.rank, e.hash, e.type, e.name, e.predicted, e.confidence, e.text,"
    " e.environment, e.is_export, e.is_future, e.reverted_at, e.body"
    " FROM conversations_event e JOIN conversations_conversation c ON c.id = e.conversation_id",
    "conversations": "SELECT sender_hash, sender_id, n_events, n_sessions, marks_sessions, first_at, last_at, tail,"
    " activity_at FROM conversations_conversation",
    "sessions": "SELECT to_jsonb(s) - '{id,conversation_id,assistant_id,revision,newest_turn,turns_known}'::text[], c.sender_id"
    " FROM conversations_session s JOIN conversations_conversation c ON c.id = s.conversation_id",
    "values": "SELECT c.sender_id, s.start_at, s.start_rank, s.start_hash, v.kind, v.value, v.period"
    " FROM conversations_sessionvalue v JOIN conversations_session s ON s.id = v.session_id"
    " JOIN conversations_conversation c ON c.id = s.conversation_id",
}


@dataclass(frozen=True)
class Fingerprint:
    """Rows and checksum by table, and the sums that must be equal to the number of events."""

    tables: tuple[tuple[str, int, str], ...]
    summed: tuple[tuple[str, int], ...]
    delivered: int

    @property
    def n_events(self) -> int:
        return self.tables[0][1]

    def __str__(self) -> str:
        return ", ".join(f"{count:,} {name}" for name, count, _ in self.tables)


def fingerprint() -> Fingerprint:
    """Of the database as it is."""
    tables = []
    with connection.cursor() as cursor:
        for name, sql in _TABLES.items():
            cursor.execute(
                f"SELECT count(*), coalesce(sum(hashtextextended(t::text, 0)), 0)::text FROM ({sql}) t"
            )
            tables.append((name, *cursor.fetchone()))
        summed = []
        for table in ("conversations_conversation", "conversations_session"):
            cursor.execute(f"SELECT coalesce(sum(n_events), 0) FROM {table}")
            summed.append((f"sum of n_events in {table}", int(cursor.fetchone()[0])))
        cursor.execute("SELECT coalesce(sum(n_stored + n_duplicates), 0) FROM events_source")
        delivered = int(cursor.fetchone()[0])
        cursor.execute("SELECT coalesce(sum(n_stored), 0) FROM events_source")
        summed.append(("events that the source counts", int(cursor.fetchone()[0])))
    return Fingerprint(tuple(tables), tuple(summed), delivered)


def problems(found: Fingerprint, published: int, expected: Fingerprint | None) -> list[str]:
    """What is wrong, in sentences; `expected` is the fingerprint of a clean pass."""
    wrong = []
    if found.delivered != published:
        wrong.append(f"published {published:,}, stored or counted as duplicates {found.delivered:,}")
    wrong += [f"{name} is {n:,}, not {found.n_events:,}" for name, n in found.summed if n != found.n_events]
    if expected is not None:
        wrong += [
            f"{one[0]}: {one[1]:,} rows, checksum {one[2]}; a clean pass has {other[1]:,}, {other[2]}"
            for one, other in zip(found.tables, expected.tables, strict=True)
            if one != other
        ]
    return wrong
