"""A database and queues of a benchmark's own on the private servers, and Django on that database."""

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit, urlunsplit

import pika
import psycopg

from bench.streams import Message

EXCHANGE = "bench-exchange"


class NoServers(Exception):
    """The benchmark needs a server that is not there; the message says how to get it."""


def required(variable: str) -> str:
    """An address that `bin/services run` sets. Raises NoServers."""
    url = os.environ.get(variable, "")
    if not url:
        raise NoServers(f"{variable} is not set: call it through bin/bench")
    return url


@contextlib.contextmanager
def database(name: str) -> Iterator[None]:
    """Django on a fresh, migrated database of this name; dropped afterwards. Children inherit the environment."""
    server = required("TEST_POSTGRES_URL")
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
    try:
        with django_on(urlunsplit(urlsplit(server)._replace(path=f"/{name}"))):
            yield
    finally:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())


@contextlib.contextmanager
def django_on(url: str) -> Iterator[None]:
    """Django set up on this (empty) database with a DATA_DIR of its own, migrated."""
    folder = tempfile.mkdtemp(prefix="enterprise-bench-")
    os.environ |= {
        "DATABASE_URL": url,
        "DATA_DIR": folder,
        "SECRET_KEY": "only-for-benchmarks",
        "DJANGO_SETTINGS_MODULE": "enterprise.settings",
        "LOG_LEVEL": os.environ.get("LOG_LEVEL", "WARNING"),
    }
    import django  # noqa: PLC0415 - not before the environment says which database
    from django.core.management import call_command  # noqa: PLC0415
    from django.db import connections  # noqa: PLC0415

    django.setup()
    try:
        with Path(os.devnull).open("w") as nowhere:
            call_command("migrate", verbosity=0, stdout=nowhere)
        yield
    finally:
        connections.close_all()
        shutil.rmtree(folder, ignore_errors=True)


def empty_tables() -> None:
    """Truncate what events fill, and let PostgreSQL know and write down everything before a clock starts."""
    from django.apps import apps  # noqa: PLC0415
    from django.db import connection  # noqa: PLC0415

    tables = ", ".join(
        model._meta.db_table
        for label in ("conversations", "events")
        for model in apps.get_app_config(label).get_models()
    )
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {tables} RESTART IDENTITY CASCADE")
        cursor.execute("VACUUM ANALYZE")
        cursor.execute("CHECKPOINT")


class Broker:
    """Durable queues behind one fanout exchange: a message that is published once stands in each of them."""

    def __init__(self) -> None:
        self.url = required("TEST_AMQP_URL")
        parameters = pika.URLParameters(self.url)
        parameters.heartbeat = 0  # nobody serves it while a variant runs
        self._connection = pika.BlockingConnection(parameters)
        self._channel = self._connection.channel()
        self._queues: set[str] = set()
        self._channel.exchange_declare(EXCHANGE, exchange_type="fanout", durable=False)

    def queue(self, name: str) -> None:
        """Declare a queue, empty, and bind it."""
        self._channel.queue_declare(name, durable=True)
        self._channel.queue_purge(name)
        self._channel.queue_bind(name, EXCHANGE, routing_key="")
        self._queues.add(name)

    def source_url(self, queue: str) -> str:
        """`EVENT_BROKER_URL` of a queue."""
        return f"{self.url}?exchange={EXCHANGE}&queue={queue}"

    def publish(self, messages: Iterable[Message], queue: str = "", *, wait: bool = True) -> int:
        """Publish persistent messages to all queues, or to one; `wait` until they stand there. Returns how many.

        Where something consumes meanwhile, they never do.
        """
        before = {name: self.depth(name) for name in ([queue] if queue else self._queues)}
        count = 0
        for message in messages:
            self.send(message, queue)
            count += 1
        for name, depth in before.items():
            while wait and self.depth(name) < depth + count:
                time.sleep(0.05)
        return count

    def send(self, message: Message, queue: str = "") -> None:
        """Publish one persistent message to all queues, or to one, and do not wait."""
        properties = pika.BasicProperties(delivery_mode=2, app_id=message.app_id or None)
        self._channel.basic_publish("" if queue else EXCHANGE, queue, message.body, properties)

    def depth(self, queue: str) -> int:
        """Messages that wait in a queue."""
        found: Any = self._channel.queue_declare(queue, passive=True)
        return int(found.method.message_count)

    def close(self) -> None:
        for name in self._queues:
            self._channel.queue_delete(name)
        self._channel.exchange_delete(EXCHANGE)
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()
