"""Ten processes may migrate one database at once: one works, the rest wait and find nothing to do."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services import CHECKOUT, private


@pytest.fixture(params=["sqlite", "postgres"])
def empty_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'ten.db'}"
        return
    with private("postgres") as server:
        yield server.url


def test_ten_migrate_at_once_and_one_works(empty_database: str, tmp_path: Path) -> None:
    environment = {**os.environ, "DATABASE_URL": empty_database, "DATA_DIR": str(tmp_path)}
    environment |= {"DJANGO_SETTINGS_MODULE": "enterprise.settings", "SECRET_KEY": "x"}
    started = [
        subprocess.Popen(
            [sys.executable, "manage.py", "migrate", "--no-color"],
            cwd=CHECKOUT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(10)
    ]
    outputs = [process.communicate(timeout=240)[0] for process in started]
    assert [process.returncode for process in started] == [0] * 10, outputs
    workers = [output for output in outputs if "Applying enterprise.0001_initial... OK" in output]
    assert len(workers) == 1
    assert sum("No migrations to apply" in output for output in outputs) == 9
    assert any("waiting for it" in output for output in outputs)
