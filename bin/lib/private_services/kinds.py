"""What PostgreSQL, RabbitMQ and Redis each need to run as a private server."""

from __future__ import annotations

import secrets
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from private_services import programs
from private_services.servers import Server, ServiceError, State


class Postgres(Server):
    """PostgreSQL with its default settings, fsync included; the URL is the superuser's."""

    kind = "postgres"
    program = "postgres"
    account = "postgres"
    # A startup message; "R" asks for the password, while a server that is not ready answers "E".
    hello = b"\0\0\0\x29\0\3\0\0user\0postgres\0database\0postgres\0\0"
    welcome = b"R"
    stop_signal = signal.SIGINT  # the "fast" shutdown: does not wait for clients to leave

    @property
    def url(self) -> str:
        return f"postgresql://postgres:{self.state.password}@127.0.0.1:{self.port}/postgres"

    def _tool(self, name: str) -> str:
        return str(Path(programs.find("postgres") or "").parent / name)

    def prepare(self, state: State) -> None:
        # C.UTF-8 knows letters beyond ASCII and is on every Debian; macOS lacks it.
        locale = "en_US.UTF-8" if sys.platform == "darwin" else "C.UTF-8"
        options = ["--username=postgres", "--auth=scram-sha-256", "--encoding=UTF8", f"--locale={locale}"]
        password = Path(state.home) / "password"  # a file, so that it stands in no list of processes
        password.touch(mode=0o600)
        password.write_text(state.password)
        shutil.chown(password, Path(state.home).stat().st_uid)
        done = subprocess.run(
            # --no-sync concerns only these first files: the server itself runs with fsync on.
            [self._tool("initdb"), "-D", f"{state.home}/data", f"--pwfile={password}", "--no-sync", *options],
            cwd=state.home,
            env=self.environment(state),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            **self._identity(),  # type: ignore[call-overload]
        )
        password.unlink()
        if done.returncode:
            raise ServiceError(f"initdb failed:\n{done.stdout}")

    def command(self, state: State) -> list[str]:
        settings = ["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]
        return [self._tool("postgres"), "-D", f"{state.home}/data", "-p", str(state.port), *settings]

    def container_arguments(self, state: State) -> tuple[dict[str, str], list[str]]:
        return {"POSTGRES_PASSWORD": state.password}, []


class RabbitMQ(Server):
    """RabbitMQ with its own node name, cookie and port mapper, so that no other node is touched or found."""

    kind = "rabbitmq"
    program = "rabbitmq-server"
    hello = b"AMQP\0\0\x09\x01"
    welcome = b"\x01\0\0"  # Connection.Start
    more_ports = 2  # between nodes, and Erlang's port mapper

    @property
    def url(self) -> str:
        return f"amqp://enterprise:{self.state.password}@127.0.0.1:{self.port}/%2F"

    @property
    def control(self) -> list[str]:
        """The `rabbitmqctl` of this server, to which arguments are appended."""
        state = self.state
        if state.engine:
            return [state.engine, "exec", state.container, "rabbitmqctl"]
        return [f"{state.home}/rabbitmqctl"]

    def ctl(self, *arguments: str, timeout: float = 60) -> str:
        """What `rabbitmqctl ARGUMENTS` prints. Raises CalledProcessError. Takes a second or two."""
        return subprocess.run(
            [*self.control, *arguments], check=True, capture_output=True, text=True, timeout=timeout
        ).stdout

    def environment(self, state: State) -> dict[str, str]:
        home, (between_nodes, mapper) = state.home, state.more_ports
        return {
            **super().environment(state),
            "RABBITMQ_NODENAME": f"enterprise{state.port}@localhost",
            "RABBITMQ_DIST_PORT": str(between_nodes),
            "ERL_EPMD_PORT": str(mapper),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_CONF_ENV_FILE": f"{home}/none",
            "RABBITMQ_CONFIG_FILE": f"{home}/rabbitmq.conf",
            "RABBITMQ_ADVANCED_CONFIG_FILE": f"{home}/none.config",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{home}/enabled_plugins",
            "RABBITMQ_MNESIA_BASE": f"{home}/data",
            "RABBITMQ_LOG_BASE": f"{home}/logs",
            "RABBITMQ_GENERATED_CONFIG_DIR": f"{home}/generated",
            "RABBITMQ_PID_FILE": f"{home}/pid",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            # RabbitMQ's start script then becomes the server, instead of standing between us and its signals.
            "detached": "true",
        }

    def prepare(self, state: State) -> None:
        home = Path(state.home)
        cookie = home / ".erlang.cookie"
        cookie.write_text(secrets.token_hex(16))
        cookie.chmod(0o400)
        (home / "enabled_plugins").write_text("[].\n")
        settings = home / "rabbitmq.conf"
        settings.touch(mode=0o600)
        settings.write_text(
            f"listeners.tcp.1 = 127.0.0.1:{state.port}\n"
            f"default_user = enterprise\ndefault_pass = {state.password}\n"
        )
        exports = [f"export {name}={shlex.quote(value)}" for name, value in self.environment(state).items()]
        control = home / "rabbitmqctl"
        program = shlex.quote(programs.find("rabbitmqctl") or "rabbitmqctl")
        control.write_text("\n".join(["#!/bin/sh", *exports, f'exec {program} "$@"', ""]))
        control.chmod(0o700)

    def command(self, state: State) -> list[str]:
        # A port mapper that Erlang starts by itself would outlive the server; as its child it goes with it.
        mapper = (
            f"{shlex.quote(programs.find('epmd') or 'epmd')} -port {state.more_ports[1]} -address 127.0.0.1"
        )
        return ["sh", "-c", f'{mapper} & exec "$0"', programs.find("rabbitmq-server") or "rabbitmq-server"]

    def container_arguments(self, state: State) -> tuple[dict[str, str], list[str]]:
        return {"RABBITMQ_DEFAULT_USER": "enterprise", "RABBITMQ_DEFAULT_PASS": state.password}, []


class Redis(Server):
    """Redis as a cache: nothing is written to disk."""

    kind = "redis"
    program = "redis-server"
    hello = b"PING\r\n"
    welcome = b"-NOAUTH"  # it listens, and wants the password

    @property
    def url(self) -> str:
        return f"redis://default:{self.state.password}@127.0.0.1:{self.port}/0"

    def prepare(self, state: State) -> None:
        settings = Path(state.home) / "redis.conf"
        settings.touch(mode=0o600)
        settings.write_text(
            f'bind 127.0.0.1\nport {state.port}\nrequirepass {state.password}\nsave ""\nappendonly no\n'
        )

    def command(self, state: State) -> list[str]:
        return [programs.find("redis-server") or "redis-server", f"{state.home}/redis.conf"]

    def container_arguments(self, state: State) -> tuple[dict[str, str], list[str]]:
        return {}, ["redis-server", "--requirepass", state.password]


KINDS: dict[str, type[Server]] = {server.kind: server for server in (Postgres, RabbitMQ, Redis)}
