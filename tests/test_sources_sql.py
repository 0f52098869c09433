"""Rasa's `sql` broker table: nothing skipped, nothing read for ever again, and Rasa never kept waiting."""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import psycopg
import pytest

from events.sources import Address, Unavailable, from_url, sql
from events.sources.sql import Position, SQLSource
from tests.services import require

TABLE = "CREATE TABLE events (id INTEGER PRIMARY KEY, sender_id VARCHAR(255), data TEXT)"


class SQLiteEvents:
    """What Rasa would write, into a file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.address = from_url(f"sql+sqlite://{quote(str(path))}?environment=prod")
        self.do(TABLE)

    def do(self, statement: str, *values: Any) -> None:
        with closing(sqlite3.connect(self.path)) as database:
            database.execute(statement.replace("%s", "?"), values)
            database.commit()

    def add(self, *bodies: str, first: int | None = None) -> None:
        for index, body in enumerate(bodies):
            self.do(
                "INSERT INTO events (id, sender_id, data) VALUES (%s, 'u', %s)",
                None if first is None else first + index,
                body,
            )


class PostgreSQLEvents:
    """The same in a server, in a database of the test's own."""

    def __init__(self, url: str, name: str) -> None:
        self.url = urlsplit(url)._replace(path=f"/{name}").geturl()
        self.address = from_url(f"sql+{self.url}?environment=prod")
        self.connection = psycopg.connect(self.url, autocommit=True)
        self.do(TABLE.replace("id INTEGER", "id SERIAL"))

    def do(self, statement: str, *values: Any) -> None:
        self.connection.execute(statement.encode(), values)

    def add(self, *bodies: str, first: int | None = None) -> None:
        for index, body in enumerate(bodies):
            if first is None:
                self.do("INSERT INTO events (sender_id, data) VALUES ('u', %s)", body)
            else:
                self.do("INSERT INTO events (id, sender_id, data) VALUES (%s, 'u', %s)", first + index, body)


Events = SQLiteEvents | PostgreSQLEvents


@pytest.fixture
def server_events() -> Iterator[PostgreSQLEvents]:
    url = require("postgres")
    name = f"rasa_events_{time.monotonic_ns()}"
    with closing(psycopg.connect(url, autocommit=True)) as admin:
        admin.execute(f"CREATE DATABASE {name}".encode())
        events = PostgreSQLEvents(url, name)
        try:
            yield events
        finally:
            events.connection.close()
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture
def file_events(tmp_path: Path) -> SQLiteEvents:
    return SQLiteEvents(tmp_path / "rasa's events #1.db")


@pytest.fixture(params=["sqlite", "postgresql"])
def events(request: pytest.FixtureRequest) -> Events:
    found: Events = request.getfixturevalue("file_events" if request.param == "sqlite" else "server_events")
    return found


@pytest.fixture
def opened() -> Iterator[Callable[..., SQLSource]]:
    sources: list[SQLSource] = []

    def open_at(address: Address, position: Any = None, **options: Any) -> SQLSource:
        source = SQLSource(address, **options)
        source.connect(position or {})
        sources.append(source)
        return source

    yield open_at
    for source in sources:
        source.close()


Opened = Callable[..., SQLSource]


@pytest.fixture(autouse=True)
def _look_at_holes_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sql, "HOLES_PAUSE", 0.0)


def taken(source: SQLSource) -> list[str]:
    """All that is there now."""
    found: list[str] = []
    while batch := source.take(0):
        found += [message.body.decode() for message in batch.messages]
    return found


def test_rows_come_once_in_order_with_the_environment_of_the_url(events: Events, opened: Opened):
    events.add("a", "b")
    source = opened(events.address)
    batch = source.take(0)
    assert batch is not None
    assert [(message.body, message.environment) for message in batch.messages] == [
        (b"a", "prod"),
        (b"b", "prod"),
    ]
    assert source.take(0) is None
    events.add("c")
    assert taken(source) == ["c"]


def test_reading_goes_on_behind_a_saved_position(events: Events, opened: Opened):
    events.add("a", "b", "c")
    batch = opened(events.address, batch_size=2).take(0)
    assert batch is not None
    assert taken(opened(events.address, batch.position)) == ["c"]


def test_new_rows_wake_a_waiting_source(events: Events, opened: Opened):
    source = opened(events.address)
    threading.Timer(0.2, events.add, ["late"]).start()
    started = time.monotonic()
    batch = source.take(5)
    assert batch is not None
    assert time.monotonic() - started < 2


def test_a_batch_is_bounded_in_rows_and_bytes(events: Events, opened: Opened):
    events.add("small", *["x" * 3_000_000] * 5, "end")
    source = opened(events.address)
    sizes = []
    while batch := source.take(0):
        sizes.append(sum(len(message.body) for message in batch.messages))
    assert sum(sizes) == 15_000_008
    assert len(sizes) >= 2
    assert max(sizes) < 13_000_000
    few = opened(events.address, batch_size=3).take(0)
    assert few is not None
    assert len(few.messages) == 3


