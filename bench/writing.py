"""Writing: from the queue into the database, beside doing nothing and beside the naive way.

One interleaved run: the variants take turns, each on tables that are empty and queues that hold the same messages.
Ratios are of that run; processor time is of the private servers' processes and of the worker.
"""

import json
import subprocess
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import house, rows, streams
from bench.meters import Servers
from bench.report import Goal, Report, median, number, raw, table

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Variant:
    """A way to empty a queue: what `bench.worker` calls it, and with how many processes."""

    name: str
    worker: str
    queue: str
    processes: int = 1


DRAIN = Variant("a: drain only", "drain", "bench-drain")
WHOLE = Variant("b: whole path", "store", "bench-store")
TWO = Variant("c: two processes", "store", "bench-two", processes=2)
NAIVE = Variant("d: naive ORM", "naive", "bench-naive")


@dataclass
class Measured:
    """Repetitions of a variant; processor time in microseconds per event."""

    rates: list[float] = field(default_factory=list)
    client: list[float] = field(default_factory=list)
    backend: list[float] = field(default_factory=list)
    postgres: list[float] = field(default_factory=list)
    broker: list[float] = field(default_factory=list)


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--events", type=int, default=0, help="default 200,000; quick 20,000")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--naive", type=int, default=0, help="events of the naive path; default 5,000")
    parser.add_argument("--late", type=int, default=10_000, help="events of the long session, and late ones")
    parser.add_argument(
        "--profile", action="store_true", help="only the whole path once: where its time goes"
    )


def run(options: Namespace) -> int:
    n_events = options.events or (20_000 if options.quick else 200_000)
    n_naive = min(n_events, options.naive or 5_000)
    found = streams.sources()
    messages = list(streams.stream(found.conversations, n_events))
    report = Report(f"writing: {n_events:,} events from {found.names}")
    size = sum(len(message.body) for message in messages) / n_events
    senders = [json.loads(message.body)["sender_id"] for message in messages]
    print(
        f"  {size:,.0f} bytes a body, {len(set(senders)):,} conversations, "
        f"{median(streams.at_once(senders)):.0f} at once (median)"
    )
    with house.database("enterprise_bench_writing"), house.Broker() as broker:
        if options.profile:
            _profile(broker, messages)
            return 0
        measured, is_right = _take_turns(broker, messages, n_naive, options.repetitions)
        _print(measured)
        _judge(report, measured)
        from bench import late  # noqa: PLC0415 - needs Django

        late.run(report, options.late)
    report.close()
    if not is_right:
        print("  The rows of some variants are WRONG: see above.")
    return 0 if is_right else 1


def _take_turns(
    broker: house.Broker, messages: Sequence[streams.Message], n_naive: int, repetitions: int
) -> tuple[dict[Variant, Measured], bool]:
    measured = {variant: Measured() for variant in (DRAIN, WHOLE, TWO, NAIVE)}
    expected: rows.Fingerprint | None = None
    is_right = True
    for variant in (DRAIN, WHOLE, TWO):
        broker.queue(variant.queue)
    for turn in range(repetitions):
        broker.publish(messages)
        for variant in (DRAIN, WHOLE, TWO):
            _measure(measured[variant], broker, variant, len(messages))
            if variant.worker != "store":
                continue
            found = rows.fingerprint()
            problems = rows.problems(found, len(messages), expected)
            expected = expected or found
            is_right = is_right and not problems
            for problem in problems:
                print(f"  WRONG ROWS, {variant.name}, repetition {turn + 1}: {problem}", flush=True)
    broker.queue(NAIVE.queue)
    for _ in range(repetitions):
        broker.publish(messages[:n_naive], NAIVE.queue)
        _measure(measured[NAIVE], broker, NAIVE, n_naive)
    if expected:
        print(f"  rows of every whole path: {expected}")
    return measured, is_right


