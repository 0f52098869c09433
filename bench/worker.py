"""One process that empties a queue: `python -m bench.worker {"variant": "store", "queue": …, "expected": …}`.

It gets ready, says so, waits for a line on its standard input, works, and prints what it took as JSON: so that the
start of Python and Django is outside of the clock.
"""

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

IDLE_SECONDS = 1.5  # after which a consumer that shares a queue with others takes it to be empty
FIRST_SECONDS = 20.0
BATCH = 500
PREFETCH = 1000


@dataclass
class Spent:
    """What a worker reports. Times in seconds; `finished_at` by the machine's monotonic clock."""

    events: int = 0
    finished_at: float = 0.0
    cpu: float = 0.0
    backend_cpu: float = 0.0
    profile: dict[str, Any] = field(default_factory=dict)


def drain(url: str, queue: str, expected: int) -> Iterator[int]:
    """Consume and acknowledge, and do nothing: how fast the broker and pika are."""
    import pika  # noqa: PLC0415

    connection = pika.BlockingConnection(pika.URLParameters(url))
    channel = connection.channel()
    channel.basic_qos(prefetch_count=PREFETCH)
    tags: list[int] = []
    channel.basic_consume(
        queue, lambda _channel, method, _properties, _body: tags.append(method.delivery_tag or 0)
    )
    done = 0
    while done < expected:
        connection.process_data_events(time_limit=1)
        while len(tags) >= BATCH or (tags and done + len(tags) == expected):
            some, tags[:] = tags[:BATCH], tags[BATCH:]
            channel.basic_ack(some[-1], multiple=True)
            done += len(some)
            yield len(some)
    connection.close()


def whole_path(url: str, _queue: str, _expected: int) -> Iterator[int]:
    """The product's consumer; yields 0 when nothing came."""
    from conversations.store import Stored, store  # noqa: PLC0415
    from events.consumer import Consumer  # noqa: PLC0415
    from events.service import look_for_cycles_seldom  # noqa: PLC0415
    from events.sources import from_url  # noqa: PLC0415

    look_for_cycles_seldom()
    count = 0

    def counting(envelopes: Sequence[Any], *, also: Callable[[Stored], None] | None = None) -> Stored:
        nonlocal count
        stored = store(envelopes, also=also)
        count += stored.new + stored.duplicates
        return stored

    consumer = Consumer(from_url(url), threading.Event(), store=counting, wait=0.2)
    try:
        while True:
            before = count
            consumer.step()
            yield count - before
            if consumer.problem:
                raise SystemExit(consumer.problem)
    finally:
        consumer.close()


def naive(url: str, queue: str, expected: int) -> Iterator[int]:
    from bench.naive import consume  # noqa: PLC0415

    return consume(url, queue, expected)


VARIANTS: dict[str, Callable[[str, str, int], Iterator[int]]] = {
    "drain": drain,
    "store": whole_path,
    "naive": naive,
}


def main() -> None:
    options = json.loads(sys.argv[1])
    import django  # noqa: PLC0415
    from django.db import connection  # noqa: PLC0415

    from bench import meters, profiles  # noqa: PLC0415

    django.setup()
    steps = VARIANTS[options["variant"]]
    expected = options["expected"]
    backend = 0
    if options["variant"] != "drain":
        connection.ensure_connection()
        backend = connection.connection.info.backend_pid
    print("ready", flush=True)
    sys.stdin.readline()
    spent = Spent()
    cpu, backend_cpu = time.process_time(), meters.thread_cpu_seconds(backend)
    last = time.monotonic() + FIRST_SECONDS
    with profiles.profiled(backend if options.get("profile") else None, spent.profile):
        for count in steps(options["url"], options["queue"], expected):
            now = time.monotonic()
            if count:
                spent.events += count
                spent.finished_at = last = now
                spent.cpu = time.process_time() - cpu
                spent.backend_cpu = meters.thread_cpu_seconds(backend) - backend_cpu
            if spent.events >= expected > 0 or now - last > IDLE_SECONDS:
                break
    print(json.dumps(asdict(spent)), flush=True)


if __name__ == "__main__":
    main()
