"""A private server of any kind: its folder, free ports, password, and process (or container)."""

from __future__ import annotations

import json
import os
import pwd
import random
import re
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import ClassVar

from private_services import containers, processes, programs

READY_SECONDS = 90.0
STOP_SECONDS = 30.0
# Shell scripts of Erlang and RabbitMQ break on paths with blanks and the like.
UNSAFE = re.compile(r"[^A-Za-z0-9_./+-]")


class ServiceError(RuntimeError):
    """A server did not do as told; the text says what its log says."""


class UnavailableError(ServiceError):
    """This machine has neither the program nor a container engine that answers."""


@dataclass
class State:
    """What outlives the command that started a server: kept in `state.json`, so that a restart keeps the address."""

    port: int
    more_ports: list[int]
    password: str
    home: str  # the folder of the server's data and log
    engine: str = ""  # the container engine that runs it; "" when it is a process of this machine
    container: str = ""
    pid: int = 0
    born: str = ""


class Server:
    """A private server under `folder`. Every method returns when its effect is there: `start` when the server answers."""

    kind: ClassVar[str]
    program: ClassVar[str]
    hello: ClassVar[bytes]  # what a client says first,
    welcome: ClassVar[bytes]  # and how a server that is ready begins its answer
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    account: ClassVar[str] = "root"  # whom it runs as when we are root
    more_ports: ClassVar[int] = 0

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()

    # What each kind says of itself

    @property
    def url(self) -> str:
        """The address with credentials, as clients take it."""
        raise NotImplementedError

    def prepare(self, state: State) -> None:
        """Fill the fresh `state.home`."""
        raise NotImplementedError

    def command(self, state: State) -> list[str]:
        """The command that runs the server in the foreground."""
        raise NotImplementedError

    def environment(self, state: State) -> dict[str, str]:
        """The whole environment of the server: nothing of the user's own set-up leaks in."""
        kept = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}
        return {**kept, "HOME": state.home, "LANG": "C.UTF-8"}

    def container_arguments(self, state: State) -> tuple[dict[str, str], list[str]]:
        """Environment and arguments for the official image."""
        raise NotImplementedError

    # What all have in common

    @property
    def state_file(self) -> Path:
        return self.folder / "state.json"

    @property
    def state(self) -> State:
        """What is remembered of this server. Raises ServiceError when it was never started."""
        try:
            return State(**json.loads(self.state_file.read_text()))
        except FileNotFoundError:
            raise ServiceError(f"{self.kind} was not started in {self.folder}") from None

    def _save(self, state: State) -> None:
        new = self.state_file.with_suffix(".new")
        new.touch(mode=0o600)
        new.write_text(json.dumps(asdict(state), indent=1))
        new.replace(self.state_file)

    @property
    def home(self) -> Path:
        """The folder of the server's data."""
        return Path(self.state.home)

    @property
    def log(self) -> Path:
        """The server's own words (a process only: a container's engine keeps them)."""
        return self.home / "log"

    @property
    def port(self) -> int:
        return self.state.port

    @property
    def pid(self) -> int:
        """The number of the running server's process. Raises ServiceError when it does not run or is a container."""
        process = self._process()
        if process is None:
            raise ServiceError(f"{self.kind} has no process here")
        return process.pid

    def _process(self) -> processes.Process | None:
        if not self.state_file.exists():
            return None
        state = self.state
        return processes.find(state.pid, state.born) if state.pid else None

    @property
    def running(self) -> bool:
        """Whether there is a process or container, paused ones included."""
        if self.state_file.exists() and (state := self.state).engine:
            return containers.status(state.engine, state.container) in ("running", "paused")
        return self._process() is not None

    @property
    def answers(self) -> bool:
        """Whether the server takes clients now."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=2) as connection:
                connection.sendall(self.hello)
                return connection.recv(64).startswith(self.welcome)
        except OSError:
            return False

    def start(self) -> None:
        """Start, or make sure that it runs; return when it answers. Raises UnavailableError or ServiceError."""
        if not self.running:
            state = self._known_state() or self._create()
            if state.engine:
                self._engine("start")
            else:
                self._launch(state)
        deadline = time.monotonic() + READY_SECONDS
        while not self.answers:
            if not self.running:
                raise ServiceError(f"{self.kind} ended while starting:\n{self._tail()}")
            if time.monotonic() > deadline:
                raise ServiceError(
                    f"{self.kind} did not answer within {READY_SECONDS:.0f} s:\n{self._tail()}"
                )
            time.sleep(0.05)

    def _known_state(self) -> State | None:
        """The state of an earlier start, unless its data went (a cleaned folder for temporary files, a removed container)."""
        if not self.state_file.exists():
            return None
        state = self.state
        if state.engine:
            return state if containers.status(state.engine, state.container) else None
        return state if Path(state.home).is_dir() else None

    def _create(self) -> State:
        self.folder.mkdir(parents=True, exist_ok=True)
        ports = free_ports(1 + self.more_ports)
        state = State(port=ports[0], more_ports=ports[1:], password=secrets.token_hex(12), home="")
        if programs.find(self.program):
            state.home = str(self._new_home())
            self.prepare(state)
        elif engine := programs.container_engine():
            state.home = str(self.folder)
            state.engine, state.container = engine, f"enterprise-{self.kind}-{secrets.token_hex(4)}"
            variables, arguments = self.container_arguments(state)
            containers.create(engine, state.container, self.kind, state.port, variables, arguments)
        else:
            raise UnavailableError(
                f"{self.kind}: no program {self.program} and no container engine that answers"
            )
        self._save(state)
        return state

    def _new_home(self) -> Path:
        """A folder that the server can live in: ours, or one for temporary files when ours has blanks or is closed to it."""
        owner = pwd.getpwnam(self.account) if os.geteuid() == 0 else None
        needs_open = owner is not None and owner.pw_uid != 0
        for parent in (self.folder, Path(tempfile.gettempdir()), Path("/var/tmp")):
            if UNSAFE.search(str(parent)) or (needs_open and not open_to_all(parent)):
                continue
            if parent == self.folder:
                home = parent / "home"
                shutil.rmtree(home, ignore_errors=True)  # left by a start that was cut off
                home.mkdir()
            else:
                home = Path(tempfile.mkdtemp(prefix=f"enterprise-{self.kind}-", dir=parent))
            home.chmod(0o755)
            if owner:
                os.chown(home, owner.pw_uid, owner.pw_gid)
            return home
        raise ServiceError(f"{self.kind}: no folder without blanks that {self.account} can reach")

    def _identity(self) -> dict[str, str | list[str]]:
        """How subprocess runs a command as the server's account."""
        if os.geteuid() != 0 or self.account == "root":
            return {}
        return {"user": self.account, "group": self.account, "extra_groups": []}

    def _launch(self, state: State) -> None:
        with (Path(state.home) / "log").open("ab") as log:
            child = subprocess.Popen(
                self.command(state),
                cwd=state.home,
                env=self.environment(state),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C in the terminal is for the user's command, not for the server
                **self._identity(),  # type: ignore[call-overload]
            )
        process = processes.running().get(child.pid)
        # It may outlive us, or be collected by processes.collect: Popen shall not warn of either.
        child.returncode = 0
        if process is None:
            raise ServiceError(f"{self.kind} ended at once:\n{self._tail(state)}")
        state.pid, state.born = process.pid, process.born
        self._save(state)

    def stop(self) -> None:
        """Shut down in order, as an operator would; harmless when it does not run."""
        if self.state_file.exists() and self.state.engine:
            if self.running:
                self.resume()
                self._engine("stop")
            return
        process = self._process()
        if process is None:
            return
        members = processes.family(process)
        processes.send(members, signal.SIGCONT)
        processes.send([process], self.stop_signal)
        processes.await_end([process], STOP_SECONDS)
        processes.send([one for one in members if processes.find(*_key(one))], signal.SIGKILL)
        processes.await_end(members, STOP_SECONDS)

    def restart(self) -> None:
        """An orderly stop and a start at the same address, with the same data."""
        self.stop()
        self.start()

    def kill(self) -> None:
        """End it at once with all that it forked (SIGKILL), as a crash of the machine would, the disk's cache apart."""
        if self.state.engine:
            self._engine("kill")
            return
        members = self._family()
        processes.send(members, signal.SIGKILL)
        processes.await_end(members, STOP_SECONDS)

    def pause(self) -> None:
        """Freeze it and all that it forked (SIGSTOP): connections stay open, nobody answers."""
        if self.state.engine:
            self._engine("pause")
            return
        processes.send(self._family(), signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused server go on; harmless when it is not paused."""
        if self.state.engine:
            if containers.status(self.state.engine, self.state.container) == "paused":
                self._engine("unpause")
            return
        processes.send(self._family(), signal.SIGCONT)

    def remove(self) -> None:
        """Stop it and delete its data for good."""
        if not self.state_file.exists():
            return
        state = self.state
        if state.engine:
            if containers.status(state.engine, state.container):
                self._engine("rm", "-f", "-v")
        else:
            self.stop()
            shutil.rmtree(state.home, ignore_errors=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _family(self) -> list[processes.Process]:
        process = self._process()
        if process is None:
            raise ServiceError(f"{self.kind} does not run")
        return processes.family(process)

    def _engine(self, *verb: str) -> None:
        containers.call(self.state.engine, *verb, self.state.container)

    def _tail(self, state: State | None = None) -> str:
        state = state or self.state
        if state.engine:
            return containers.call(state.engine, "logs", "--tail", "15", state.container)
        lines = (Path(state.home) / "log").read_text(errors="replace").splitlines()[-15:]
        return "\n".join(f"  {line}" for line in lines)


def free_ports(count: int) -> list[int]:
    """Ports that nobody uses now, below those that systems hand out to outgoing connections.

    A restart therefore finds its port free again.
    """
    found: list[int] = []
    while len(found) < count:
        port = random.randint(20000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in found:
            found.append(port)
    return found


def open_to_all(folder: Path) -> bool:
    """Whether any user may pass through the folder and all above it."""
    return all(part.stat().st_mode & 0o001 for part in (folder, *folder.parents))


def _key(process: processes.Process) -> tuple[int, str]:
    return process.pid, process.born
