"""RabbitMQ killed, restarted, cut off; the service killed: at the end published = stored + duplicates + rejected.

Published by Rasa's own `PikaEventBroker` where Rasa can be installed, else by a stand-in (the first test says which).
"""

import functools
import json
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pika
import pytest

from tests.faults import (
    Database,
    PlainPublisher,
    Publisher,
    Service,
    Templates,
    Wire,
    events,
    pika_config,
    rasa_python,
    until,
)
from tests.services import RabbitMQ, private, require

pytestmark = pytest.mark.services("rabbitmq")

QUEUE = "enterprise_events"

python_of_rasa = functools.cache(rasa_python)


@pytest.fixture(scope="module")
def broker() -> Iterator[RabbitMQ]:
    """One that may be killed: it runs again for the next test."""
    with private("rabbitmq") as server:
        yield server


@pytest.fixture
def url(broker: RabbitMQ) -> str:
    """The running broker, without queues and exchanges of an earlier test."""
    broker.start()
    connection = pika.BlockingConnection(pika.URLParameters(broker.url))
    channel = connection.channel()
    for name in (QUEUE, "rasa_core_events"):
        channel.queue_delete(name)
    channel.exchange_delete("rasa-exchange")
    connection.close()
    address: str = broker.url
    return address


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Templates]:
    made = Templates(tmp_path_factory.mktemp("faults"))
    yield made
    made.drop()


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, templates: Templates) -> Database:
    return templates.sqlite() if request.param == "sqlite" else templates.postgres(require("postgres"))


@pytest.fixture
def lite(templates: Templates) -> Database:
    return templates.sqlite()


Publish = Callable[..., Publisher | PlainPublisher]


@pytest.fixture
def publisher(tmp_path: Path) -> Publish:
    def begin(url: str, *queues: str) -> Publisher | PlainPublisher:
        config = pika_config(url, *queues)
        python = python_of_rasa()
        return Publisher(python, tmp_path, **config) if python else PlainPublisher(config)

    return begin


def arrived(database: Database, count: int) -> Callable[[], bool]:
    return lambda: database.n_events >= count


def publish_junk(url: str, count: int) -> None:
    connection = pika.BlockingConnection(pika.URLParameters(url))
    channel = connection.channel()
    for number in range(count):
        channel.basic_publish("rasa-exchange", "", f"junk {number % 3}".encode())
    connection.close()


def test_rasa_itself_publishes_in_these_tests():
    if python_of_rasa() is None:
        pytest.skip("no Python for Rasa: the fault tests below publish with pika directly")
    assert Path(python_of_rasa() or "").exists()


def test_a_broker_that_is_killed_and_one_that_is_restarted_lose_nothing_for_a_listed_queue(
    broker: RabbitMQ, url: str, lite: Database, tmp_path: Path, publisher: Publish
):
    with publisher(url, QUEUE) as rasa, Service(lite, tmp_path, url) as service:
        service.wait_until_reading()
        rasa.publish(events(150))
        until(arrived(lite, 150), "the events before the faults")
        broker.kill()
        rasa.publish(events(150, first=150))
        broker.start()
        rasa.publish(events(150, first=300))
        broker.restart()
        rasa.publish(events(150, first=450))
        rasa.settle()
        until(arrived(lite, 600), "all events")
        assert service.stop() == 0
    assert lite.values() == list(range(600))
    stored, duplicates, rejected = lite.counters
    assert (stored, rejected) == (600, 0)
    # What Rasa or the broker sent twice, the service has counted: the sum is what was delivered.
    assert stored + duplicates >= 600


def test_events_that_wait_in_the_queue_survive_a_restart_while_the_service_is_down(
    broker: RabbitMQ, url: str, lite: Database, tmp_path: Path, publisher: Publish
):
    with publisher(url, QUEUE) as rasa:
        rasa.publish(events(100))
        rasa.settle()
        broker.restart()
        rasa.publish(events(100, first=100))
        rasa.settle()
    with Service(lite, tmp_path, url, options=("--exit-when-idle", "3")) as service:
        assert service.process.wait(timeout=60) == 0
    assert lite.values() == list(range(200))
    assert lite.counters == (200, 0, 0)


def test_a_queue_that_rasa_does_not_list_may_lose_events_at_a_restart_but_recovers_by_itself(
    broker: RabbitMQ, url: str, lite: Database, tmp_path: Path, publisher: Publish
):
    """Lossy, as documented: Rasa makes its exchange again and publishes before anybody can bind our queue to it."""
    with publisher(url, "rasa_core_events") as rasa, Service(lite, tmp_path, url) as service:
        service.wait_until_reading()
        rasa.publish(events(100))
        until(arrived(lite, 100), "the events before the restart")
        broker.restart()
        rasa.publish(events(100, first=100))
        rasa.settle()
        until(lambda: service.log.read_text().count("reading ") >= 2, "the service reads again")
        time.sleep(1)
        rasa.publish(events(100, first=200))
        rasa.settle()
        until(lambda: set(range(200, 300)) <= set(lite.values()), "the events after the restart")
        assert service.stop() == 0
    stored, duplicates, rejected = lite.counters
    assert stored == lite.n_events
    assert set(lite.values()) >= {*range(100), *range(200, 300)}
    assert (duplicates, rejected) == (0, 0)


