"""A set-up that does not fit is one line that names the setting, never only a traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.services import CHECKOUT


def run(folder: Path, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return subprocess.run(
        [sys.executable, "manage.py", *command],
        cwd=CHECKOUT,
        env=kept | {"DATA_DIR": str(folder)} | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("DATABASE_URL", "postgress://user:secret@host/name"),
        ("DATABASE_URL", "postgresql://user:secret@host:secret/name"),
        ("DATABASE_URL", "sqlite:////nowhere/at/all.db"),
        ("DATABASE_URL", "postgresql://user:secret@127.0.0.1:1/name"),
        ("PORT", "many"),
        ("SECRET_KEY_FILE", "/nowhere/at/all"),
        ("LOG_FORMAT", "poem"),
        ("DATA_DIR", "/dev/null/folder"),
    ],
)
@pytest.mark.parametrize("command", ["migrate", "create_user"])
def test_a_setting_that_does_not_fit_is_named_in_one_line(
    tmp_path: Path, command: str, setting: str, value: str
) -> None:
    arguments = ["nina"] if command == "create_user" else []
    done = run(tmp_path, command, *arguments, **{setting: value})
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert len(lines) == 1
    assert setting.removesuffix("_FILE") in lines[0]
    assert "secret" not in done.stderr


def test_migrate_refuses_a_database_of_a_newer_version_and_changes_nothing(tmp_path: Path) -> None:
    import sqlite3

    assert run(tmp_path, "migrate", "-v", "0").returncode == 0
    with sqlite3.connect(tmp_path / "enterprise.db") as database:
        database.execute(
            "INSERT INTO django_migrations (app, name, applied) VALUES ('enterprise', '9999_jet_packs', '2099-01-01')"
        )
    database.close()
    done = run(tmp_path, "migrate")
    assert done.returncode == 1
    assert "newer version" in done.stderr
    assert "enterprise.9999_jet_packs" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", [["create_user", "nina"], ["sign_in_link", "nina"], ["demo", "load"]])
def test_a_command_on_an_empty_database_says_to_migrate_it(tmp_path: Path, command: list[str]) -> None:
    done = run(tmp_path, *command)
    assert done.returncode == 1
    assert done.stderr.strip().splitlines() == [
        "The database cannot be used: the schema is older than this version: run `manage.py migrate`."
    ]
