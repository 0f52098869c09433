"""A real Rasa speaks, the event service stores, a person reads it in a browser: through each broker that needs no cluster.

Everything is started as its users start it: `manage.py serve` as a process of its own, on SQLite or PostgreSQL.
"""

import contextlib
import json
import os
import re
import subprocess
import time
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote, unquote, urlsplit

import psycopg
import pytest
from playwright.sync_api import Page, expect

from tests.rasa.server import ROOT, RasaServer, file_broker, free_port, pika_broker, sql_broker
from tests.services import require

pytestmark = pytest.mark.rasa

VISIBLE_SECONDS = 2.0  # after the turn, on an open page
PASSWORD = "from end to end, in one go"


class Installation:
    """One `manage.py serve --empty`, with everything it writes under `folder`."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://localhost:{self.port}"
        self._environment = environment
        self.log = folder / "serve.log"

    def __enter__(self) -> Self:
        env = {
            name: value
            for name, value in os.environ.items()
            if name not in ("DATABASE_URL", "DJANGO_SETTINGS_MODULE")
        }
        with self.log.open("wb") as out:
            self._process = subprocess.Popen(
                [
                    ROOT / ".venv" / "bin" / "python",
                    ROOT / "manage.py",
                    "serve",
                    "--empty",
                    "--port",
                    str(self.port),
                ],
                env={**env, "DATA_DIR": str(self.folder), "ADMIN_PASSWORD": PASSWORD, **self._environment},
                stdout=out,
                stderr=out,
            )
        return self

    def __exit__(self, *_exception: object) -> None:
        self._process.terminate()
        assert self._process.wait(30) == 0, self.log.read_text()[-3000:]

    def sign_in_link(self) -> str:
        """The one-time link that it prints when it is ready."""
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            found = re.search(r"Sign in\s+(http\S+)", self.log.read_text())
            if found:
                return found[1]
            time.sleep(0.2)
        raise AssertionError(self.log.read_text()[-3000:])

    def api(self, path: str) -> Any:
        """What a script of the admin gets."""
        body = json.dumps({"username": "admin", "password": PASSWORD}).encode()
        with urllib.request.urlopen(
            urllib.request.Request(f"{self.url}/api/auth", data=body, method="POST")
        ) as answer:
            token = json.loads(answer.read())["access_token"]
        request = urllib.request.Request(self.url + path, headers={"Authorization": f"Bearer {token}"})
        with urllib.request.urlopen(request) as answer:
            return json.loads(answer.read())


@contextlib.contextmanager
def rabbitmq(folder: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """RabbitMQ and PostgreSQL, as a team has them."""
    broker = urlsplit(require("rabbitmq"))
    database = require("postgres")
    name = f"e2e_{uuid.uuid4().hex[:12]}"
    exchange, queue = f"{name}-exchange", f"{name}-events"
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    endpoints = pika_broker(
        str(broker.hostname), broker.port or 5672, unquote(broker.username or ""), unquote(broker.password or ""),
        vhost=unquote(broker.path[1:]) or "/", exchange=exchange, queue=queue,
    )  # fmt: skip
    try:
        yield (
            endpoints,
            {
                "EVENT_BROKER_URL": f"{broker.geturl()}?exchange={exchange}&queue={queue}",
                "DATABASE_URL": urlsplit(database)._replace(path=f"/{name}").geturl(),
            },
        )
    finally:
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextlib.contextmanager
def sql(folder: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Rasa's `sql` broker fills the file that is always listened to: no setting at all."""
    yield sql_broker(folder / "rasa-events.db"), {}


@contextlib.contextmanager
def log_file(folder: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Rasa's `file` broker."""
    path = folder / "rasa event.log"
    yield file_broker(path), {"EVENT_BROKER_URL": f"file://{quote(str(path))}"}


@pytest.mark.parametrize("broker", [rabbitmq, sql, log_file])
def test_what_is_said_to_rasa_is_on_the_page_within_two_seconds_and_complete(
    broker: Any, tmp_path: Path, rasa_bin: Path, demo_model: Path, page: Page
) -> None:
    folder = tmp_path / "data of ours"
    folder.mkdir()
    with broker(folder) as (endpoints, environment), Installation(folder, **environment) as enterprise:
        page.goto(enterprise.sign_in_link())
        page.get_by_role("button").first.click()
        page.goto(f"{enterprise.url}/sessions/")
        expect(page.locator("body")).to_contain_text("event_broker")  # nothing yet: how to connect

        with RasaServer(
            rasa_bin, demo_model, endpoints, cwd=tmp_path / "rasa", environment="production"
        ) as rasa:
            rasa.say("e2e/first-user", "hello")
            said_at = time.monotonic()
            row = page.get_by_text("e2e/first-user").first
            while not row.is_visible() and time.monotonic() < said_at + 20:
                page.goto(f"{enterprise.url}/sessions/")
            row.click()
            expect(page.get_by_role("heading", name="e2e/first-user")).to_be_visible()

            late = []
            for text in ("what plans do you have?", "ich möchte kündigen 👋", "<b>not markup</b>"):
                rasa.say("e2e/first-user", text)
                said_at = time.monotonic()
                expect(page.get_by_role("main").get_by_text(text, exact=True).first).to_be_visible(
                    timeout=10_000
                )
                late.append(time.monotonic() - said_at)
            assert max(late) < VISIBLE_SECONDS, late
            tracker = rasa_tracker(rasa, "e2e/first-user")

        [session] = enterprise.api("/api/sessions?q=hello")
        events = enterprise.api(f"/api/sessions/{session['id']}/events")
        stored = [(event["event"], event["timestamp"]) for event in events]
        assert stored == [(event["event"], event["timestamp"]) for event in tracker]
        assert session["n_user_messages"] == 4
        health = enterprise.api("/api/health")
        assert health["event_service"]["rejected"] == 0
        assert "Traceback" not in enterprise.log.read_text()


def rasa_tracker(rasa: RasaServer, sender: str) -> list[dict[str, Any]]:
    """All events as Rasa itself has them. Rasa does not decode ids in its paths: a `/` works as it is."""
    url = f"{rasa.url}/conversations/{sender}/tracker?include_events=ALL"
    with urllib.request.urlopen(url) as answer:
        events: list[dict[str, Any]] = json.loads(answer.read())["events"]
    return events