def test_a_wire_that_is_cut_again_and_again_loses_and_doubles_nothing(
    url: str, database: Database, tmp_path: Path, publisher: Publish
):
    chance = random.Random(4)
    with Wire(url) as wire, publisher(url, QUEUE) as rasa, Service(database, tmp_path, wire.url) as service:
        service.wait_until_reading()
        for part in range(5):
            rasa.publish(events(400, first=part * 400))
            # Whenever it is connected, cut it at any point of its work.
            until(lambda: wire.is_open, "a connection")
            time.sleep(chance.uniform(0.0, 0.2))
            wire.cut()
        rasa.settle()
        publish_junk(url, 7)
        until(arrived(database, 2000), "all events")
        until(lambda: database.counters[2] >= 7, "all junk")
        assert service.stop() == 0
        assert wire.n_connections >= 5
    assert database.values() == list(range(2000))
    stored, _duplicates, rejected = database.counters
    assert (stored, rejected) == (2000, 7)
    bodies = database.rows("SELECT count FROM events_rejectedmessage ORDER BY count")
    assert bodies == [(2,), (2,), (3,)]


def test_a_connection_cut_between_commit_and_acknowledgement_is_found_as_duplicates(
    url: str, database: Database, tmp_path: Path, publisher: Publish
):
    with Wire(url) as wire, publisher(url, QUEUE) as rasa, Service(database, tmp_path, wire.url) as service:
        service.wait_until_reading()
        wire.swallows = True  # the acknowledgement leaves us and never arrives
        rasa.publish(events(300))
        rasa.settle()
        until(arrived(database, 300), "the events are committed")
        time.sleep(0.5)
        wire.cut()
        until(lambda: database.counters[1] >= 300, "the same events come again")
        rasa.publish(events(50, first=300))
        until(arrived(database, 350), "the events after the cut")
        assert service.stop() == 0
    assert database.values() == list(range(350))
    assert database.counters == (350, 300, 0)


def test_a_service_that_is_killed_again_and_again_loses_and_doubles_nothing(
    url: str, database: Database, tmp_path: Path, publisher: Publish
):
    total = 4000
    with publisher(url, QUEUE) as rasa:
        for first in range(0, total, 500):
            rasa.publish(events(500, first=first, conversations=40))
        rasa.settle()
    chance = random.Random(7)
    for _ in range(4):
        with Service(database, tmp_path, url, options=("--batch-size", "50")) as service:
            service.wait_until_reading()
            time.sleep(chance.uniform(0.05, 0.4))
    with (
        Service(database, tmp_path, url, options=("--exit-when-idle", "2")) as one,
        Service(database, tmp_path, url, options=("--exit-when-idle", "2")) as two,
    ):
        assert one.process.wait(timeout=120) == 0
        assert two.process.wait(timeout=120) == 0
    assert database.values() == list(range(total))
    stored, duplicates, rejected = database.counters
    assert (stored, rejected) == (total, 0)
    assert duplicates <= 4 * 50  # only batches that were committed and not acknowledged


def test_sigterm_finishes_the_batch_and_exits_0(url: str, lite: Database, tmp_path: Path, publisher: Publish):
    with publisher(url, QUEUE) as rasa:
        rasa.publish(events(1500))
        rasa.settle()
    with Service(lite, tmp_path, url, options=("--batch-size", "20")) as service:
        until(lambda: lite.n_events > 0, "the first events")
        assert service.stop() == 0
    seen = lite.n_events
    stored, duplicates, _ = lite.counters
    assert (stored, duplicates) == (seen, 0)
    connection = pika.BlockingConnection(pika.URLParameters(url))
    waiting = connection.channel().queue_declare(QUEUE, passive=True).method.message_count
    connection.close()
    assert seen + waiting == 1500  # every batch was acknowledged


def test_a_queue_of_another_kind_and_a_virtual_host_of_any_name_work(
    broker: RabbitMQ, url: str, lite: Database, tmp_path: Path
):
    broker.ctl("add_vhost", "a/b c")
    broker.ctl("set_permissions", "-p", "a/b c", "enterprise", ".*", ".*", ".*")
    there = url.replace("%2F", quote("a/b c", safe=""))
    connection = pika.BlockingConnection(pika.URLParameters(there))
    channel = connection.channel()
    channel.queue_declare(QUEUE, durable=True, arguments={"x-queue-type": "quorum"})
    with Service(lite, tmp_path, there) as service:
        service.wait_until_reading()
        for event in events(10):
            channel.basic_publish("", QUEUE, json.dumps(event).encode())
        until(arrived(lite, 10), "the events")
        assert service.stop() == 0
    connection.close()
    assert "x-queue-type" in str(lite.rows("SELECT facts FROM events_source"))
