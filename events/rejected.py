"""Messages that could not be events: kept to the byte, listed, replayed after a fix. A body is never lost."""

import contextlib
import dataclasses
import hashlib
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from django.conf import settings
from django.db.models import F

from conversations.envelope import Envelope
from conversations.identity import shown
from conversations.store import Stored, store
from events.decode import MAX_BODY, Rejection, decode
from events.models import RejectedMessage
from events.sources import BATCH_BYTES, Message

FOLDER = "rejected"  # below DATA_DIR
REPLAY_MESSAGES = 500


class Rejected(NamedTuple):
    """A message and why it is no event."""

    message: Message
    reason: str


def write_large(rejected: Iterable[Rejected]) -> None:
    """Put bodies over 16 MB into files, before the transaction that names them. Writing one twice changes nothing.

    Raises OSError when the disk does not take it: the message must then stay in its source.
    """
    for message, _ in rejected:
        if len(message.body) <= MAX_BODY:
            continue
        path = settings.DATA_DIR / file_of(message.body)
        if path.exists():
            continue
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = path.with_suffix(f".{os.getpid()}.part")
        with draft.open("wb") as file:
            file.write(message.body)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)


def file_of(body: bytes) -> str:
    """Where a large body is kept, below DATA_DIR."""
    return f"{FOLDER}/{_hash(body).hex()}.body"


def keep(source_id: int, rejected: Sequence[Rejected], *, now: float) -> None:
    """Write rows, inside the caller's transaction: a body already known counts up, and is open again if it was replayed."""
    if not rejected:
        return
    times: dict[bytes, int] = {}
    rows: dict[bytes, RejectedMessage] = {}
    for message, reason in rejected:
        digest = _hash(message.body)
        times[digest] = times.get(digest, 0) + 1
        is_large = len(message.body) > MAX_BODY
        rows[digest] = RejectedMessage(
            source_id=source_id,
            body_hash=digest,
            body=None if is_large else message.body,
            file=file_of(message.body) if is_large else "",
            size=len(message.body),
            reason=reason,
            properties={"environment": shown(message.environment), "is_export": message.is_export},
            first_at=now,
            last_at=now,
        )
    # Sorted, so that two processes take the rows' locks in one order.
    RejectedMessage.objects.bulk_create(
        [rows[digest] for digest in sorted(rows)], ignore_conflicts=True, batch_size=100
    )
    for count in sorted(set(times.values())):
        hashes = sorted(digest for digest in times if times[digest] == count)
        RejectedMessage.objects.filter(source_id=source_id, body_hash__in=hashes).update(
            count=F("count") + count, last_at=now, replayed_at=None
        )


def _hash(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=16).digest()


def body_of(row: RejectedMessage) -> bytes:
    """The message to the byte. Raises FileNotFoundError when somebody deleted the file of a large one."""
    if row.file:
        return Path(settings.DATA_DIR, row.file).read_bytes()
    return bytes(row.body or b"")


@dataclasses.dataclass(slots=True)
class Replayed:
    """What became of rows: events stored, events that were there already, and rows that stay rejected."""

    stored: int = 0
    duplicates: int = 0
    rejected: int = 0


def replay(rows: Iterable[RejectedMessage]) -> Replayed:
    """Give rejected messages another try, as a new version may read what an old one could not.

    Rows that become events are marked `replayed_at`; the others keep their place with today's reason.
    """
    result = Replayed()
    for part in _parts(rows):
        _replay_part(part, result)
    return result


def _replay_part(rows: list[RejectedMessage], result: Replayed) -> None:
    envelopes: list[Envelope] = []
    row_of: dict[int, RejectedMessage] = {}  # by identity of the envelope
    for row in rows:
        decoded = _decode_again(row)
        if isinstance(decoded, Rejection):
            result.rejected += 1
            RejectedMessage.objects.filter(pk=row.pk).update(reason=decoded.reason)
        else:
            envelopes.append(decoded)
            row_of[id(decoded)] = row

    def mark(stored: Stored) -> None:
        refused = {id(envelope) for envelope, _ in stored.refused}
        done = [row.pk for key, row in row_of.items() if key not in refused]
        RejectedMessage.objects.filter(pk__in=done).update(replayed_at=time.time())
        for envelope, reason in stored.refused:
            RejectedMessage.objects.filter(pk=row_of[id(envelope)].pk).update(reason=shown(reason))

    if envelopes:
        stored = store(envelopes, also=mark)
        result.stored += stored.new
        result.duplicates += stored.duplicates
        result.rejected += len(stored.refused)


def _decode_again(row: RejectedMessage) -> Envelope | Rejection:
    try:
        body = body_of(row)
    except OSError as error:
        return Rejection(f"its file cannot be read: {error.strerror}")
    return decode(
        body,
        assistant=row.source.assistant,
        environment=str(row.properties.get("environment", "")),
        is_export=bool(row.properties.get("is_export")),
    )


def _parts(rows: Iterable[RejectedMessage]) -> Iterator[list[RejectedMessage]]:
    part: list[RejectedMessage] = []
    size = 0
    for row in rows:
        part.append(row)
        size += row.size
        if len(part) >= REPLAY_MESSAGES or size >= BATCH_BYTES:
            yield part
            part, size = [], 0
    if part:
        yield part


def delete_file(row: RejectedMessage) -> None:
    """Delete the file of a large body; for whoever deletes the row."""
    if row.file:
        with contextlib.suppress(FileNotFoundError):
            Path(settings.DATA_DIR, row.file).unlink()
