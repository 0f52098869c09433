"""Writers of SQLite take turns: who waits gets the lock soon after it is free, and gives up after the timeout."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import OperationalError

from enterprise.settings import database
from enterprise.sqlite3.base import DatabaseWrapper

pytestmark = pytest.mark.django_db


def connect(path: Path, timeout: float) -> DatabaseWrapper:
    settings = database(f"sqlite:///{path}")
    defaults = {"ATOMIC_REQUESTS": False, "AUTOCOMMIT": True, "CONN_MAX_AGE": 0, "CONN_HEALTH_CHECKS": False}
    settings = {
        **defaults,
        "TIME_ZONE": None,
        **settings,
        "OPTIONS": {**settings["OPTIONS"], "timeout": timeout},
    }
    assert settings["ENGINE"] == "enterprise.sqlite3"
    return DatabaseWrapper(settings, alias=f"writer-{timeout}")


@pytest.fixture
def writers(tmp_path: Path) -> Iterator[tuple[DatabaseWrapper, DatabaseWrapper]]:
    """Two connections to one database; the second gives up after half a second."""
    first, second = connect(tmp_path / "x.db", 30), connect(tmp_path / "x.db", 0.5)
    first.inc_thread_sharing()
    second.inc_thread_sharing()
    with first.cursor() as cursor:
        cursor.execute("CREATE TABLE t (x)")
    yield first, second
    first.close()
    second.close()


def begin(writer: DatabaseWrapper) -> None:
    writer.set_autocommit(False, force_begin_transaction_with_broken_autocommit=True)


def end(writer: DatabaseWrapper) -> None:
    writer.commit()
    writer.set_autocommit(True)


def test_who_waits_begins_soon_after_the_other_has_finished(
    writers: tuple[DatabaseWrapper, DatabaseWrapper], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = writers
    begin(second)
    begun = threading.Event()
    looks: list[float] = []

    def sleep(seconds: float) -> None:
        looks.append(seconds)
        threading.Event().wait(seconds)

    monkeypatch.setattr("enterprise.sqlite3.base.time.sleep", sleep)

    def wait() -> None:
        begin(first)
        begun.set()
        end(first)

    thread = threading.Thread(target=wait)
    thread.start()
    assert not begun.wait(0.5)
    assert len(looks) > 10  # SQLite itself looks every 100 ms by then
    assert max(looks) < 0.01
    end(second)
    assert begun.wait(10)
    thread.join(10)


def test_who_waits_too_long_is_told_so_and_may_try_again(
    writers: tuple[DatabaseWrapper, DatabaseWrapper],
) -> None:
    first, second = writers
    begin(first)
    began = time.monotonic()
    with pytest.raises(OperationalError, match="locked"):
        begin(second)
    assert 0.4 < time.monotonic() - began < 5
    end(first)
    second.close()
    begin(second)
    with second.cursor() as cursor:
        cursor.execute("PRAGMA busy_timeout")
        assert cursor.fetchone() == (500,)
        cursor.execute("INSERT INTO t VALUES (1)")
    end(second)
