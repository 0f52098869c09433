# ruff: noqa: T201 - a command that tells its progress
"""Record the demo anew: train the assistant, run it, let the customers talk, keep what Rasa published.

    python -m events.demo.record --env-bin ~/.cache/enterprise/rasa-3.6.21/bin --amqp amqp://user:pw@127.0.0.1:5672/

Runs in Rasa's environment (aio_pika is there); bin/record-demo is the command to call. Without `--amqp` Rasa's file
broker is used, whose bodies are the same text without AMQP properties.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import signal
import sys
import tempfile
import threading
import time
import uuid
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import unquote, urlsplit

from events.demo.describe import describe
from events.demo.rasa_server import RasaServer, trained_model
from events.demo.talk import talk

HERE = Path(__file__).resolve().parent
EXPIRY_SECONDS = 6.0


class Recorder:
    """Takes every message of a fanout exchange of its own, in order of arrival, until the block ends."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.name = f"demo-recording-{uuid.uuid4().hex[:12]}"
        self.messages: list[dict[str, Any]] = []
        self._ready = threading.Event()
        self._stop = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def endpoints(self) -> str:
        """The event_broker part of endpoints.yml that publishes to this recorder."""
        parts = urlsplit(self.url)
        broker = {
            "type": "pika",
            "url": f"amqp://{parts.hostname}:{parts.port or 5672}{parts.path}",
            "port": parts.port or 5672,
            "username": unquote(parts.username or "guest"),
            "password": unquote(parts.password or "guest"),
            "exchange_name": self.name,
            "queues": [self.name],
        }
        return f"event_broker: {json.dumps(broker)}\n"

    def __enter__(self) -> Recorder:  # noqa: PYI034 - Self is younger than Python 3.8
        self._thread.start()
        self._ready.wait(60)
        if self._error is not None or not self._ready.is_set():
            raise ConnectionError(f"cannot record from the broker: {self._error or 'no answer in 60 s'}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(60)

    def settle(self, quiet: float = 3.0) -> None:
        """Return when nothing has arrived for `quiet` seconds."""
        seen, since = -1, time.monotonic()
        while time.monotonic() - since < quiet:
            if len(self.messages) != seen:
                seen, since = len(self.messages), time.monotonic()
            time.sleep(0.2)

    def _run(self) -> None:
        try:
            asyncio.run(self._consume())
        except BaseException as error:  # told to the waiting thread
            self._error = error
            self._ready.set()

    async def _consume(self) -> None:
        import aio_pika  # type: ignore[import-not-found]  # noqa: PLC0415 - only where Rasa is installed

        connection = await aio_pika.connect(self.url)
        async with connection:
            channel = await connection.channel()
            exchange = await channel.declare_exchange(self.name, aio_pika.ExchangeType.FANOUT)
            queue = await channel.declare_queue(self.name, durable=True)
            await queue.bind(exchange, "")
            await queue.consume(self._keep, no_ack=True)
            self._ready.set()
            while not self._stop.is_set():
                await asyncio.sleep(0.1)
            await queue.delete(if_unused=False, if_empty=False)
            await exchange.delete()

    async def _keep(self, message: Any) -> None:
        properties = {
            name: value
            for name in ("app_id", "content_encoding", "content_type", "correlation_id", "message_id", "type")
            if (value := getattr(message, name)) is not None
        }
        properties["delivery_mode"] = int(message.delivery_mode)
        if message.headers:
            properties["headers"] = {key: str(value) for key, value in message.headers.items()}
        self.messages.append({"properties": properties, "body": message.body.decode()})


def record(
    env_bin: Path, amqp: str, out: Path, parts: list[tuple[str, int, str]], *, fast: bool, seed: int
) -> list[dict[str, Any]]:
    """Write everything Rasa publishes while the customers of all `parts` talk to `out`, and return it.

    A part is (environment, number of sessions, prefix of its sender ids). Raises RasaError when Rasa does not start.
    """
    started = time.monotonic()
    model = trained_model(env_bin, fast, session_minutes=EXPIRY_SECONDS / 60)
    print(f"trained in {time.monotonic() - started:.0f} s: {model.name}", flush=True)
    messages: list[dict[str, Any]] = []
    for environment, sessions, prefix in parts:
        crowd: dict[str, Any] = {
            "environment": environment,
            "sessions": sessions,
            "prefix": prefix,
            "seed": seed,
        }
        with tempfile.TemporaryDirectory(prefix="demo-recording-") as folder:
            cwd = Path(folder)
            if amqp:
                with Recorder(amqp) as recorder:
                    play(env_bin, model, recorder.endpoints(), cwd, **crowd)
                    recorder.settle()
                messages += recorder.messages
            else:
                endpoints = "event_broker:\n  type: file\n  path: events.log\n"
                play(env_bin, model, endpoints, cwd, **crowd)
                with (cwd / "events.log").open(encoding="utf-8") as log:
                    messages += [{"properties": {}, "body": line.rstrip("\n")} for line in log]
        # Written part by part: what the first crowd said is not lost when the second fails.
        write(messages, out)
        print(f"{environment}: {len(messages)} events after {time.monotonic() - started:.0f} s", flush=True)
    return messages


def play(
    env_bin: Path,
    model: Path,
    endpoints: str,
    cwd: Path,
    *,
    environment: str,
    sessions: int,
    prefix: str,
    seed: int,
) -> None:
    """One Rasa server, one crowd of customers."""
    with RasaServer(env_bin, model, endpoints, cwd=cwd, environment=environment, start_timeout=600) as server:
        started = time.monotonic()
        sent = talk(server.url, sessions, seed, EXPIRY_SECONDS, prefix)
        print(f"{environment}: {sent} messages in {time.monotonic() - started:.0f} s", flush=True)
        time.sleep(3)  # the last reminder


def write(messages: list[dict[str, Any]], out: Path) -> None:
    """Write the recording; the gzip header carries no time, so equal content is an equal file."""
    lines = "".join(json.dumps(message, ensure_ascii=False) + "\n" for message in messages)
    out.write_bytes(gzip.compress(lines.encode(), compresslevel=9, mtime=0))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--env-bin", type=Path, required=True, help="bin folder of the Rasa environment")
    parser.add_argument("--amqp", default="", help="amqp:// URL; without it Rasa's file broker is used")
    parser.add_argument("--sessions", type=int, default=350, help="sessions in the environment production")
    parser.add_argument("--staging", type=int, default=20, help="sessions in the environment staging")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--fast", action="store_true", help="the variant without neural networks")
    parser.add_argument("--out", type=Path, default=HERE / "recording.jsonl.gz")
    options = parser.parse_args()
    # Ended from outside, the servers still have to be taken down.
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(143))
    parts = [("production", options.sessions, "")]
    if options.staging:
        parts.append(("staging", options.staging, "stg-"))
    messages = record(options.env_bin, options.amqp, options.out, parts, fast=options.fast, seed=options.seed)
    report = options.out.with_name("recording.md")
    report.write_text(describe(messages, options.out.stat().st_size), encoding="utf-8")
    print(f"{options.out.name}: {options.out.stat().st_size:,} bytes; {report.name} says what is in it")


if __name__ == "__main__":
    main()
