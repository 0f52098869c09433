"""Nobody works on a schema that is not this version's, and a migration waits for the batch that runs."""

import threading
from collections.abc import Callable, Iterator

import pytest
from django.db import connection, connections, transaction
from django.db.migrations.recorder import MigrationRecorder

from enterprise import schema

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]


@pytest.fixture(autouse=True)
def _fresh_look() -> Iterator[None]:
    schema.is_ready.forget()
    yield
    schema.is_ready.forget()


@pytest.fixture
def unapplied() -> Iterator[None]:
    """The schema lacks one migration, as far as the record says."""
    row = MigrationRecorder.Migration.objects.filter(app="enterprise").latest("id")
    row.delete()
    yield
    MigrationRecorder(connection).record_applied(row.app, row.name)


@pytest.fixture
def from_the_future() -> Iterator[None]:
    MigrationRecorder(connection).record_applied("enterprise", "9999_jet_packs")
    yield
    MigrationRecorder(connection).record_unapplied("enterprise", "9999_jet_packs")


def in_thread(work: Callable[[], object]) -> list[object]:
    """What `work` returned or raised on another database connection."""
    results: list[object] = []

    def run() -> None:
        try:
            results.append(work())
        except Exception as error:
            results.append(error)
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(20)
    return results


def check() -> str:
    with transaction.atomic():
        schema.check_in_batch(connection)
    return "ready"


def test_a_schema_of_this_version_lets_batches_through() -> None:
    assert check() == "ready"
    now = schema.progress()
    assert (now.status, now.percent, now.current) == ("completed", 100.0, now.target)
    assert any(revision.startswith("enterprise.") for revision in now.target)


def test_an_older_schema_stops_batches(unapplied: None) -> None:
    with pytest.raises(schema.NotReady, match="older"):
        check()
    now = schema.progress()
    assert now.status == "pending"
    assert 0 < now.percent < 100


def test_a_newer_schema_stops_batches_and_is_said_to_be_newer(from_the_future: None) -> None:
    with pytest.raises(schema.NotReady, match="newer"):
        check()
    assert schema.progress().is_newer


def test_while_one_migrates_batches_wait_and_the_progress_is_visible(unapplied: None) -> None:
    with schema.exclusive(connection):
        assert [str(error) for error in in_thread(check)] == ["the schema is being migrated"]
        assert in_thread(lambda: schema.progress().status) == ["in_progress"]
    assert in_thread(lambda: schema.progress().status) == ["pending"]


def test_a_migration_waits_for_the_batch_that_runs() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("on SQLite the batch's write lock itself holds migrations up")
    migrating = threading.Event()

    def migrate() -> None:
        with schema.exclusive(connection):
            migrating.set()

    with transaction.atomic():
        schema.check_in_batch(connection)
        thread = threading.Thread(target=lambda: in_thread(migrate))
        thread.start()
        assert not migrating.wait(0.5)
    assert migrating.wait(10)
    thread.join(10)


def test_who_waits_starts_when_the_schema_is_done(unapplied: None) -> None:
    said: list[str] = []
    ready = threading.Event()

    def wait() -> None:
        assert schema.wait_until_ready(threading.Event(), said.append)
        ready.set()

    thread = threading.Thread(target=lambda: in_thread(wait))
    thread.start()
    assert not ready.wait(1)
    missing = schema.compare(schema.applied(connection)).missing
    for app, name in missing:
        MigrationRecorder(connection).record_applied(app, name)
    assert ready.wait(5)
    thread.join(5)
    assert said  # once a reason: the migrations that were recorded while it looked are another percentage
    assert len(set(said)) == len(said)
    assert all("waiting for the schema" in line for line in said)
    for app, name in missing:
        MigrationRecorder(connection).record_unapplied(app, name)


def test_who_is_told_to_stop_while_waiting_stops(unapplied: None) -> None:
    stop = threading.Event()
    stop.set()
    assert schema.wait_until_ready(stop) is False
