"""What every test may ask for: people, a signed-in browser, and the services it needs or a visible skip.

The suite runs on the database of TEST_DATABASE_URL (`bin/test`: PostgreSQL), without it on SQLite. Tests marked
`both_databases` hold what must be equal on both; `bin/test` runs them a second time with `-m both_databases` and
TEST_DATABASE_URL empty. Threads may use the SQLite database too: it is a file.
"""

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.core.cache import cache
from django.db import connections

from tests.services import missing, require

if TYPE_CHECKING:
    from django.test import Client

    from enterprise.models import User

PASSWORD = "a long walk by the sea"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "both_databases: run again on SQLite when the suite runs on PostgreSQL"
    )
    # pytest-base-url's, on which pytest-playwright rests.
    config.addinivalue_line(
        "filterwarnings", "ignore:Session-scoped fixtures defined as instance:pytest.PytestRemovedIn10Warning"
    )


def pytest_runtest_setup(item: pytest.Item) -> None:
    """`@pytest.mark.services("postgres", "rabbitmq")`: skipped where one is missing, failed when CI promises all."""
    for marker in item.iter_markers("services"):
        for kind in marker.args:
            require(kind)
    if item.get_closest_marker("browser") and chromium() is None:
        missing("no Chromium (bin/services install chromium)")


def chromium() -> str | None:
    """The machine's Chromium; Playwright's own download is not used."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """What pytest-playwright starts: `@pytest.mark.browser` tests take its `page` and `context` as they are."""
    # Its event loop lives in this thread; Django would refuse the database to every test after it.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []  # Chromium's sandbox refuses root
    return {**browser_type_launch_args, "executable_path": chromium(), "args": arguments}


def pytest_unconfigure(config: pytest.Config) -> None:
    from django.conf import settings

    folder = Path(settings.DATA_DIR)
    if folder.parent == Path(tempfile.gettempdir()).resolve() and folder.name.startswith("enterprise-tests-"):
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings: None) -> None:
    """SQLite in a file, as in production: memory would be shared by all threads without their own transactions."""
    from django.conf import settings

    configuration: dict[str, Any] = connections["default"].settings_dict
    if configuration["ENGINE"].endswith("sqlite3"):
        configuration["TEST"]["NAME"] = str(Path(settings.DATA_DIR) / "test.db")


@pytest.fixture(autouse=True)
def _as_if_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees what another one cached, and on a slow machine none asks the schema once more than on a fast one."""
    cache.clear()
    monkeypatch.setattr("enterprise.schema.RECHECK_READY", 600.0)


def _person(username: str, first_name: str, role: str) -> "User":
    from enterprise.models import User

    return User.objects.create_user(username=username, first_name=first_name, role=role, password=PASSWORD)


@pytest.fixture
def ana(db: None) -> "User":
    """The admin."""
    return _person("ana", "Ana", "admin")


@pytest.fixture
def ben(db: None) -> "User":
    """A reviewer."""
    return _person("ben", "Ben", "reviewer")


@pytest.fixture
def tom(db: None) -> "User":
    """A tester, who may see nothing but his own."""
    return _person("tom", "Tom", "tester")


@pytest.fixture
def signed_in() -> "Callable[[User], Client]":
    """`signed_in(ana).get(url)`: a browser in which this person has signed in."""
    from django.test import Client

    def sign_in(person: "User") -> Client:
        client = Client()
        client.force_login(person)
        return client

    return sign_in
