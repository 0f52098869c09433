"""The command `bin/services`."""

from __future__ import annotations

import argparse
import fcntl
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from private_services import programs
from private_services.kinds import KINDS, Postgres, RabbitMQ
from private_services.servers import Server, ServiceError, UnavailableError

URL_VARIABLES = {"postgres": "TEST_POSTGRES_URL", "rabbitmq": "TEST_AMQP_URL", "redis": "TEST_REDIS_URL"}

DESCRIPTION = """\
Private instances of PostgreSQL, RabbitMQ and Redis on free ports, for development and tests.
Nothing of the machine's own servers is touched.

  start    start them (installing missing Debian packages when root) and wait until each answers
  stop     stop them, keeping their data; with --remove delete it
  env      print export lines:  eval "$(bin/services env)"
  status   say what runs
  install  only install the programs; also takes: chromium, gettext, shellcheck
  run      start fresh ones in a folder of their own, run a command with them, delete them:
           bin/services run -- bash
"""


def main(checkout: Path, arguments: list[str] | None = None) -> int:
    """Carry out one command; the exit code is 0, 1 when something failed, 3 when something is missing here."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments[:1] == ["run"]:
        return run(arguments[2:] if arguments[1:2] == ["--"] else arguments[1:])
    options = _parse(arguments)
    folder = services_folder(checkout)
    if options.verb == "install":
        return 3 if programs.install(options.names or list(programs.DEBIAN_PACKAGES)) else 0
    servers = [KINDS[name](folder / name) for name in options.names or KINDS]
    if options.verb == "env":
        print(
            "\n".join(
                f"export {name}={shlex.quote(value)}" for name, value in variables(folder, servers).items()
            )
        )
        return 0
    with _alone(folder):
        if options.verb == "start":
            return _start(servers)
        if options.verb == "stop":
            if not options.names:
                servers += _left_behind(folder)
            return _stop(servers, remove=options.remove)
        for server in servers:
            print(f"{server.kind:10}{_status(server)}")
    return 0


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bin/services", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("verb", choices=["start", "stop", "env", "status", "install", "run"])
    parser.add_argument("names", nargs="*", metavar="name", help="postgres, rabbitmq, redis (default: all)")
    parser.add_argument("--remove", action="store_true", help="with stop: delete the data too")
    options = parser.parse_args(arguments)
    known = programs.DEBIAN_PACKAGES if options.verb == "install" else KINDS
    for name in options.names:
        if name not in known:
            parser.error(f"no service '{name}': choose from {', '.join(known)}")
    return options


def services_folder(checkout: Path) -> Path:
    """Where the servers of this checkout, or of the run that set SERVICES_DIR, live."""
    return Path(os.environ.get("SERVICES_DIR") or checkout / "var" / "services").absolute()


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Let commands on the same folder take turns."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _start(servers: list[Server]) -> int:
    programs.install([server.kind for server in servers if not server.state_file.exists()])
    with ThreadPoolExecutor() as pool:
        return max(pool.map(_start_one, servers), default=0)


def _start_one(server: Server) -> int:
    began = time.monotonic()
    try:
        server.start()
    except UnavailableError as problem:
        print(f"{problem}", file=sys.stderr)
        return 3
    except (ServiceError, OSError) as problem:
        print(f"{server.kind} did not start: {problem}", file=sys.stderr)
        return 1
    print(f"{server.kind} answers on port {server.port} ({time.monotonic() - began:.1f} s)", flush=True)
    return 0


def _stop(servers: list[Server], *, remove: bool) -> int:
    with ThreadPoolExecutor() as pool:
        list(pool.map(Server.remove if remove else Server.stop, servers))
    return 0


def _left_behind(folder: Path) -> list[Server]:
    """Servers of single tests whose run was killed: they lie deeper in the same folder."""
    return [KINDS[path.parent.name](path.parent) for path in folder.glob("private/*/*/state.json")]


def _status(server: Server) -> str:
    if not server.state_file.exists():
        return "never started"
    if not server.running:
        return "stopped"
    return (
        f"answers on port {server.port}" if server.answers else f"runs on port {server.port}, does not answer"
    )


def variables(folder: Path, servers: list[Server]) -> dict[str, str]:
    """The environment that tells tests where the servers are; servers that do not run are left out."""
    values = {"SERVICES_DIR": str(folder)}
    for server in servers:
        if not server.running:
            continue
        name = server.kind.upper()
        values[URL_VARIABLES[server.kind]] = server.url
        values[f"TEST_{name}_HOME"] = str(server.home)
        if not server.state.engine:
            values[f"TEST_{name}_PID"] = str(server.pid)
        if isinstance(server, RabbitMQ):
            values["TEST_RABBITMQCTL"] = shlex.join(server.control)
        if isinstance(server, Postgres):
            # Whoever set it already, SQLite say, wants the tests of the database-independent code there.
            values["TEST_DATABASE_URL"] = os.environ.get("TEST_DATABASE_URL", server.url)
    return values


def run(command: list[str]) -> int:
    """Run a command beside servers of its own, which are deleted at the end however it ends; its exit code."""
    if not command:
        print("bin/services run: no command given", file=sys.stderr)
        return 2
    # Ended from outside, we still have servers to take down.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _frame: sys.exit(128 + number))
    with tempfile.TemporaryDirectory(prefix="enterprise-") as name:
        folder = Path(name)
        folder.chmod(0o711)  # the account that PostgreSQL runs as has to pass
        servers = [kind(folder / kind.kind) for kind in KINDS.values()]
        try:
            _start(servers)
            return _run(command, {**os.environ, **variables(folder, servers)})
        except KeyboardInterrupt:
            return 130
        finally:
            _stop(servers + _left_behind(folder), remove=True)


def _run(command: list[str], environment: dict[str, str]) -> int:
    child = subprocess.Popen(command, env=environment)
    while True:
        try:
            code = child.wait()
            return code if code >= 0 else 128 - code
        except KeyboardInterrupt:
            continue  # the terminal has told the child as well: it ends as it likes
        except SystemExit:
            child.terminate()
            child.wait()
            raise
