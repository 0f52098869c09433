"""SQLite: the demo loads while twenty reviewers click. In one process, as `serve` does it.

A click is a short transaction through Django's ORM: setting a flag on an event, taking it off, or saving a profile.
"""

import random
import tempfile
import threading
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bench import house, streams
from bench.report import Goal, Report, percentile, table

if TYPE_CHECKING:
    from enterprise.models import User

SLOWEST = 1000.0  # milliseconds
PAUSE = (0.05, 0.6)  # seconds between two clicks of a reviewer
GENERATED = 15_000  # events, where there is no recording of the demo
BATCH = 250


@dataclass
class Clicks:
    """What twenty people's clicks took (milliseconds), and what went wrong."""

    times: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--reviewers", type=int, default=20)
    parser.add_argument(
        "--events", type=int, default=0, help="of a generated stream; default: the demo itself"
    )


def run(options: Namespace) -> int:
    n_events = options.events or (GENERATED // 10 if options.quick else 0)
    if not streams.RECORDING.is_file():
        n_events = n_events or GENERATED
    what = f"{n_events:,} events" if n_events else "the demo"
    report = Report(f"sqlite: {what} while {options.reviewers} reviewers click")
    with (
        tempfile.TemporaryDirectory(prefix="enterprise-bench-") as folder,
        house.django_on(f"sqlite:///{Path(folder) / 'bench.db'}"),
    ):
        from conversations.models import Event  # noqa: PLC0415 - needs Django

        begun = time.monotonic()
        clicks = _load_and_click(options.reviewers, n_events)
        seconds = time.monotonic() - begun
        loaded = Event.objects.count()
    table(
        ("while loading", "n", "p50 ms", "p95 ms", "slowest ms"),
        [
            (
                "clicks",
                len(clicks.times),
                *(percentile(clicks.times, share) for share in (0.5, 0.95)),
                max(clicks.times),
            )
        ],
    )
    print(
        f"  {loaded:,} events in {seconds:.1f} s, {loaded / seconds:,.0f} events/s with the load's own rests"
    )
    for error in sorted(set(clicks.errors))[:5]:
        print(f"  {clicks.errors.count(error)} x {error}")
    report.goals += [
        Goal("errors, locks included", len(clicks.errors), 1),
        Goal("slowest click", max(clicks.times), SLOWEST, " ms"),
    ]
    report.close()
    return 0


def _load_and_click(n_reviewers: int, n_events: int) -> Clicks:
    from django.db import connection  # noqa: PLC0415

    from enterprise.models import User  # noqa: PLC0415

    people = [User.objects.create_user(f"reviewer-{number}") for number in range(n_reviewers)]
    clicks, done = Clicks(), threading.Event()
    failed: list[BaseException] = []

    def load() -> None:
        try:
            _load(n_events)
        except BaseException as error:
            failed.append(error)
        finally:
            connection.close()
            done.set()

    threads = [threading.Thread(target=load)]
    threads += [threading.Thread(target=_click, args=(person, clicks, done)) for person in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]
    return clicks


def _load(n_events: int) -> None:
    from conversations.store import store  # noqa: PLC0415
    from events.decode import Rejection, decode  # noqa: PLC0415
    from events.demo import load  # noqa: PLC0415

    if not n_events:
        load.load(threading.Event())
        return
    found = streams.stream(streams.sources().conversations, n_events)
    envelopes = [
        decoded
        for body, app_id in found
        if not isinstance(decoded := decode(body, environment=app_id), Rejection)
    ]
    for start in range(0, n_events, BATCH):
        begun = time.monotonic()
        store(envelopes[start : start + BATCH])
        time.sleep(load.REST * (time.monotonic() - begun))


def _click(person: "User", clicks: Clicks, done: threading.Event) -> None:
    from django.db import DatabaseError, connection  # noqa: PLC0415

    choice = random.Random(person.pk)
    actions: list[Callable[[User, random.Random], None]] = [_flag, _unflag, _save_profile]
    try:
        while not done.wait(choice.uniform(*PAUSE)):
            begun = time.perf_counter()
            try:
                choice.choice(actions)(person, choice)
            except DatabaseError as error:
                clicks.errors.append(f"{type(error).__name__}: {error}")
            clicks.times.append((time.perf_counter() - begun) * 1000)
    finally:
        connection.close()


def _flag(person: "User", choice: random.Random) -> None:
    from conversations.models import Event, Flag  # noqa: PLC0415

    event = Event.objects.order_by("-id").first()
    if event is not None:
        Flag.objects.get_or_create(
            conversation_id=event.conversation_id,
            anchor_at=event.timestamp + choice.random(),
            anchor_hash=event.hash,
            defaults={"user": person},
        )


def _unflag(person: "User", _choice: random.Random) -> None:
    from conversations.models import Flag  # noqa: PLC0415

    Flag.objects.filter(user=person).delete()


def _save_profile(person: "User", choice: random.Random) -> None:
    person.first_name = f"Reviewer {choice.random()}"
    person.save(update_fields=["first_name"])
