"""The same servers in containers, for a machine that has an engine but not the programs."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence

IMAGES = {"postgres": "postgres:17", "rabbitmq": "rabbitmq:4", "redis": "redis:7"}
INNER_PORTS = {"postgres": 5432, "rabbitmq": 5672, "redis": 6379}


def create(
    engine: str, name: str, kind: str, port: int, environment: Mapping[str, str], arguments: Sequence[str]
) -> None:
    """Create, but do not start, a container that answers on `port` of the loopback address only."""
    variables = [word for key, value in environment.items() for word in ("-e", f"{key}={value}")]
    publish = f"127.0.0.1:{port}:{INNER_PORTS[kind]}"
    call(engine, "create", "--name", name, "-p", publish, *variables, IMAGES[kind], *arguments)


def call(engine: str, *arguments: str) -> str:
    """Run one command of the engine; its output. Raises CalledProcessError with the engine's words."""
    return subprocess.run([engine, *arguments], check=True, capture_output=True, text=True).stdout


def status(engine: str, name: str) -> str:
    """'running', 'paused', 'exited' and so on, or '' when there is no such container."""
    answer = subprocess.run(
        [engine, "inspect", "-f", "{{.State.Status}}", name], capture_output=True, text=True, check=False
    )
    return answer.stdout.strip() if answer.returncode == 0 else ""
