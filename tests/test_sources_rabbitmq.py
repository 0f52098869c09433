"""The queue of Rasa's `pika` broker, on a real RabbitMQ."""

import json
import ssl
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

import pika
import pytest
from django.db import OperationalError
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import ChannelClosedByBroker

from conversations.envelope import Envelope
from conversations.models import Event
from conversations.store import Stored, store
from events import consumer
from events.sources import Batch, Message, Unavailable, from_url, rabbitmq
from events.sources.rabbitmq import RabbitMQSource
from events.sources.rabbitmq_login import explain
from tests.services import require

pytestmark = pytest.mark.services("rabbitmq")

Opened = Callable[..., RabbitMQSource]


class Names:
    """A queue and an exchange of the test's own."""

    def __init__(self) -> None:
        tag = uuid.uuid4().hex[:8]
        self.queue, self.exchange = f"events-{tag}", f"exchange-{tag}"
        self.query = f"queue={self.queue}&exchange={self.exchange}"


@pytest.fixture
def names() -> Names:
    return Names()


@pytest.fixture
def channel(names: Names) -> Iterator[BlockingChannel]:
    """How tests publish; cleans up behind them."""
    connection = pika.BlockingConnection(pika.URLParameters(require("rabbitmq")))
    channel = connection.channel()
    yield channel
    with connection.channel() as cleaner:
        cleaner.queue_delete(names.queue)
        cleaner.exchange_delete(names.exchange)
    connection.close()


@pytest.fixture
def opened(names: Names, channel: BlockingChannel) -> Iterator[Opened]:
    sources: list[RabbitMQSource] = []

    def connect(query: str = "", **options: Any) -> RabbitMQSource:
        source = RabbitMQSource(from_url(f"{require('rabbitmq')}?{names.query}{query}"), **options)
        source.connect({})
        sources.append(source)
        return source

    yield connect
    for source in sources:
        source.close()


def publish(channel: BlockingChannel, names: Names, *bodies: bytes, **properties: Any) -> None:
    for body in bodies:
        channel.basic_publish(names.exchange, "", body, pika.BasicProperties(**properties))


def take(source: RabbitMQSource, count: int) -> list[Message]:
    """Exactly `count` messages, unacknowledged."""
    return [message for batch in batches(source, count) for message in batch.messages]


def batches(source: RabbitMQSource, count: int) -> list[Batch]:
    found: list[Batch] = []
    for _ in range(200):
        if sum(len(batch.messages) for batch in found) >= count:
            return found
        if batch := source.take(0.2):
            found.append(batch)
    raise AssertionError("messages are missing")


def waiting(source: RabbitMQSource, names: Names) -> int:
    """Messages in the queue when nobody reads it any more."""
    source.close()
    connection = pika.BlockingConnection(pika.URLParameters(require("rabbitmq")))
    count: int = connection.channel().queue_declare(names.queue, passive=True).method.message_count
    connection.close()
    return count


def test_messages_come_with_environment_and_export_mark(
    names: Names, channel: BlockingChannel, opened: Opened
):
    source = opened("&environment=fallback")
    publish(channel, names, b"1", app_id="prod")
    publish(channel, names, b"2", headers={"rasa-export-process-id": "abc"})
    publish(channel, names, b"3", app_id="a\x00b", headers={"other": 1})
    assert take(source, 3) == [
        Message(b"1", "prod", False),
        Message(b"2", "fallback", True),
        Message(b"3", "a\\u0000b", False),
    ]


def test_what_is_acknowledged_is_gone_and_the_rest_comes_again(
    names: Names, channel: BlockingChannel, opened: Opened
):
    source = opened(batch_size=2)
    publish(channel, names, b"1", b"2", b"3", b"4")
    found = batches(source, 4)
    source.acknowledge(found[0])
    source.close()
    again = opened()
    assert take(again, 4 - len(found[0].messages))[0].body == found[1].messages[0].body


def test_an_old_batch_acknowledges_nothing_on_a_new_channel(
    names: Names, channel: BlockingChannel, opened: Opened
):
    """Tags start again at 1: an acknowledgement that came late would take messages that nobody has stored."""
    source = opened()
    publish(channel, names, b"1", b"2")
    old = batches(source, 2)[-1]
    source.pause()
    source.connect({})
    new = take(source, 2)
    source.acknowledge(old)
    assert [message.body for message in new] == [b"1", b"2"]
    assert waiting(source, names) == 2


def test_paused_it_holds_nothing_and_answers_heartbeats(
    names: Names, channel: BlockingChannel, opened: Opened
):
    source = opened()
    publish(channel, names, b"1")
    take(source, 1)
    source.pause()
    source.heartbeat()
    assert channel.queue_declare(names.queue, passive=True).method.message_count == 1
    with pytest.raises(Unavailable):
        source.take(0)
    source.connect({})
    assert take(source, 1) == [Message(b"1")]


