"""The database restarted, stopped and paused under the service: nothing lost, nothing doubled, and it says what it waits for."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel

from tests.faults import Database, Event, Service, Templates, events, until
from tests.services import Postgres, private, require

pytestmark = pytest.mark.services("postgres", "rabbitmq")

QUEUE = "enterprise_events_database_faults"


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    """One that may be stopped."""
    with private("postgres") as started:
        yield started


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    return Templates(tmp_path_factory.mktemp("faults"))


@pytest.fixture
def database(server: Postgres, templates: Templates) -> Database:
    return templates.postgres(server.url)


@pytest.fixture
def url() -> str:
    return f"{require('rabbitmq')}?queue={QUEUE}&exchange={QUEUE}"


@pytest.fixture
def channel() -> Iterator[BlockingChannel]:
    connection = pika.BlockingConnection(pika.URLParameters(require("rabbitmq")))
    channel = connection.channel()
    channel.queue_declare(QUEUE, durable=True)
    yield channel
    channel.queue_delete(QUEUE)
    channel.exchange_delete(QUEUE)
    connection.close()


def publish(channel: BlockingChannel, some: list[Event]) -> None:
    for event in some:
        channel.basic_publish("", QUEUE, json.dumps(event).encode())


def test_a_database_that_is_restarted_under_load_loses_and_doubles_nothing(
    server: Postgres, database: Database, url: str, channel: BlockingChannel, tmp_path: Path
):
    publish(channel, events(6000, conversations=60))
    with Service(database, tmp_path, url, options=("--batch-size", "100")) as service:
        until(lambda: database.n_events > 0, "the first events")
        server.restart()
        until(lambda: database.n_events > 1000, "more events")
        server.kill()
        server.start()
        until(lambda: database.n_events >= 6000, "all events")
        assert service.stop() == 0
    assert database.values() == list(range(6000))
    stored, _duplicates, rejected = database.counters
    assert (stored, rejected) == (6000, 0)
    assert channel.queue_declare(QUEUE, passive=True).method.message_count == 0


def test_while_the_database_is_down_the_batch_is_kept_and_the_reason_said(
    server: Postgres, database: Database, url: str, channel: BlockingChannel, tmp_path: Path
):
    with Service(database, tmp_path, url) as service:
        service.wait_until_reading()
        publish(channel, events(10))
        until(lambda: database.n_events == 10, "the first events")
        server.stop()
        publish(channel, events(200, first=10))
        until(lambda: service.said("DATABASE_URL"), "the reason")
        time.sleep(3)
        assert service.process.poll() is None
        # Kept, not given back: another reader would find nothing.
        assert channel.queue_declare(QUEUE, passive=True).method.message_count == 0
        server.start()
        until(lambda: database.n_events == 210, "the events of the outage")
        assert service.stop() == 0
        assert not service.said("Traceback")
    assert database.values() == list(range(210))
    assert database.counters == (210, 0, 0)


def test_a_paused_database_is_waited_for(
    server: Postgres, database: Database, url: str, channel: BlockingChannel, tmp_path: Path
):
    with Service(database, tmp_path, url) as service:
        service.wait_until_reading()
        publish(channel, events(100))
        until(lambda: database.n_events == 100, "the first events")
        server.pause()
        try:
            publish(channel, events(100, first=100))
            time.sleep(4)
            assert service.process.poll() is None
        finally:
            server.resume()
        until(lambda: database.n_events == 200, "the events of the pause")
        assert service.stop() == 0
    assert database.values() == list(range(200))
    assert database.counters == (200, 0, 0)


def test_a_service_that_starts_before_its_database_begins_when_it_is_there(
    server: Postgres, database: Database, url: str, channel: BlockingChannel, tmp_path: Path
):
    server.stop()
    publish(channel, events(20))
    with Service(database, tmp_path, url) as service:
        until(lambda: service.said("does not answer (DATABASE_URL)"), "the reason")
        server.start()
        until(lambda: database.n_events == 20, "the events")
        assert service.stop() == 0
        assert not service.said("Traceback")


def test_sigterm_ends_a_service_whose_database_is_away_and_loses_nothing(
    server: Postgres, database: Database, url: str, channel: BlockingChannel, tmp_path: Path
):
    with Service(database, tmp_path, url) as service:
        service.wait_until_reading()
        server.stop()
        publish(channel, events(50))
        until(lambda: service.said("takes no events"), "the reason")
        assert service.stop() == 0
    server.start()
    with Service(database, tmp_path, url, options=("--exit-when-idle", "1")) as service:
        assert service.process.wait(timeout=60) == 0
    assert database.values() == list(range(50))