def test_a_row_larger_than_a_batch_does_not_stop_the_next(events: Events, opened: Opened):
    events.add("x" * 9_000_000, "y" * 9_000_000, "z")
    assert [len(body) for body in taken(opened(events.address))] == [9_000_000, 9_000_000, 1]


def test_ids_that_are_committed_late_are_found(server_events: PostgreSQLEvents, opened: Opened):
    source = opened(server_events.address)
    with (
        closing(psycopg.connect(server_events.url)) as slow,
        closing(psycopg.connect(server_events.url)) as gone,
    ):
        slow.execute("INSERT INTO events (sender_id, data) VALUES ('u', 'slow')")
        gone.execute("INSERT INTO events (sender_id, data) VALUES ('u', 'never')")
        gone.rollback()
        server_events.add("fast")
        assert taken(source) == ["fast"]
        assert source.facts()["holes"] == 2
        slow.commit()
    assert taken(source) == ["slow"]
    assert source.facts()["holes"] == 1
    server_events.add("next")
    assert taken(source) == ["next"]


def test_holes_survive_a_restart_of_the_service(server_events: PostgreSQLEvents, opened: Opened):
    server_events.add("b", first=2)
    batch = opened(server_events.address).take(0)
    assert batch is not None
    server_events.add("a", first=1)
    assert taken(opened(server_events.address, batch.position)) == ["a"]


def test_a_hole_is_given_up_after_ten_minutes(
    events: Events, opened: Opened, monkeypatch: pytest.MonkeyPatch
):
    events.add("b", first=2)
    source = opened(events.address)
    taken(source)
    monkeypatch.setattr(sql, "HOLE_SECONDS", 0.0)
    assert source.take(0) is None
    assert source.facts()["holes"] == 0


def test_holes_are_split_where_a_row_appears():
    position = Position({})
    position.advance([(3, b"c"), (9, b"i")], now=5.0)
    assert position.holes == [(1, 2, 5.0), (4, 8, 5.0)]
    position.fill([(5, b"e"), (8, b"h"), (1, b"a")])
    assert position.holes == [(2, 2, 5.0), (4, 4, 5.0), (6, 7, 5.0)]
    assert Position(position.saved()).saved() == position.saved()
    position.forget_old_holes(now=5.0 + sql.HOLE_SECONDS)
    assert position.holes == []


def test_of_too_many_holes_the_highest_are_kept():
    position = Position({})
    position.advance([(number * 2, b"") for number in range(1, 1000)], now=0.0)
    assert len(position.holes) == sql.MAX_HOLES
    assert position.holes[-1][:2] == (1997, 1997)


def test_after_a_clean_up_ids_begin_again_and_nothing_is_skipped(file_events: SQLiteEvents, opened: Opened):
    source = opened(file_events.address)
    file_events.add("a", "b", "c")
    assert taken(source) == ["a", "b", "c"]
    file_events.do("DELETE FROM events")
    file_events.add("d")  # takes id 1 again
    assert taken(source) == ["d"]
    assert source.facts()["restarts"] == 1


def test_a_clean_up_that_grew_past_the_position_is_noticed(events: Events, opened: Opened):
    source = opened(events.address)
    events.add("a", "b", first=1)
    taken(source)
    events.do("DELETE FROM events")
    events.add("c", "d", "e", first=1)
    assert taken(source) == ["c", "d", "e"]


def test_a_clean_up_of_old_rows_reads_nothing_twice(events: Events, opened: Opened):
    source = opened(events.address)
    events.add("a", "b", "c", first=1)
    taken(source)
    events.do("DELETE FROM events WHERE id < 3")
    events.add("d", first=4)
    assert taken(source) == ["d"]


def test_a_file_and_a_table_that_are_not_there_yet_are_waited_for(tmp_path: Path, opened: Opened):
    path = tmp_path / "later.db"
    source = opened(from_url(f"sql+sqlite://{path}"))
    assert source.take(0) is None
    assert source.facts()["waiting_for"] == "file"
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE other (id INTEGER)")
    assert source.take(0) is None
    assert source.facts()["waiting_for"] == "table"
    events = SQLiteEvents(path)
    events.add("a")
    assert taken(source) == ["a"]
    assert source.facts()["waiting_for"] == ""


def test_a_server_without_the_table_is_waited_for(server_events: PostgreSQLEvents, opened: Opened):
    server_events.do("DROP TABLE events")
    source = opened(server_events.address)
    assert source.take(0) is None
    assert source.facts()["waiting_for"] == "table"
    server_events.do(TABLE)
    server_events.add("a", first=1)
    assert taken(source) == ["a"]


def test_a_file_that_is_deleted_and_made_again_is_read_from_its_start(
    file_events: SQLiteEvents, opened: Opened
):
    source = opened(file_events.address)
    file_events.add("a", "b")
    taken(source)
    file_events.path.unlink()
    assert source.take(0) is None
    again = SQLiteEvents(file_events.path)
    again.add("c")
    assert taken(source) == ["c"]


