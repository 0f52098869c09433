"""Rasa's own `sql` and `file` brokers, and a service that is killed while it reads them: every event once, none twice."""

import functools
import random
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.faults import Database, Publisher, Service, Templates, events, rasa_python, sqlite_url, until

python_of_rasa = functools.cache(rasa_python)


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    return Templates(tmp_path_factory.mktemp("faults"))


@pytest.fixture
def database(templates: Templates) -> Database:
    return templates.sqlite()


@pytest.fixture
def python() -> str:
    found = python_of_rasa()
    if found is None:
        pytest.skip("no Python for Rasa: its sql and file brokers are not tried")
    return found


def killed_again_and_again(database: Database, folder: Path, url: str, total: int) -> None:
    """Kill the service a few times while it reads, then let it end."""
    chance = random.Random(11)
    for _ in range(4):
        with Service(database, folder, url, options=("--batch-size", "20")) as service:
            service.wait_until_reading()
            time.sleep(chance.uniform(0.0, 0.3))
    with Service(database, folder, url, options=("--exit-when-idle", "2")) as service:
        assert service.process.wait(timeout=120) == 0, service.log.read_text()
    assert database.values() == list(range(total))


def test_rasas_sql_broker_and_a_service_that_is_killed(python: str, database: Database, tmp_path: Path):
    path = tmp_path / "rasa's events.db"
    with Publisher(python, tmp_path, type="sql", dialect="sqlite", db=str(path)) as rasa:
        rasa.publish(events(400))
        killed_again_and_again(database, tmp_path, sqlite_url(path), 400)
        with Service(database, tmp_path, sqlite_url(path)) as service:
            service.wait_until_reading()
            rasa.publish(events(50, first=400))
            until(lambda: database.n_events == 450, "events while the service reads")
            assert service.stop() == 0
    # The position is stored with the batch: not one row was read twice.
    assert database.counters == (450, 0, 0)


def test_rasas_file_broker_a_rename_and_a_service_that_is_killed(
    python: str, database: Database, tmp_path: Path
):
    path = tmp_path / "rasa event.log"
    url = f"file://{quote(str(path))}?environment=logs"
    with Publisher(python, tmp_path, type="file", path=str(path)) as rasa:
        rasa.publish(events(400))
        killed_again_and_again(database, tmp_path, url, 400)
        path.rename(tmp_path / "rasa event.log.1")  # Rasa goes on writing to it
        with Service(database, tmp_path, url) as service:
            service.wait_until_reading()
            rasa.publish(events(50, first=400))
            until(lambda: database.n_events == 450, "events in the renamed file")
            with Publisher(python, tmp_path, type="file", path=str(path)) as restarted:
                restarted.publish(events(50, first=450))
                until(lambda: database.n_events == 500, "events in the new file")
            assert service.stop() == 0
    assert database.counters == (500, 0, 0)
    assert database.rows("SELECT DISTINCT environment FROM conversations_event") == [("logs",)]


def test_two_services_on_one_table_take_turns(python: str, database: Database, tmp_path: Path):
    path = tmp_path / "events.db"
    with (
        Publisher(python, tmp_path, type="sql", dialect="sqlite", db=str(path)) as rasa,
        Service(database, tmp_path, sqlite_url(path)) as one,
    ):
        one.wait_until_reading()
        with Service(database, tmp_path, sqlite_url(path)) as two:
            until(lambda: two.said("another process reads this source"), "the second waits")
            rasa.publish(events(100))
            until(lambda: database.n_events == 100, "the events")
            assert one.stop() == 0
            two.wait_until_reading()
            rasa.publish(events(100, first=100))
            until(lambda: database.n_events == 200, "the events of the second")
            assert two.stop() == 0
    assert database.counters == (200, 0, 0)


def test_a_log_of_something_else_stops_its_source_with_code_3_and_keeps_every_line(
    database: Database, tmp_path: Path
):
    path = tmp_path / "syslog"
    path.write_text("".join(f"line {number}\n" for number in range(300)))
    url = f"file://{path}"
    for _ in range(2):
        with Service(database, tmp_path, url) as service:
            assert service.process.wait(timeout=60) == 3
            assert not service.said("Traceback")
    rows: list[tuple[Any, ...]] = database.rows("SELECT n_rejected, state, reason FROM events_source")
    assert rows[0][:2] == (300, "stopped")
    assert "300 of the last 300 messages were rejected" in rows[0][2]
    assert database.rows("SELECT count(*) FROM events_rejectedmessage") == [(300,)]