def test_a_batch_is_bounded_in_messages_and_bytes(names: Names, channel: BlockingChannel, opened: Opened):
    source = opened()
    publish(channel, names, *[b"s"] * 900)
    small = batches(source, 900)
    assert max(len(batch.messages) for batch in small) <= 500
    for batch in small:
        source.acknowledge(batch)
    publish(channel, names, *[b"x" * 1_000_000] * 20)
    sizes: list[int] = []
    while sum(sizes) < 20_000_000:
        for batch in batches(source, 1):
            sizes.append(sum(len(message.body) for message in batch.messages))
            source.acknowledge(batch)
    assert max(sizes) <= 9_000_000


def test_prefetch_falls_with_large_bodies_and_loses_nothing(
    names: Names, channel: BlockingChannel, opened: Opened
):
    source = opened()
    bodies = [f"{number:03}".encode() + b"x" * 500_000 for number in range(80)]
    publish(channel, names, *bodies)
    seen: list[bytes] = []
    while len(seen) < 80:
        for batch in batches(source, 1):
            seen += [message.body for message in batch.messages]
            source.acknowledge(batch)
    assert [body[:3] for body in seen] == [body[:3] for body in bodies]
    prefetch = source.facts()["prefetch"]
    assert prefetch < rabbitmq.PREFETCH
    assert prefetch * 500_000 <= rabbitmq.IN_FLIGHT_BYTES
    assert waiting(source, names) == 0


def test_prefetch_rises_again_with_small_bodies(
    names: Names, channel: BlockingChannel, opened: Opened, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(rabbitmq, "RAISE_SECONDS", 0.0)
    source = opened(batch_size=1)
    publish(channel, names, b"x" * 1_000_000, *[b"s"] * 150)
    for _ in range(151):
        source.acknowledge(batches(source, 1)[-1])
    assert source.facts()["prefetch"] > 100
    assert waiting(source, names) == 0


def test_the_queue_is_declared_as_rasa_declares_it(names: Names, channel: BlockingChannel, opened: Opened):
    opened()
    channel.exchange_declare(
        names.exchange, "fanout", durable=False
    )  # closes the channel if it is another one
    channel.queue_declare(names.queue, durable=True)
    with pytest.raises(ChannelClosedByBroker, match="inequivalent"):
        channel.queue_declare(names.queue, durable=False)


def test_it_tells_who_made_the_exchange(names: Names, channel: BlockingChannel, opened: Opened):
    source = opened()
    assert source.facts()["exchange_made_by_us"] is True
    publish(channel, names, b"1")
    take(source, 1)
    assert source.facts()["exchange_made_by_us"] is False
    assert opened().facts()["exchange_made_by_us"] is False


def test_it_tells_who_else_reads_the_queue(names: Names, channel: BlockingChannel, opened: Opened):
    assert opened().facts()["other_consumers"] == 0
    assert opened().facts()["other_consumers"] == 1


def test_it_tells_when_messages_come_another_way(names: Names, channel: BlockingChannel, opened: Opened):
    source = opened()
    channel.basic_publish("", names.queue, b"1")
    take(source, 1)
    assert source.facts()["arrives_through"] == ""
    assert source.facts()["exchange_made_by_us"] is True
    publish(channel, names, b"2")
    take(source, 1)
    assert "arrives_through" not in source.facts()


@pytest.mark.parametrize(
    "arguments", [{"x-queue-type": "quorum"}, {"x-max-length": 1000}, {"x-message-ttl": 60_000}]
)
def test_a_queue_with_other_arguments_is_used_as_it_is_and_the_difference_told(
    names: Names, channel: BlockingChannel, opened: Opened, arguments: dict[str, Any]
):
    channel.queue_declare(names.queue, durable=True, arguments=arguments)
    source = opened()
    assert next(iter(arguments)) in source.facts()["queue_warning"]
    publish(channel, names, b"1")
    found = batches(source, 1)
    source.acknowledge(found[0])
    assert found[0].messages == [Message(b"1")]


def test_a_durable_exchange_is_used_as_it_is(names: Names, channel: BlockingChannel, opened: Opened):
    channel.exchange_declare(names.exchange, "fanout", durable=True)
    source = opened()
    publish(channel, names, b"1")
    assert take(source, 1) == [Message(b"1")]


def test_a_deleted_queue_is_declared_again(names: Names, channel: BlockingChannel, opened: Opened):
    source = opened()
    channel.queue_delete(names.queue)
    with pytest.raises(Unavailable, match="deleted"):
        take(source, 1)
    source.connect({})
    publish(channel, names, b"1")
    assert take(source, 1) == [Message(b"1")]


def test_a_deleted_exchange_is_bound_again_in_idle_time(
    names: Names, channel: BlockingChannel, opened: Opened, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(rabbitmq, "TEND_SECONDS", 0.0)
    source = opened()
    channel.exchange_delete(names.exchange)
    source.take(0)
    publish(channel, names, b"1")
    assert take(source, 1) == [Message(b"1")]


def test_depth_and_other_consumers_are_looked_at_again(
    names: Names, channel: BlockingChannel, opened: Opened, monkeypatch: pytest.MonkeyPatch
):
    source = opened()
    other = opened()
    monkeypatch.setattr(rabbitmq, "TEND_SECONDS", 0.0)
    source.take(0)
    assert source.facts()["other_consumers"] == 1
    other.close()
    source.take(0)
    assert source.facts()["other_consumers"] == 0
    assert source.facts()["server"].startswith("RabbitMQ ")


# What cannot be reached says why, in one sentence without the password


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"user": "nobody"}, "refused the login of 'nobody': check user and password in EVENT_BROKER_URL"),
        ({"path": "/elsewhere"}, "no virtual host 'elsewhere'"),
        ({"port": "1"}, "nothing listens at 127.0.0.1:1"),
        ({"host": "no.such.host.invalid"}, "the host 'no.such.host.invalid' is not known"),
        ({"scheme": "amqps"}, "does not speak amqps"),
        ({"query": "?queue=amq.forbidden"}, "check exchange= and queue="),
        ({"scheme": "amqps", "query": "?cacertfile=/nowhere/ca.pem"}, "cacertfile="),
    ],
)
def test_why_it_cannot_be_read_names_the_part_of_the_setting(change: dict[str, str], why: str):
    good = urlsplit(require("rabbitmq"))
    password = good.password or ""
    user, host, port = (
        change.get("user", good.username),
        change.get("host", good.hostname),
        change.get("port", good.port),
    )
    url = (
        f"{change.get('scheme', 'amqp')}://{user}:{password}@{host}:{port}"
        f"{change.get('path', '/%2F')}{change.get('query', '')}"
    )
    source = RabbitMQSource(from_url(url))
    with pytest.raises(Unavailable) as caught:
        source.connect({})
    source.close()
    assert why in str(caught.value)
    assert "EVENT_BROKER_URL" in str(caught.value)
    assert password not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_certificate_that_cannot_be_verified_names_the_option():
    address = from_url("amqps://h/")
    assert "cacertfile=" in explain(ssl.SSLCertVerificationError("self-signed"), address)