def _measure(into: Measured, broker: house.Broker, variant: Variant, n_events: int) -> dict[str, Any]:
    house.empty_tables()
    servers = Servers.of_this_run()
    servers.settle()
    spent, seconds, (postgres, rabbitmq) = work(broker, variant, n_events, servers)
    micro = 1e6 / n_events
    into.rates.append(n_events / seconds)
    into.client.append(sum(one["cpu"] for one in spent) * micro)
    into.backend.append(sum(one["backend_cpu"] for one in spent) * micro)
    into.postgres.append(postgres * micro)
    into.broker.append(rabbitmq * micro)
    print(f"  {variant.name:18} {number(into.rates[-1]):>8} events/s", flush=True)
    if broker.depth(variant.queue):
        raise SystemExit(f"{variant.name}: {broker.depth(variant.queue)} messages are left in the queue")
    return spent[0]


def work(
    broker: house.Broker, variant: Variant, n_events: int, servers: Servers, *, profile: bool = False
) -> tuple[list[dict[str, Any]], float, tuple[float, float]]:
    """Start the variant's workers, let them go, and wait: what each spent, the seconds in all, the servers' time."""
    options = {
        "variant": variant.worker,
        "queue": variant.queue,
        "url": broker.source_url(variant.queue) if variant.worker == "store" else broker.url,
        "expected": n_events if variant.processes == 1 else 0,
        "profile": profile,
    }
    command = [sys.executable, "-m", "bench.worker", json.dumps(options)]
    workers = [
        subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(variant.processes)
    ]
    try:
        for worker in workers:
            if _pipe(worker.stdout).readline() != "ready\n":
                raise SystemExit(f"{variant.name}: a worker did not start")
        servers.mark()
        begun = time.monotonic()
        for worker in workers:
            _pipe(worker.stdin).write("go\n")
            _pipe(worker.stdin).flush()
        spent = []
        for worker in workers:
            said = _pipe(worker.stdout).read()
            if worker.wait():
                raise SystemExit(f"{variant.name}: a worker failed")
            spent.append(json.loads(said))
        return spent, max(one["finished_at"] for one in spent) - begun, servers.since()
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()


def _pipe(pipe: Any) -> Any:
    assert pipe is not None
    return pipe


def _print(measured: dict[Variant, Measured]) -> None:
    print()
    table(
        (
            "median",
            "events/s",
            "client us",
            "backend us",
            "PostgreSQL us",
            "broker us",
            "repetitions (events/s)",
        ),
        [
            (
                variant.name,
                *(
                    median(values)
                    for values in (one.rates, one.client, one.backend, one.postgres, one.broker)
                ),
                raw(one.rates),
            )
            for variant, one in measured.items()
        ],
    )
    print(
        "  us: microseconds of processor time per event; PostgreSQL: all its processes, vacuum and writers too"
    )


def _judge(report: Report, measured: dict[Variant, Measured]) -> None:
    rate = {variant: median(one.rates) for variant, one in measured.items()}
    report.goals += [
        Goal("whole path : naive", rate[WHOLE] / rate[NAIVE], 25, at_least=True),
        Goal("whole path : drain", rate[WHOLE] / rate[DRAIN], 0.3, at_least=True),
        Goal("two processes : one", rate[TWO] / rate[WHOLE], 1, at_least=True),
        Goal(
            "one synchronous consumer could do, by processor time",
            1e6 / (median(measured[WHOLE].client) + median(measured[WHOLE].backend)),
            unit=" events/s",
        ),
    ]


def _profile(broker: house.Broker, messages: Sequence[streams.Message]) -> None:
    broker.queue(WHOLE.queue)
    broker.publish(messages)
    house.empty_tables()
    servers = Servers.of_this_run()
    servers.settle()
    [spent], seconds, _ = work(broker, WHOLE, len(messages), servers, profile=True)
    micro = 1e6 / len(messages)
    profile = spent["profile"]
    print(
        f"  {len(messages) / seconds:,.0f} events/s under the profiler, client {spent['cpu'] * micro:.0f} us/event"
    )
    each = spent["cpu"] * micro / max(1, profile["samples"])
    for title, key in (("own", "own"), ("with what it calls", "within")):
        print(f"\n  client processor time, {title}")
        table(("function", "us/event"), [(name, count * each) for name, count in profile[key]])
    print()
    table(
        ("statement, per event", "calls", "wall us", "client us", "backend us"),
        [
            (name, calls, wall * micro, client * micro, backend * micro)
            for name, calls, wall, client, backend in profile["statements"]
        ],
    )
