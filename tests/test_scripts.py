"""The commands around the product: what bin/run says when it cannot start, and what bin/test leaves behind."""

import os
import shutil
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.services import CHECKOUT, missing

SHELL_SCRIPTS = [
    ".ci/run",
    "bin/lib/both-databases",
    "bin/lib/checks.sh",
    "bin/lib/clean-clone",
    "bin/lib/dockerfile-steps",
    "bin/lib/messages",
    "bin/lib/venv.sh",
    "bin/run",
    "bin/test",
]
MANAGE = "import os, sys\nprint('manage.py', *sys.argv[1:], 'in', os.getcwd())\n"


def bare_checkout(folder: Path) -> Path:
    """A checkout that has the real scripts, no requirements and a manage.py that says how it was called."""
    checkout = folder / "a folder with spaces"
    shutil.copytree(CHECKOUT / "bin", checkout / "bin", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("requirements.txt", "requirements-dev.txt"):
        (checkout / name).write_text("# nothing\n")
    (checkout / "manage.py").write_text(MANAGE)
    return checkout


def call(
    command: list[str], checkout: Path, *, code: int | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a script as a person in another folder would; nothing of this test run's own environment leaks in."""
    names = ("HOME", "LANG", "TMPDIR", "PIP_FIND_LINKS")
    kept = {name: os.environ[name] for name in names if name in os.environ}
    # The interpreter that made our own environment stands for the machine's plain python3.
    path = f"{Path(sys._base_executable).parent}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"  # type: ignore[attr-defined]
    done = subprocess.run(
        [str(checkout / command[0]), *command[1:]],
        check=False,
        cwd="/",
        env={**kept, "PATH": path, "PIP_DISABLE_PIP_VERSION_CHECK": "1", **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    if code is not None:
        assert done.returncode == code, done.stdout + done.stderr
    return done


def only_line(done: subprocess.CompletedProcess[str]) -> str:
    """The one line that a failed command printed."""
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    return done.stderr


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def stub(folder: Path, name: str, script: str) -> str:
    """Put a program of that name first on a PATH of its own; the PATH."""
    folder.mkdir(exist_ok=True)
    program = folder / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return f"{folder}:/usr/bin:/bin"


@pytest.mark.parametrize("script", SHELL_SCRIPTS)
def test_a_shell_script_has_no_known_mistakes(script: str) -> None:
    subprocess.run(["bash", "-n", script], cwd=CHECKOUT, check=True)
    if not shutil.which("shellcheck"):
        missing("no shellcheck on this machine")
    found = subprocess.run(
        ["shellcheck", "-x", script], cwd=CHECKOUT, check=False, capture_output=True, text=True
    )
    assert found.stdout == ""


def test_every_script_can_be_called() -> None:
    for script in SHELL_SCRIPTS:
        assert script.endswith(".sh") or os.access(CHECKOUT / script, os.X_OK), script


def test_run_says_that_the_port_is_taken_before_it_installs_anything(tmp_path: Path) -> None:
    checkout = bare_checkout(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        line = only_line(call(["bin/run", "--port", str(port)], checkout, code=1))
    assert f"Port {port} is taken" in line
    assert f"--port {port + 1}" in line
    assert not (checkout / ".venv").exists()


@pytest.mark.parametrize("port", ["0", "65536", "08", "", "web", "-1"])
def test_run_refuses_what_is_no_port(tmp_path: Path, port: str) -> None:
    assert "is no port number" in only_line(
        call(["bin/run", "--port", port], bare_checkout(tmp_path), code=1)
    )


def test_run_refuses_options_that_it_does_not_know(tmp_path: Path) -> None:
    assert "'--demo'" in only_line(call(["bin/run", "--demo"], bare_checkout(tmp_path), code=1))


def test_run_without_python_names_what_is_needed(tmp_path: Path) -> None:
    done = call(
        ["bin/run"], bare_checkout(tmp_path), code=1, PYTHON="python-that-is-not-there", PORT=str(free_port())
    )
    assert "needs Python 3.11 to 3.13" in only_line(done)


@pytest.mark.parametrize("version", ["3.10", "3.14", "2.7"])
def test_run_with_another_python_names_what_is_needed(tmp_path: Path, version: str) -> None:
    path = stub(tmp_path / "stubs", "python3", f"echo {version}")
    line = only_line(call(["bin/run"], bare_checkout(tmp_path), code=1, PATH=path, PORT=str(free_port())))
    assert f"python3 is {version}" in line
    assert "needs Python 3.11 to 3.13" in line


def test_run_without_venv_support_names_the_package_to_install(tmp_path: Path) -> None:
    path = stub(tmp_path / "stubs", "python3", 'case "$*" in *ensurepip*) exit 1 ;; *) echo 3.11 ;; esac')
    line = only_line(call(["bin/run"], bare_checkout(tmp_path), code=1, PATH=path, PORT=str(free_port())))
    assert "python3.11-venv" in line


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bare checkout in which bin/run was called once."""
    checkout = bare_checkout(tmp_path_factory.mktemp("installed"))
    first = call(["bin/run"], checkout, code=0, PORT=str(free_port()))
    assert "Making .venv" in first.stdout
    assert "Installing requirements.txt" in first.stdout
    return checkout


def test_run_hands_over_to_serve_at_once_when_all_is_installed(installed: Path) -> None:
    port = str(free_port())
    call(["bin/run"], installed, code=0, PORT=port)
    # A python that is not there shows that nothing is made, installed or downloaded.
    done = call(["bin/run", "--empty", f"--port={port}"], installed, code=0, PYTHON="none")
    assert done.stdout.splitlines() == [f"manage.py serve --port {port} --empty in {installed}"]
    assert done.stderr == ""


def test_run_installs_again_when_requirements_change(installed: Path) -> None:
    (installed / "requirements.txt").write_text("# other\n")
    assert "Installing requirements.txt" in call(["bin/run"], installed, code=0, PORT=str(free_port())).stdout


def test_run_says_what_to_do_when_a_requirement_cannot_be_had(installed: Path) -> None:
    before = (installed / "requirements.txt").read_text()
    (installed / "requirements.txt").write_text("no-such-package==1.0\n")
    done = call(["bin/run"], installed, code=1, PORT=str(free_port()), PIP_NO_INDEX="1")
    (installed / "requirements.txt").write_text(before)
    assert "Could not install requirements.txt" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_run_makes_the_environment_anew_when_the_checkout_has_moved(installed: Path) -> None:
    moved = installed.rename(installed.with_name("moved"))
    before = (moved / "requirements.txt").read_text()
    (moved / "requirements.txt").write_text("# after the move\n")
    done = call(["bin/run"], moved, code=0, PORT=str(free_port()))
    pip = (moved / ".venv/bin/pip").read_text()
    (moved / "requirements.txt").write_text(before)
    moved.rename(installed)
    assert "Making .venv" in done.stdout
    assert str(moved) in pip


def test_the_image_is_built_by_the_steps_that_are_checked() -> None:
    dockerfile = (CHECKOUT / "Dockerfile").read_text()
    steps = (CHECKOUT / "bin/lib/dockerfile-steps").read_text()
    command = dockerfile.splitlines()[-1].removeprefix("CMD ")
    assert " ".join(part.strip(' "[]') for part in command.split(",")) in steps
    assert "manage.py collectstatic --noinput" in dockerfile
    assert "manage.py collectstatic --noinput" in steps
    assert "USER enterprise" in dockerfile