def test_a_tracker_store_is_told_apart(events: Events, opened: Opened):
    events.do("DROP TABLE events")
    events.do(
        "CREATE TABLE events (id INTEGER PRIMARY KEY, sender_id VARCHAR(255), type_name VARCHAR(255),"
        " timestamp FLOAT, intent_name VARCHAR(255), action_name VARCHAR(255), data TEXT)"
    )
    with pytest.raises(Unavailable, match=r"tracker store.*EVENT_BROKER_URL"):
        opened(events.address).take(0)


def test_another_table_of_that_name_is_told(events: Events, opened: Opened):
    events.do("DROP TABLE events")
    events.do("CREATE TABLE events (number INTEGER)")
    with pytest.raises(Unavailable, match="no columns id and data"):
        opened(events.address).take(0)


def test_a_file_that_is_no_database_is_told(tmp_path: Path, opened: Opened):
    path = tmp_path / "x.db"
    path.write_text("not a database, but long enough to look like one" * 100)
    with pytest.raises(Unavailable, match=r"not an SQLite database.*EVENT_BROKER_URL"):
        opened(from_url(f"sql+sqlite://{path}")).take(0)


def test_a_refused_login_names_the_setting_and_no_password(opened: Opened):
    where = urlsplit(require("postgres"))
    for url, why in (
        (f"sql+postgresql://postgres:wrongpw@{where.hostname}:{where.port}/postgres", "refused the login"),
        (f"sql+{where._replace(path='/nowhere').geturl()}", "no database 'nowhere'"),
        ("sql+postgresql://u:wrongpw@127.0.0.1:1/d", "cannot be read"),
    ):
        with pytest.raises(Unavailable, match=why) as caught:
            opened(from_url(url)).take(0)
        assert "EVENT_BROKER_URL" in str(caught.value)
        assert "wrongpw" not in str(caught.value)
        assert str(where.password) not in str(caught.value)


def test_rasa_is_never_kept_from_writing(events: Events, opened: Opened):
    """A reader that leaves its cursor open makes the next commit wait until Rasa gives up."""
    events.add(*[f"row {number}" for number in range(600)])
    source = opened(events.address)
    assert source.take(0) is not None  # a batch is out and not acknowledged
    started = time.monotonic()
    if isinstance(events, SQLiteEvents):
        with closing(sqlite3.connect(events.path, timeout=0)) as rasa:
            rasa.execute("INSERT INTO events (sender_id, data) VALUES ('u', 'now')")
            rasa.commit()
    else:
        events.do("SET lock_timeout = '100ms'")  # a transaction left open would hold a lock against this:
        events.do("ALTER TABLE events ADD COLUMN extra INTEGER")
    assert time.monotonic() - started < 1


def test_a_table_that_rasa_is_writing_is_looked_at_again_and_not_read_anew(
    file_events: SQLiteEvents, opened: Opened, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("events.sources.sql_tables.BUSY_SECONDS", 0.01)
    file_events.add("a")
    source = opened(file_events.address)
    taken(source)
    with closing(sqlite3.connect(file_events.path, isolation_level=None)) as rasa:
        rasa.execute("BEGIN EXCLUSIVE")
        assert source.take(0) is None
        rasa.execute("INSERT INTO events (sender_id, data) VALUES ('u', 'b')")
        rasa.execute("COMMIT")
    assert taken(source) == ["b"]
    assert source.facts()["restarts"] == 0


def test_a_reader_cannot_write(server_events: PostgreSQLEvents, opened: Opened):
    source = opened(server_events.address)
    source.take(0)
    connection = source._table._connection  # type: ignore[attr-defined]
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        connection.execute("DELETE FROM events")


def test_a_connection_that_a_server_closed_is_made_again(server_events: PostgreSQLEvents, opened: Opened):
    server_events.add("a")
    source = opened(server_events.address)
    batch = source.take(0)
    assert batch is not None
    server_events.do(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'Enterprise event service'"
        " AND datname = current_database()"
    )
    server_events.add("b")
    with pytest.raises(Unavailable, match="cannot be read"):
        source.take(0)
    source.connect(batch.position or {})
    assert taken(source) == ["b"]


def test_a_row_without_data_is_handed_on_as_empty(events: Events, opened: Opened):
    events.do("INSERT INTO events (id, sender_id, data) VALUES (1, 'u', NULL)")
    assert taken(opened(events.address)) == [""]


def test_text_that_is_not_utf8_is_handed_on_to_the_byte(file_events: SQLiteEvents, opened: Opened):
    file_events.do("INSERT INTO events (sender_id, data) VALUES ('u', CAST(x'ff00fe' AS TEXT))")
    batch = opened(file_events.address).take(0)
    assert batch is not None
    assert batch.messages[0].body == b"\xff\x00\xfe"
