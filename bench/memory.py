"""Memory of the event service: over very many events of 2 kB, and through a stretch of bodies of 1 MB.

The queue is filled in portions while the service empties it, so that neither broker nor disk holds much at a time;
the database keeps what was stored, two to three kilobytes an event, until the end.
"""

import json
import random
import shutil
import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from itertools import islice

from bench import house, meters, streams
from bench.report import Goal, Report, table

LIMIT = 150  # MB
BODY = 2000  # bytes
PORTION = 20_000  # messages that are published before the service must have come near
LARGE = 1_000_000  # bytes
FREE = 3  # bytes of disk that must be there for each byte published
QUEUE = "bench-memory"


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--events", type=int, default=0, help="default 1,000,000; quick 100,000")
    parser.add_argument("--large", type=int, default=200, help="bodies of 1 MB")


def run(options: Namespace) -> int:
    n_events = options.events or (100_000 if options.quick else 1_000_000)
    report = Report(f"memory: {n_events:,} events of {BODY:,} bytes, {options.large} bodies of 1 MB")
    free = shutil.disk_usage(tempfile.gettempdir()).free
    if free < n_events * BODY * FREE:
        raise SystemExit(
            f"too little disk: {free / 1e9:.0f} GB free, {n_events * BODY * FREE / 1e9:.0f} wanted"
        )
    with house.database("enterprise_bench_memory"), house.Broker() as broker:
        from bench import service  # noqa: PLC0415 - needs Django

        broker.queue(QUEUE)
        measured = []
        with service.consuming(broker.source_url(QUEUE)) as pid:
            measured.append(("connected", meters.peak_memory(pid)))
            messages = _padded(n_events)
            published = 0
            tenth = max(1, n_events // 10)
            while portion := list(islice(messages, min(PORTION, tenth))):
                published += broker.publish(portion, wait=False)
                service.await_stored(published - PORTION)
                if published % tenth == 0:
                    measured.append((f"{published:,} events published", meters.peak_memory(pid)))
            service.await_stored(published)
            small = meters.peak_memory(pid)
            measured.append((f"{published:,} events of 2 kB stored", small))
            published += broker.publish(_large(options.large), wait=False)
            service.await_stored(published, idle=120)
            large = meters.peak_memory(pid)
            measured.append((f"and {options.large} bodies of 1 MB", large))
    table(("consume_events", "peak MB"), [(name, size / 1e6) for name, size in measured])
    report.goals += [
        Goal(f"peak over {n_events:,} events of 2 kB", small / 1e6, LIMIT, " MB"),
        Goal(f"peak through {options.large} bodies of 1 MB", large / 1e6, LIMIT, " MB"),
    ]
    report.close()
    return 0


def _padded(n_events: int) -> Iterator[streams.Message]:
    """Recorded conversations whose bodies are filled up with metadata; what is larger by nature stays."""
    choice = random.Random(2)
    filling = "".join(choice.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=BODY))
    for body, app_id in streams.stream(streams.sources().conversations, n_events, seed=2):
        room = BODY - len(body) - len(', "padding": ""')
        padding = f', "padding": "{filling[:room]}"'.encode() if room > 0 else b""
        yield streams.Message(body[:-1] + padding + b"}", app_id)


def _large(count: int) -> Iterator[streams.Message]:
    """Half of them one long text, half of them many small things, as a custom payload may bring."""
    for number in range(count):
        event = {"sender_id": f"large-{number % 7}", "event": "bot", "timestamp": streams.BEGIN + number}
        if number % 2:
            event |= {"text": "word " * (LARGE // 5), "data": {}}
        else:
            things = [{"title": f"thing {index}", "price": index / 7} for index in range(LARGE // 50)]
            event |= {"text": "look at these", "data": {"custom": things}}
        yield streams.Message(json.dumps(event).encode())
