"""The event service as an installation runs it: `manage.py consume_events` in a process of its own."""

import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from django.db import connection

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 60.0


@contextlib.contextmanager
def running(name: str, command: Sequence[str], is_ready: Callable[[], bool]) -> Iterator[int]:
    """Run one of the project's programs; gives its process id once it is ready. Raises SystemExit, after its own last
    words, when it never is, or when it has ended before the block does."""
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT)
        try:
            end = time.monotonic() + START_SECONDS
            while not is_ready():
                if process.poll() is not None or time.monotonic() > end:
                    raise SystemExit(f"{name} did not start")
                time.sleep(0.1)
            yield process.pid
            if process.poll() is not None:
                raise SystemExit(f"{name} has ended")
        except SystemExit:
            log.seek(0)
            print(log.read()[-2000:])
            raise
        finally:
            process.terminate()
            process.wait(timeout=60)


@contextlib.contextmanager
def consuming(url: str) -> Iterator[int]:
    """Consume from `url`; gives the process id once it is connected. Raises SystemExit as `running` does."""
    with running(
        "consume_events", [sys.executable, "manage.py", "consume_events", url], _is_connected
    ) as pid:
        yield pid


def _is_connected() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM events_source WHERE connected AND heartbeat_at > %s", [time.time() - 5]
        )
        return bool(cursor.fetchone()[0])


def stored() -> int:
    """Events that the service says it has stored."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(sum(n_stored), 0) FROM events_source")
        return int(cursor.fetchone()[0])


def await_stored(wanted: int, *, idle: float = 60.0) -> None:
    """Wait until so many events are stored. Raises SystemExit when none came for `idle` seconds."""
    last, at = -1, time.monotonic()
    while (now := stored()) < wanted:
        if now != last:
            last, at = now, time.monotonic()
        elif time.monotonic() - at > idle:
            raise SystemExit(f"{now:,} of {wanted:,} events stored, and no more are coming")
        time.sleep(0.2)
