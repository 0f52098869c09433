"""The real servers that tests talk to, and private ones that a test may kill.

The shared servers are those that `bin/test` (or a developer with `bin/services start`) has started; they are
never to be killed under other tests. A test that breaks a server starts its own:

    with private("rabbitmq") as broker:
        broker.kill()
        broker.start()      # same address, same data
"""

import contextlib
import os
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NoReturn, TypeAlias, overload

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(CHECKOUT / "bin" / "lib"))

from private_services import KINDS, Postgres, RabbitMQ, Redis, Server, ServiceError, UnavailableError  # noqa: E402
from private_services.command import URL_VARIABLES, services_folder  # noqa: E402

__all__ = [
    "CHECKOUT",
    "URL_VARIABLES",
    "Postgres",
    "RabbitMQ",
    "Redis",
    "Server",
    "ServiceError",
    "missing",
    "private",
    "require",
    "shared_url",
]

Kind: TypeAlias = Literal["postgres", "rabbitmq", "redis"]


def shared_url(kind: Kind) -> str | None:
    """The address of the server that all tests of this run share; None when there is none."""
    return os.environ.get(URL_VARIABLES[kind])


def missing(reason: str) -> NoReturn:
    """What a test does without what it needs: skip with a reason on a laptop, fail where CI promises everything."""
    if os.environ.get("CI"):
        pytest.fail(f"{reason} (and CI must have it)")
    pytest.skip(f"{reason}: run the tests with bin/test, or start it with bin/services start")


def require(kind: Kind) -> str:
    """The address of the shared server, or the test is skipped (in CI: failed) with a visible reason."""
    url = shared_url(kind)
    if url is None:
        missing(f"no {kind} in {URL_VARIABLES[kind]}")
    return url


@overload
def private(kind: Literal["postgres"]) -> contextlib.AbstractContextManager[Postgres]: ...
@overload
def private(kind: Literal["rabbitmq"]) -> contextlib.AbstractContextManager[RabbitMQ]: ...
@overload
def private(kind: Literal["redis"]) -> contextlib.AbstractContextManager[Redis]: ...
def private(kind: Kind) -> contextlib.AbstractContextManager[Server]:
    """A fresh server of one test's own, answering on entry and deleted on exit, however the test left it.

    PostgreSQL and Redis take about a second, RabbitMQ about five. Skips (in CI: fails) when the machine lacks it.
    """
    return _private(kind)


@contextlib.contextmanager
def _private(kind: Kind) -> Iterator[Server]:
    # Inside the folder of the run, so that `bin/services stop` also ends what a killed test run left behind.
    folder = services_folder(CHECKOUT) / "private" / uuid.uuid4().hex[:8]
    server = KINDS[kind](folder / kind)
    try:
        try:
            server.start()
        except UnavailableError as problem:
            missing(str(problem))
        yield server
    finally:
        server.remove()
        with contextlib.suppress(OSError):
            folder.rmdir()
