"""Whole pages as a browser gets them: HTML through gunicorn with two workers, one reader who takes one page after another.

The first column is the mean processor time of the workers, the others what the reader waited.
"""

from __future__ import annotations

import os
import socket
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bench.reading_queries import TYPICAL
from bench.service import running

if TYPE_CHECKING:
    from bench.reading import Bench

LIMIT = 150.0  # milliseconds, 95th percentile


def run(bench: Bench) -> None:
    """Lists with a session open, a further page, the drawer, completion."""
    from bench.reading import p95  # noqa: PLC0415

    addresses = {
        "page: the list, everything": ["/sessions/"],
        "page: the list, ten typical queries": [
            f"/sessions/?q={urllib.parse.quote(text)}" for text in TYPICAL
        ],
        "page: the drawer": ["/sessions/facets/?q=is%3Afallback"],
    }
    cookie = _signed_in()
    with _gunicorn() as (base, master):
        for name, paths in addresses.items():
            times = []
            sizes = 0
            spent = 0.0
            for turn in range(-2, bench.repeats * 2):
                path = paths[turn % len(paths)]
                spent = _workers_time(master) if turn == 0 else spent
                begun = time.perf_counter()
                sizes = max(sizes, len(_get(base + path, cookie)))
                times += [(time.perf_counter() - begun) * 1000] if turn >= 0 else []
            cpu = (_workers_time(master) - spent) / len(times) * 1000
            verdict = "ok" if p95(times) < LIMIT else f"OVER {LIMIT:.0f}"
            middle = sorted(times)[len(times) // 2]
            print(
                f"{name:44} {cpu:8.2f} {'':8} {middle:8.2f} {p95(times):8.2f} {min(times):8.2f} {sizes / 1000:7.0f} kB {verdict}",
                flush=True,
            )


def _workers_time(master: int) -> float:
    """Seconds of processor time that gunicorn's workers have taken."""
    children = Path(f"/proc/{master}/task/{master}/children").read_text().split()
    stats = (Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split() for child in children)
    return sum(int(stat[11]) + int(stat[12]) for stat in stats) / os.sysconf("SC_CLK_TCK")


def _signed_in() -> str:
    """The cookie of a reviewer."""
    from django.conf import settings  # noqa: PLC0415
    from django.test import Client  # noqa: PLC0415

    from enterprise.models import User  # noqa: PLC0415

    person = User.objects.filter(username="reader").first() or User.objects.create_user(
        username="reader", first_name="Reader", role="reviewer", password=os.urandom(16).hex()
    )
    client = Client()
    client.force_login(person)
    return f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"


def _get(address: str, cookie: str) -> bytes:
    request = urllib.request.Request(address, headers={"Cookie": cookie})
    with urllib.request.urlopen(request, timeout=30) as answer:
        if answer.url != address:
            raise SystemExit(f"bench.reading: {address} led to {answer.url}")
        return bytes(answer.read())


@contextmanager
def _gunicorn() -> Iterator[tuple[str, int]]:
    """gunicorn with two workers on a free port: its address, its process."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    base = f"http://127.0.0.1:{port}"
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        "enterprise.wsgi",
        "--workers",
        "2",
        "--threads",
        "4",
        "--bind",
        f"127.0.0.1:{port}",
    ]

    def answers() -> bool:
        try:
            urllib.request.urlopen(f"{base}/health", timeout=5).close()
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False
        return True

    with running("gunicorn", command, answers) as pid:
        yield base, pid
