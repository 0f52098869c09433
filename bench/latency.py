"""Latency: from publishing to committed, and from the broker to a row on the page.

Every event carries the time at which it was published, as its timestamp. A second connection asks for new rows every
two milliseconds and looks at the clock when it sees them: what it says is too much by up to that pause, never too
little. `received_at`, the service's clock when its batch began, divides the way in two.
"""

import json
import random
import tempfile
import threading
import time
from argparse import ArgumentParser, Namespace
from pathlib import Path

import psycopg

from bench import house, meters
from bench.report import Goal, Report, median, percentile, table
from bench.streams import Message

RATE = 200  # events a second
COMMITTED, VISIBLE = 25.0, 1000.0  # milliseconds, 95th percentile
LOOK = 0.002  # seconds between two looks for new rows
POLL = 0.7  # seconds between two questions of an open list (static/js/sessions/live.js)
QUEUE = "bench-latency"
CONVERSATIONS = 40


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--seconds", type=float, default=0, help="of publishing; default 30; quick 10")
    parser.add_argument("--turns", type=int, default=0, help="whose row is waited for; default 60; quick 20")
    parser.add_argument("--poll", type=float, default=POLL, help="seconds; default %(default)s")


def run(options: Namespace) -> int:
    seconds = options.seconds or (10 if options.quick else 30)
    turns = options.turns or (20 if options.quick else 60)
    report = Report(f"latency: {RATE} events a second for {seconds:g} s, then {turns} turns one by one")
    with house.database("enterprise_bench_latency"), house.Broker() as broker:
        from bench import service, visible  # noqa: PLC0415 - need Django

        broker.queue(QUEUE)
        with service.consuming(broker.source_url(QUEUE)):
            committed = _committed(broker, seconds)
            waits, asks = visible.rows(broker, QUEUE, turns, options.poll)
    fsync = meters.fsync_milliseconds(Path(tempfile.gettempdir()))
    names = ("published to seen committed", "published to taken by the service", "taken to seen committed")
    rows = [
        *zip(names, committed, strict=True),
        ("published to visible row", waits),
        ("answer to one poll", asks),
    ]
    table(
        ("milliseconds", "p50", "p95", "p99", "slowest", "n"),
        [
            (name, *(percentile(values, share) for share in (0.5, 0.95, 0.99)), max(values), len(values))
            for name, values in rows
        ],
    )
    print(
        f"  fdatasync of this disk now: {fsync:.2f} ms (median of 200); rows are looked for every {LOOK * 1000:g} ms;"
    )
    print(
        f"  the page asks every {options.poll:g} s, so that a row waits {options.poll / 2:g} s for that on average"
    )
    report.goals += [
        Goal("publish to committed, p95", percentile(committed[0], 0.95), COMMITTED, " ms"),
        Goal("broker to visible row, p95", percentile(waits, 0.95), VISIBLE, " ms"),
        Goal(
            "the same without the wait for the next poll, p95",
            percentile(committed[0], 0.95) + percentile(asks, 0.95),
            unit=" ms",
        ),
        Goal("the same without the wait, median", median(committed[0]) + median(asks), unit=" ms"),
    ]
    report.close()
    return 0


def _committed(broker: house.Broker, seconds: float) -> tuple[list[float], list[float], list[float]]:
    """Milliseconds per event: all the way, until its batch began, and from there."""
    stop = threading.Event()
    seen: list[tuple[float, float, float]] = []
    watcher = threading.Thread(target=_watch, args=(stop, seen))
    watcher.start()
    try:
        begun = time.monotonic()
        total = int(seconds * RATE)
        for number in range(total):
            time.sleep(max(0.0, begun + number / RATE - time.monotonic()))
            broker.send(event(f"latency-{number % CONVERSATIONS}", number), QUEUE)
        behind = time.monotonic() - begun - total / RATE
        end = time.monotonic() + 30
        while len(seen) < total and time.monotonic() < end:
            time.sleep(0.05)
    finally:
        stop.set()
        watcher.join()
    if len(seen) < total:
        raise SystemExit(f"{total - len(seen)} of {total} events were never committed")
    if behind > 1:
        print(f"  the publisher was {behind:.1f} s behind: the machine is too busy for this rate")
    return (
        [(at - published) * 1000 for at, published, _ in seen],
        [(received - published) * 1000 for _, published, received in seen],
        [(at - received) * 1000 for at, _, received in seen],
    )


def _watch(stop: threading.Event, seen: list[tuple[float, float, float]]) -> None:
    """Collect (time of sight, timestamp, received_at) of new events."""
    from django.conf import settings  # noqa: PLC0415

    database = settings.DATABASES["default"]
    with psycopg.connect(
        host=database["HOST"],
        port=database["PORT"],
        user=database["USER"],
        password=database["PASSWORD"],
        dbname=database["NAME"],
        autocommit=True,
    ) as connection:
        last = 0
        sql = b"SELECT id, timestamp, received_at FROM conversations_event WHERE id > %s ORDER BY id"
        while not stop.is_set():
            rows = connection.execute(sql, [last], prepare=True).fetchall()
            now = time.time()
            for last, published, received in rows:  # noqa: B007 - the last id is where to go on
                seen.append((now, published, received))
            stop.wait(LOOK)


def event(sender: str, number: int) -> Message:
    """An event of a turn, published now: a user message, or one of the five that follow it."""
    body = {"sender_id": sender, "timestamp": time.time(), "metadata": {"model_id": "b5d1"}}
    if number % (6 * CONVERSATIONS) < CONVERSATIONS:
        parse_data = {"intent": {"name": f"ask_{number % 9}", "confidence": random.random()}, "entities": []}
        body |= {
            "event": "user",
            "text": f"message {number}",
            "parse_data": parse_data,
            "input_channel": "rest",
        }
    elif number % 2:
        body |= {"event": "bot", "text": f"answer {number}", "data": {}}
    else:
        body |= {"event": "action", "name": f"utter_{number % 9}", "policy": "TEDPolicy", "confidence": 0.9}
    return Message(json.dumps(body).encode(), "production")
