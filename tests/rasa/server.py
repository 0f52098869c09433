"""Start, talk to and stop a real Rasa server in end-to-end tests.

    env_bin = rasa_env()                      # None where no Python 3.8 to 3.10 exists
    model = trained_model(env_bin, fast=True)
    with RasaServer(env_bin, model, endpoints_yaml, cwd=tmp_path) as rasa:
        rasa.say("web-1", "hello", channel="webchat")

The implementation is shared with the recorder of the demo, which does the same at length.
"""

import subprocess
from pathlib import Path

from events.demo.rasa_server import RasaError, RasaServer, free_port, trained_model

__all__ = [
    "RasaError",
    "RasaServer",
    "file_broker",
    "free_port",
    "pika_broker",
    "rasa_env",
    "sql_broker",
    "trained_model",
]

ROOT = Path(__file__).resolve().parents[2]
NO_PYTHON = 3


def rasa_env() -> Path | None:
    """The bin folder of the Rasa environment, made now if need be; None where no suitable Python exists.

    Takes one to three minutes the first time. Raises RasaError when the installation fails.
    """
    done = subprocess.run(
        [ROOT / "bin" / "rasa-env"], capture_output=True, text=True, timeout=1200, check=False
    )
    if done.returncode == NO_PYTHON:
        return None
    if done.returncode:
        raise RasaError(f"bin/rasa-env failed ({done.returncode}):\n{done.stderr}")
    return Path(done.stdout.splitlines()[-1])


def pika_broker(
    host: str,
    port: int,
    username: str,
    password: str,
    *,
    vhost: str = "/",
    exchange: str = "rasa-exchange",
    queue: str,
) -> str:
    """The text of endpoints.yml that makes Rasa publish to RabbitMQ, with `queue` in its own list of queues."""
    return (
        "event_broker:\n"
        "  type: pika\n"
        f"  url: amqp://{host}:{port}/{vhost.replace('/', '%2F')}\n"
        f"  port: {port}\n"
        f"  username: {username}\n"
        f"  password: {password}\n"
        f"  exchange_name: {exchange}\n"
        f"  queues: [{queue}]\n"
    )


def sql_broker(database: Path) -> str:
    """The text of endpoints.yml that makes Rasa fill the table `events` of a SQLite file."""
    return f"event_broker:\n  type: sql\n  dialect: sqlite\n  db: {database}\n"


def file_broker(log: Path) -> str:
    """The text of endpoints.yml that makes Rasa append its events to a log file."""
    return f"event_broker:\n  type: file\n  path: {log}\n"
