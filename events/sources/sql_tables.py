"""Reading Rasa's `events` table where it is: short SELECTs that are fetched and closed before anything else happens.

An open cursor on SQLite holds a lock, and made Rasa's publish wait and fail the customer's turn.
"""

import contextlib
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg

from conversations.identity import shown
from events.sources import BATCH_BYTES, Unavailable
from events.sources.address import SETTING, Address

# A page is as many rows as fit into 8 MB, the first one not counted: it may be the row at the position, read again.
_SELECT = """
SELECT id, data FROM (
  SELECT id, data, sum(size) OVER (ORDER BY id) - size - first_value(size) OVER (ORDER BY id) AS before FROM (
    SELECT id, data, coalesce(length(data), 0) AS size FROM events WHERE {where} ORDER BY id LIMIT {limit}
  ) AS page
) AS sized WHERE before < {bytes} ORDER BY id
"""
TRACKER_COLUMNS = {
    "type_name",
    "timestamp",
    "action_name",
}  # of the table with the same name in an SQL tracker store
BUSY_SECONDS = 2.0

Row = tuple[int, bytes]


def _tracker_store(address: Address) -> Unavailable:
    return Unavailable(
        f"the table `events` in {address.path} belongs to a tracker store, not to an event broker: give the broker "
        f"(type: sql) a database of its own in endpoints.yml and name that one in {SETTING}"
    )


def _foreign(address: Address) -> Unavailable:
    return Unavailable(
        f"the table `events` in {address.path} has no columns id and data: name the database of Rasa's sql event "
        f"broker in {SETTING}"
    )


def _check_columns(columns: set[str], address: Address) -> None:
    if columns & TRACKER_COLUMNS:
        raise _tracker_store(address)
    if not {"id", "data"} <= columns:
        raise _foreign(address)


class Busy(Exception):
    """Rasa writes at this moment; look again."""


class SQLiteTable:
    """A file that Rasa writes. It is opened anew for every SELECT: it may be deleted and made again at any time."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._path = Path(address.path)
        self._is_checked = False
        self.waiting_for = ""

    def rows_from(self, first: int, limit: int) -> list[Row]:
        return self._select(_SELECT.format(where="id >= ?", limit="?", bytes=BATCH_BYTES), [first, limit])

    def rows_between(self, ranges: Sequence[tuple[int, int]], limit: int) -> list[Row]:
        where = " OR ".join(["id BETWEEN ? AND ?"] * len(ranges))
        ends = [end for one in ranges for end in one]
        return self._select(_SELECT.format(where=where, limit="?", bytes=BATCH_BYTES), [*ends, limit])

    def close(self) -> None:
        self._is_checked = False

    def _select(self, query: str, values: list[int]) -> list[Row]:
        if not self._path.exists():
            self.waiting_for, self._is_checked = "file", False
            return []
        try:
            with contextlib.closing(self._open()) as database:
                if not self._is_checked:
                    columns = {row[1].decode() for row in database.execute("PRAGMA table_info(events)")}
                    if not columns:
                        self.waiting_for = "table"
                        return []
                    _check_columns(columns, self._address)
                    self._is_checked = True
                self.waiting_for = ""
                return [(row_id, _bytes(data)) for row_id, data in database.execute(query, values).fetchall()]
        except sqlite3.OperationalError as error:
            self._is_checked = False
            if getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise Busy from error
            if "no such table" in str(error):
                self.waiting_for = "table"
                return []
            raise Unavailable(f"{self._path} cannot be read ({shown(str(error))}); see {SETTING}") from error
        except sqlite3.DatabaseError as error:
            raise Unavailable(
                f"{self._path} is not an SQLite database ({shown(str(error))}); check the path in {SETTING}"
            ) from error

    def _open(self) -> sqlite3.Connection:
        # Never `immutable`: Rasa writes. A database in WAL mode needs its -shm file, which mode=ro may use.
        database = sqlite3.connect(
            f"file:{quote(str(self._path))}?mode=ro", uri=True, timeout=BUSY_SECONDS, isolation_level=None
        )
        database.text_factory = bytes
        return database


class PostgreSQLTable:
    """A table in a server. Every SELECT is a transaction of its own, on a connection that cannot write."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._connection: psycopg.Connection[Any] | None = None
        self.waiting_for = ""

    def rows_from(self, first: int, limit: int) -> list[Row]:
        return self._select(_SELECT.format(where="id >= %s", limit="%s", bytes=BATCH_BYTES), [first, limit])

    def rows_between(self, ranges: Sequence[tuple[int, int]], limit: int) -> list[Row]:
        where = " OR ".join(["id BETWEEN %s AND %s"] * len(ranges))
        ends = [end for one in ranges for end in one]
        return self._select(_SELECT.format(where=where, limit="%s", bytes=BATCH_BYTES), [*ends, limit])

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _select(self, query: str, values: list[int]) -> list[Row]:
        try:
            if self._connection is None:
                self._connection = self._open()
                self._check(self._connection)
            if self.waiting_for:
                self._check(self._connection)
                if self.waiting_for:
                    return []
            rows = self._connection.execute(query.encode(), values).fetchall()
            return [(row_id, _bytes(data)) for row_id, data in rows]
        except psycopg.errors.UndefinedTable:
            self.waiting_for = "table"
            return []
        except psycopg.Error as error:
            self.close()
            raise Unavailable(self._explain(error)) from error

    def _open(self) -> psycopg.Connection[Any]:
        address = self._address
        options: dict[str, Any] = {"connect_timeout": "5", **address.options}
        flags = "-c default_transaction_read_only=on -c statement_timeout=30s"
        options["options"] = f"{options.get('options', '')} {flags}".strip()
        return psycopg.connect(
            host=address.host,
            port=address.port,
            user=address.user or None,
            password=address.password or None,
            dbname=address.path,
            application_name="Enterprise event service",
            client_encoding="utf-8",
            autocommit=True,
            **options,
        )

    def _check(self, connection: psycopg.Connection[Any]) -> None:
        rows = connection.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass('events') AND attnum > 0"
        ).fetchall()
        self.waiting_for = "" if rows else "table"
        if rows:
            _check_columns({row[0] for row in rows}, self._address)

    def _explain(self, error: psycopg.Error) -> str:
        where = f"{self._address.host}:{self._address.port}"
        state = error.sqlstate or ""
        text = str(error)
        if state.startswith("28") or "authentication failed" in text:
            return (
                f"{where} refused the login of {self._address.user!r}: check user and password in {SETTING}"
            )
        if state == "3D000" or ("database" in text and "does not exist" in text):
            return f"{where} has no database {self._address.path!r}: check it in {SETTING}"
        if state == "42501":
            return f"{self._address.user!r} may not read the table `events` in {where}: grant SELECT on it"
        return f"{where} cannot be read ({shown(text.strip().splitlines()[0] if text.strip() else 'lost')}); see {SETTING}"


def _bytes(data: Any) -> bytes:
    if isinstance(data, bytes):
        return data
    return b"" if data is None else str(data).encode("utf-8", "surrogatepass")
