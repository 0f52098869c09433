"""The table that Rasa's `sql` event broker fills, in SQLite or PostgreSQL. Only reads, and only for milliseconds.

Ids are given before rows are committed, so a row can appear below ids that were read already: the gaps are remembered
as holes and looked at again for ten minutes. Ids start again after a clean-up (SQLite), so the row at the position is
checked by its hash: gone or different, and the table is read again from its smallest id; the store knows the rest.
"""

import contextlib
import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from events.sources import BATCH_MESSAGES, Batch, Message
from events.sources.address import Address
from events.sources.sql_tables import Busy, PostgreSQLTable, SQLiteTable

HOLE_SECONDS = 600.0  # a hole that nobody filled for so long was a transaction that failed
MAX_HOLES = 200  # the highest are kept: those near the end belong to transactions that may still commit
HOLES_PAUSE = 1.0  # seconds between looks at the holes
POLL_SECONDS = 0.25

Row = tuple[int, bytes]  # (id, body)
Hole = tuple[int, int, float]  # (first id, last id, seconds since the epoch when it was seen)


class Table(Protocol):
    """Where the rows are."""

    @property
    def waiting_for(self) -> str:
        """What is not there yet (`file`, `table`), or empty."""

    def rows_from(self, first: int, limit: int) -> list[Row]:
        """Rows with id >= `first` in order of id: at most `limit`, and few enough to be 8 MB together.

        Empty while file or table are missing. Raises Unavailable, and Busy when Rasa writes at this moment.
        """

    def rows_between(self, ranges: Sequence[tuple[int, int]], limit: int) -> list[Row]:
        """The same for ids within any of `ranges`, both ends included."""

    def close(self) -> None:
        """Leave the database."""


class Position:
    """How far a table is read: the highest id, the hash of its row, and the holes below it."""

    def __init__(self, saved: Mapping[str, Any]) -> None:
        self.top = int(saved.get("top", 0))
        self.hash = str(saved.get("hash", ""))
        self.holes: list[Hole] = [(int(a), int(b), float(since)) for a, b, since in saved.get("holes", [])]

    def saved(self) -> dict[str, Any]:
        """As JSON."""
        return {"top": self.top, "hash": self.hash, "holes": [list(hole) for hole in self.holes]}

    def advance(self, rows: Sequence[Row], now: float) -> None:
        """Move behind `rows`, which follow the position in order of id; what they skip becomes holes."""
        for row_id, _ in rows:
            if row_id > self.top + 1:
                self.holes.append((self.top + 1, row_id - 1, now))
            self.top = row_id
        if rows:
            self.hash = body_hash(rows[-1][1])
        self.holes = self.holes[-MAX_HOLES:]

    def fill(self, rows: Sequence[Row]) -> None:
        """Take ids that appeared in holes out of them."""
        for row_id, _ in rows:
            self.holes = list(_without(self.holes, row_id))

    def forget_old_holes(self, now: float) -> None:
        """Give up holes that stayed empty."""
        self.holes = [hole for hole in self.holes if now - hole[2] < HOLE_SECONDS]


def _without(holes: Sequence[Hole], row_id: int) -> Iterator[Hole]:
    for first, last, since in holes:
        if not first <= row_id <= last:
            yield first, last, since
            continue
        if first < row_id:
            yield first, row_id - 1, since
        if row_id < last:
            yield row_id + 1, last, since


def body_hash(body: bytes) -> str:
    """What tells the row at the position from another one with its id."""
    return hashlib.blake2b(body, digest_size=16).hexdigest()


class SQLSource:
    """One table, read by one process at a time."""

    is_exclusive = True

    def __init__(self, address: Address, *, batch_size: int = BATCH_MESSAGES) -> None:
        self.address = address
        self._batch_size = batch_size
        table = SQLiteTable if address.scheme == "sql+sqlite" else PostgreSQLTable
        self._table: Table = table(address)
        self._position = Position({})
        self._holes_at = 0.0
        self._n_restarts = 0

    def connect(self, position: Mapping[str, Any]) -> None:
        self._table.close()
        self._position = Position(position)
        self._holes_at = 0.0

    def take(self, timeout: float) -> Batch | None:
        deadline = time.monotonic() + timeout
        while True:
            with contextlib.suppress(Busy):
                if rows := self._late_rows() or self._new_rows():
                    return self._batch(rows)
            pause = min(POLL_SECONDS, deadline - time.monotonic())
            if pause <= 0:
                return None
            time.sleep(pause)

    def take_ahead(self, least: int) -> Batch | None:  # noqa: ARG002 - reading is quick here
        return None

    def acknowledge(self, batch: Batch) -> None:
        """Nothing to do: the position is stored with the batch."""

    def heartbeat(self) -> None:
        """Nothing to do: no transaction is open."""

    def pause(self) -> None:
        self._table.close()

    def close(self) -> None:
        with contextlib.suppress(Exception):
            self._table.close()

    def facts(self) -> dict[str, Any]:
        """`waiting_for`: `file` or `table`, if it is not there yet; `top`: highest id read; `holes`: ids that may still
        appear; `restarts`: how often the table was found cleaned up and read again since the service started."""
        return {
            "waiting_for": self._table.waiting_for,
            "top": self._position.top,
            "holes": sum(last - first + 1 for first, last, _ in self._position.holes),
            "restarts": self._n_restarts,
        }

    def _new_rows(self) -> list[Row]:
        """Rows behind the position; the row at the position is read along, to see that it is still the same."""
        position, limit = self._position, self._batch_size
        if not position.hash:
            rows = self._table.rows_from(position.top + 1, limit)
        else:
            rows = self._table.rows_from(position.top, limit + 1)
            if self._table.waiting_for:
                return []
            if rows and rows[0][0] == position.top and body_hash(rows[0][1]) == position.hash:
                rows = rows[1:]
            else:
                self._n_restarts += 1
                self._position = position = Position({})
                rows = self._table.rows_from(1, limit)
        position.advance(rows, time.time())
        return rows

    def _late_rows(self) -> list[Row]:
        """Rows that appeared in holes."""
        position, now = self._position, time.monotonic()
        if not position.holes or now - self._holes_at < HOLES_PAUSE:
            return []
        self._holes_at = now
        rows = self._table.rows_between([hole[:2] for hole in position.holes], self._batch_size)
        position.fill(rows)
        if not rows:
            position.forget_old_holes(time.time())
        return rows

    def _batch(self, rows: Sequence[Row]) -> Batch:
        environment = self.address.environment
        return Batch([Message(body, environment) for _, body in rows], None, self._position.saved())