def test_a_server_that_does_not_answer_is_told():
    assert "does not answer" in explain(TimeoutError(), from_url("amqp://h/"))
    assert "was lost" in explain(ConnectionResetError("reset by peer"), from_url("amqp://h/"))


@pytest.mark.django_db
def test_a_database_away_for_a_minute_gives_the_messages_back_and_takes_them_again(
    names: Names, channel: BlockingChannel, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(consumer, "RETRY_SECONDS", 0.05)
    monkeypatch.setattr(consumer, "HOLD_SECONDS", 0.3)
    away = True

    def check(_connection: object) -> None:
        if away:
            raise OperationalError("no route to host")

    def sometimes(envelopes: Sequence[Envelope], *, also: Any = None) -> Stored:
        check(None)
        return store(envelopes, also=also)

    monkeypatch.setattr(consumer, "check_in_batch", check)
    address = from_url(f"{require('rabbitmq')}?{names.query}")
    one = consumer.Consumer(address, threading.Event(), store=sometimes, wait=0.1)
    try:
        one.step()
        bodies = [
            json.dumps({"sender_id": "u", "event": "slot", "timestamp": 1.7e9 + at}).encode()
            for at in range(20)
        ]
        publish(channel, names, *bodies)
        until(lambda: one.step() or "no route to host" in one.problem)
        assert channel.queue_declare(names.queue, passive=True).method.message_count == 0  # held
        until(lambda: one.step() or not one.is_connected)
        until(
            lambda: channel.queue_declare(names.queue, passive=True).method.message_count == 20
        )  # given back
        for _ in range(5):
            assert one.step() is False
        assert channel.queue_declare(names.queue, passive=True).method.message_count == 20  # and left there
        away = False
        until(lambda: one.step() and Event.objects.count() == 20)
    finally:
        one.close()
    assert channel.queue_declare(names.queue, passive=True).method.message_count == 0


def until(condition: Callable[[], bool]) -> None:
    for _ in range(200):
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError("it did not happen")
