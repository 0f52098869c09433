"""What fault tests share: the event service as a process, a publisher that is Rasa itself, a wire that can be cut.

Nothing here uses the test runner's own database: the service gets one of its own, so that it may be killed with it.
"""

import contextlib
import json
import os
import queue
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Self
from urllib.parse import quote, urlsplit

import pika
import pika.exceptions
import psycopg
import pytest

from tests.services import CHECKOUT

START = 1_700_000_000.0
PATIENCE = 90.0  # seconds; the build machine is slow when it is busy

Event = dict[str, Any]


def events(count: int, *, first: int = 0, conversations: int = 5) -> list[Event]:
    """Distinct events of a few conversations, with timestamps of microseconds as Rasa's are."""
    return [
        {
            "sender_id": f"user {number % conversations}",
            "event": "slot",
            "timestamp": START + number + 0.123456,
            "name": "counter",
            "value": number,
        }
        for number in range(first, first + count)
    ]


def until(condition: Callable[[], bool], what: str, patience: float = PATIENCE) -> None:
    """Wait for a condition; fails saying what did not happen."""
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"{what}: not within {patience:.0f} s")
        time.sleep(0.1)


class Database:
    """The database of one service: made of a migrated template, read without Django."""

    def __init__(self, url: str) -> None:
        self.url = url

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What a SELECT gives."""
        if self.url.startswith("sqlite"):
            with contextlib.closing(sqlite3.connect(urlsplit(self.url).path, timeout=30)) as database:
                return database.execute(query).fetchall()
        with psycopg.connect(self.url, autocommit=True, connect_timeout=5) as connection:
            return connection.execute(query.encode()).fetchall()

    def values(self) -> list[int]:
        """The `value` of every stored event, sorted: those of `events(n)` are 0 to n - 1."""
        return sorted(
            json.loads(body)["value"] for (body,) in self.rows("SELECT body FROM conversations_event")
        )

    @property
    def n_events(self) -> int:
        return int(self.rows("SELECT count(*) FROM conversations_event")[0][0])

    @property
    def counters(self) -> tuple[int, int, int]:
        """(stored, duplicates, rejected) of all sources together."""
        sums = "coalesce(sum(n_stored), 0), coalesce(sum(n_duplicates), 0), coalesce(sum(n_rejected), 0)"
        stored, duplicates, rejected = self.rows(f"SELECT {sums} FROM events_source")[0]
        return int(stored), int(duplicates), int(rejected)


def manage(*arguments: str, url: str, folder: Path) -> list[str]:
    """Run a command to its end; its output's lines."""
    done = subprocess.run(
        [sys.executable, str(CHECKOUT / "manage.py"), *arguments],
        check=False,
        env=environment(url, folder),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


def environment(url: str, folder: Path) -> dict[str, str]:
    """Of a process of ours that must not see the developer's own settings."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return {
        **kept,
        "DATABASE_URL": url,
        "DATA_DIR": str(folder),
        "SECRET_KEY": "only-for-tests",
        "PYTHONPATH": str(CHECKOUT),
        "PYTHONUNBUFFERED": "1",
    }


class Templates:
    """Migrated once a run, then copied: migrating takes seconds."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._made: dict[str, list[str]] = {}  # databases by server, the template first

    def sqlite(self) -> Database:
        """A fresh file."""
        template = self.folder / "template.db"
        if not template.exists():
            manage("migrate", url=f"sqlite:///{template}", folder=self.folder)
        path = self.folder / f"{uuid.uuid4().hex}.db"
        with (
            contextlib.closing(sqlite3.connect(template)) as one,
            contextlib.closing(sqlite3.connect(path)) as other,
        ):
            one.backup(other)
        return Database(f"sqlite:///{path}")

    def postgres(self, server: str) -> Database:
        """A fresh database in a server."""
        names = self._made.setdefault(server, [])
        name = f"faults_{uuid.uuid4().hex}"
        with psycopg.connect(server, autocommit=True) as admin:
            if not names:
                admin.execute(f"CREATE DATABASE template_{name}".encode())
                names.append(f"template_{name}")
                manage("migrate", url=at(server, names[0]), folder=self.folder)
            admin.execute(f"CREATE DATABASE {name} TEMPLATE {names[0]}".encode())
            names.append(name)
        return Database(at(server, name))

    def drop(self) -> None:
        """Leave nothing in a shared server."""
        for server, names in self._made.items():
            with psycopg.connect(server, autocommit=True) as admin:
                for name in names:
                    admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
        self._made.clear()


def at(server: str, database: str) -> str:
    """The URL of another database of the same server."""
    return urlsplit(server)._replace(path=f"/{database}").geturl()


class Service:
    """`manage.py consume_events` in a process of its own."""

    def __init__(self, database: Database, folder: Path, *urls: str, options: tuple[str, ...] = ()) -> None:
        self.log = folder / f"service-{uuid.uuid4().hex[:6]}.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(CHECKOUT / "manage.py"), "consume_events", *options, *urls],
                env=environment(database.url, folder),
                cwd=folder,
                stdout=log,
                stderr=log,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.kill()

    def kill(self) -> None:
        """SIGKILL: no handler runs."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        self.process.terminate()
        return self.process.wait(timeout=PATIENCE)

    def said(self, text: str) -> bool:
        """Whether its log holds a text."""
        return text in self.log.read_text(errors="replace")

    def wait_until_reading(self) -> None:
        until(lambda: self.said("reading ") or self.process.poll() is not None, "the service reads")
        assert self.process.poll() is None, self.log.read_text()


def rasa_python() -> str | None:
    """The interpreter of an environment with Rasa, made by bin/rasa-env; None where that is not possible here."""
    made = subprocess.run([str(CHECKOUT / "bin" / "rasa-env")], check=False, capture_output=True, text=True)
    if made.returncode:
        if made.returncode != 3 or os.environ.get("CI"):
            pytest.fail(f"bin/rasa-env: {made.stderr}")
        return None
    return f"{made.stdout.splitlines()[-1]}/python"


class Publisher:
    """Rasa's own broker class in Rasa's own environment."""

    kinds: ClassVar = {"pika": "PikaEventBroker", "sql": "SQLEventBroker", "file": "FileEventBroker"}

    def __init__(self, python: str, folder: Path, **config: Any) -> None:
        script = str(Path(__file__).with_name("faults_publisher.py"))
        with (folder / "publisher.log").open("ab") as log:
            self.process = subprocess.Popen(
                [python, "-W", "ignore", script, json.dumps(config)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                cwd=folder,
                env={**os.environ, "RASA_ENVIRONMENT": "faults", "RASA_TELEMETRY_ENABLED": "false"},
            )
        self._answers: queue.Queue[str] = queue.Queue()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        name = self._answers.get(timeout=PATIENCE)
        if name != self.kinds[config["type"]]:
            self.__exit__()
        assert name == self.kinds[config["type"]], (folder / "publisher.log").read_text()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("faults: "):  # the rest is Rasa's log
                self._answers.put(line.removeprefix("faults: ").strip())
        self._answers.put("")

    def publish(self, some: list[Event]) -> None:
        """Hand events to Rasa's broker class."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(some) + "\n")
        self.process.stdin.flush()
        assert self._answers.get(timeout=PATIENCE) == str(len(some))

    def settle(self) -> None:
        """Wait until the broker has confirmed all that Rasa kept back."""
        self.publish([])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        assert self.process.stdin is not None
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        try:
            self.process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._listener.join()
        assert self.process.stdout is not None
        self.process.stdout.close()


def pika_config(url: str, *queues: str, exchange: str = "rasa-exchange") -> dict[str, Any]:
    """`event_broker` of endpoints.yml for a broker of `tests.services`."""
    parts = urlsplit(url)
    return {
        "type": "pika",
        "url": parts.hostname,
        "port": parts.port,
        "username": parts.username,
        "password": parts.password,
        "queues": list(queues),
        "exchange_name": exchange,
    }


class Wire:
    """A TCP proxy before a server: it can be cut, and it can swallow what the client says."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._target = (parts.hostname or "", parts.port or 0)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self.swallows = False
        self.n_connections = 0
        port = self._listener.getsockname()[1]
        self.url = parts._replace(netloc=f"{parts.username}:{parts.password}@127.0.0.1:{port}").geturl()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._target)
                self.n_connections += 1
                self._pairs.append((client, server))
                threading.Thread(target=self._pump, args=(client, server, True), daemon=True).start()
                threading.Thread(target=self._pump, args=(server, client, False), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket, is_upward: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                if not (is_upward and self.swallows):
                    target.sendall(data)
        self._close(source, target)

    @staticmethod
    def _close(*ends: socket.socket) -> None:
        for end in ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    @property
    def is_open(self) -> bool:
        """Whether somebody is connected."""
        return bool(self._pairs)

    def cut(self) -> None:
        """End all connections as a failing network does; new ones may be made."""
        pairs, self._pairs = self._pairs, []
        self.swallows = False
        for pair in pairs:
            self._close(*pair)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._listener.close()
        self.cut()


class PlainPublisher:
    """Stands in for Rasa where it cannot be installed: confirmed publishing that keeps what failed and tries again."""

    def __init__(self, config: dict[str, Any]) -> None:
        self._parameters = pika.ConnectionParameters(
            config["url"],
            config["port"],
            credentials=pika.PlainCredentials(config["username"], config["password"]),
        )
        self._config = config
        self._kept: list[Event] = []
        self._channel: Any = None
        until(lambda: self._try(self._connect), "the publisher connects")

    def _connect(self) -> None:
        self._channel = pika.BlockingConnection(self._parameters).channel()
        self._channel.confirm_delivery()
        self._channel.exchange_declare(self._config["exchange_name"], "fanout")
        for name in self._config["queues"]:
            self._channel.queue_declare(name, durable=True)
            self._channel.queue_bind(name, self._config["exchange_name"])

    def _flush(self) -> None:
        if self._channel is None or not self._channel.is_open:
            self._connect()
        while self._kept:
            body = json.dumps(self._kept[0]).encode()
            self._channel.basic_publish(
                self._config["exchange_name"], "", body, pika.BasicProperties(delivery_mode=2)
            )
            self._kept.pop(0)

    @staticmethod
    def _try(step: Callable[[], None]) -> bool:
        try:
            step()
        except (pika.exceptions.AMQPError, OSError):
            return False
        return True

    def publish(self, some: list[Event]) -> None:
        """Publish now what the broker takes now."""
        self._kept += some
        self._try(self._flush)

    def settle(self) -> None:
        """Wait until the broker has confirmed everything."""
        until(lambda: self._try(self._flush), "the publisher is rid of its messages")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        if self._channel is not None and self._channel.is_open:
            self._channel.connection.close()


def sqlite_url(path: Path) -> str:
    """EVENT_BROKER_URL of a file that Rasa's sql broker fills."""
    return f"sql+sqlite://{quote(str(path))}"
