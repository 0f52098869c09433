"""`manage.py serve` as people start it: a process of its own, told to stop by a signal."""

import json
import os
import re
import select
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.services import CHECKOUT

PATIENCE = 120  # seconds, on a busy machine


class Served:
    """One `serve` with what it printed so far."""

    def __init__(self, folder: Path, *options: str, **environment: str) -> None:
        self.folder = folder
        self.port = free_port()
        self.text = ""
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "serve", "--port", str(self.port), *options],
            cwd=CHECKOUT,
            env=clean_environment(folder) | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def read_until(self, pattern: str) -> re.Match[str]:
        """Wait for a line that matches; the test fails with all output when none comes."""
        assert self.process.stdout is not None
        deadline = time.monotonic() + PATIENCE
        while not (found := re.search(pattern, self.text, re.MULTILINE)):
            ready, _, _ = select.select([self.process.stdout], [], [], max(0, deadline - time.monotonic()))
            piece = os.read(self.process.stdout.fileno(), 65536).decode() if ready else ""
            assert piece, f"no {pattern!r} in:\n{self.text}"
            self.text += piece
        return found

    def get(self, path: str, **headers: str) -> tuple[int, str]:
        """Code and body; redirects are not followed."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=headers)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), Unfollowed())
        try:
            with opener.open(request, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def health(self) -> dict[str, Any]:
        """What /api/health says, as soon as somebody listens."""
        body: dict[str, Any] = wait_for(lambda: json.loads(self.get("/api/health")[1]))
        return body

    def stop(self, number: int = signal.SIGTERM, *, group: bool = False) -> int:
        """The exit code after a signal to the process, or as Ctrl-C does to all of its terminal."""
        if group:
            os.killpg(self.process.pid, number)
        else:
            self.process.send_signal(number)
        out, _ = self.process.communicate(timeout=PATIENCE)
        self.text += out.decode()
        return self.process.returncode

    def end(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()


class Unfollowed(urllib.request.HTTPRedirectHandler):
    """Leaves redirects to the test."""

    def redirect_request(self, *_arguments: Any) -> None:
        return None


def clean_environment(folder: Path) -> dict[str, str]:
    names = ("PATH", "HOME", "LANG", "VIRTUAL_ENV", "TZ")
    kept = {name: os.environ[name] for name in names if name in os.environ}
    return kept | {"DATA_DIR": str(folder), "PYTHONUNBUFFERED": "1"}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def wait_for(attempt: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            if value := attempt():
                return value
        except (OSError, ValueError) as error:
            if time.monotonic() > deadline:
                raise AssertionError("it did not happen in time") from error
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Served]]:
    started: list[Served] = []

    def start(*options: str, **environment: str) -> Served:
        started.append(Served(tmp_path / "a folder", *options, **environment))
        return started[-1]

    yield start
    for served in started:
        served.end()


def test_the_first_start_says_everything_and_the_second_loses_nothing(serve: Callable[..., Served]) -> None:
    first = serve("--empty")
    first.read_until(r"Ctrl-C stops")
    assert f"http://localhost:{first.port}" in first.text
    assert re.search(r"Admin +admin$", first.text, re.MULTILINE)
    assert re.search(r"Password +\S{12,}", first.text)
    assert f"db: {first.folder / 'rasa-events.db'}" in first.text
    link = first.read_until(r"Sign in +http://localhost:\d+(\S+)").group(1)
    assert first.get(link)[0] == 200
    assert first.health()["database_migration"]["status"] == "completed"
    assert first.stop() == 0
    assert "Traceback" not in first.text

    second = serve("--empty")
    second.read_until(r"Ctrl-C stops")
    assert "Password" not in second.text
    assert second.get(link)[0] == 200  # nobody has used it
    assert second.stop(signal.SIGINT, group=True) == 0
    assert "Traceback" not in second.text


def test_a_taken_port_is_one_clear_line(serve: Callable[..., Served], tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        done = subprocess.run(
            [sys.executable, "manage.py", "serve", "--port", port],
            cwd=CHECKOUT,
            env=clean_environment(tmp_path),
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1
    assert f"Port {port} is taken" in done.stderr


@pytest.mark.parametrize(
    ("options", "environment", "said"),
    [
        (["--roles", "web,coffee"], {}, "migrate, events, web"),
        ([], {"EVENT_BROKER_URL": "telnet://host"}, "EVENT_BROKER_URL"),
        (["--host", "192.0.2.1"], {}, "HOST"),
    ],
)
def test_what_cannot_be_started_is_said_in_one_line(
    tmp_path: Path, options: list[str], environment: dict[str, str], said: str
) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "serve", "--port", "0", *options],
        cwd=CHECKOUT,
        env=clean_environment(tmp_path) | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1
    assert said in done.stderr


def test_health_answers_while_another_one_migrates_and_work_begins_by_itself(
    serve: Callable[..., Served], tmp_path: Path
) -> None:
    import fcntl

    folder = tmp_path / "a folder"
    folder.mkdir()
    with (folder / "enterprise.db-migrate.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        served = serve("--roles", "events,web", "--empty")
        assert served.health()["database_migration"]["status"] == "in_progress"
        code, page = served.get("/")
        assert (code, "503" in page) == (503, True)
        assert json.loads(served.get("/api/user")[1])["reason"] == "Migrating"
    assert wait_for(lambda: served.health()["database_migration"]["status"] == "pending")
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "-v", "0"],
        cwd=CHECKOUT,
        env=clean_environment(folder),
        check=True,
        timeout=PATIENCE,
    )
    served.read_until(r"Ctrl-C stops")
    assert wait_for(lambda: served.get("/api/user")[0] == 401)
    assert served.stop() == 0


def test_a_role_without_pages_serves_only_its_health(serve: Callable[..., Served]) -> None:
    served = serve("--roles", "migrate,events", "--empty")
    assert wait_for(lambda: served.health()["database_migration"]["status"] == "completed")
    assert served.get("/")[0] == 404
    assert served.get("/api/user")[0] == 404
    assert served.get("/api/version")[0] == 200
    assert served.stop() == 0


def test_the_role_migrate_alone_ends_when_it_is_done(tmp_path: Path) -> None:
    command = [sys.executable, "manage.py", "serve", "--roles", "migrate"]
    done = subprocess.run(
        command,
        cwd=CHECKOUT,
        env=clean_environment(tmp_path),
        capture_output=True,
        check=False,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "enterprise.db").exists()


def test_events_of_a_rasa_on_this_machine_come_in(serve: Callable[..., Served], tmp_path: Path) -> None:
    served = serve("--empty")
    served.read_until(r"Ctrl-C stops")
    now = time.time()
    publish(
        served.folder / "rasa-events.db", [user_said("hello", now - 1), user_said("is anybody there?", now)]
    )
    last = wait_for(lambda: served.health()["event_service"].get("last_event"))
    assert last == pytest.approx(now)
    assert served.stop() == 0
    with sqlite3.connect(served.folder / "enterprise.db") as database:
        assert database.execute("SELECT count(*) FROM conversations_event").fetchone() == (2,)
    database.close()


def user_said(text: str, at: float) -> dict[str, Any]:
    parse_data = {"intent": {"name": "greet", "confidence": 0.9}, "entities": [], "text": text}
    return {
        "sender_id": "u1",
        "event": "user",
        "timestamp": at,
        "text": text,
        "parse_data": parse_data,
        "input_channel": "rest",
    }


def publish(path: Path, events: list[dict[str, Any]]) -> None:
    """What Rasa's `sql` broker does: a table `events` of sender and data."""
    with sqlite3.connect(path, timeout=10) as database:
        database.execute(
            "CREATE TABLE IF NOT EXISTS events (id INTEGER PRIMARY KEY, sender_id VARCHAR(255), data TEXT)"
        )
        database.executemany(
            "INSERT INTO events (sender_id, data) VALUES (?, ?)",
            [(event["sender_id"], json.dumps(event)) for event in events],
        )
    database.close()
