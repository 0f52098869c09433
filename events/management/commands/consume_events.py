"""`manage.py consume_events`: the event service."""

import signal
import threading
from argparse import ArgumentParser
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from enterprise.schema import first_line
from events import registry, service
from events.sources import BATCH_MESSAGES, BadAddress, from_url


class Command(BaseCommand):
    help = (
        "Reads events from every source of EVENT_BROKER_URL into the database. SIGTERM finishes the batch and exits 0. "
        "Exit codes: 1 could not connect or failed, 2 a wrong setting, 3 a source was stopped because nearly all its "
        "messages were rejected."
    )
    requires_migrations_checks = False
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("urls", nargs="*", help="sources to read instead of EVENT_BROKER_URL")
        parser.add_argument(
            "--exit-when-idle", type=float, metavar="SECONDS", help="end when nothing came for so long"
        )
        parser.add_argument(
            "--batch-size",
            type=int,
            default=BATCH_MESSAGES,
            metavar="N",
            help="at most so many messages in a transaction (1 to 500, default 500)",
        )
        parser.add_argument("--once", action="store_true", help="read what is there now, then end")
        parser.add_argument("--resume", action="store_true", help="let stopped and paused sources run again")

    def handle(self, *_args: Any, **options: Any) -> None:
        if not 1 <= options["batch_size"] <= BATCH_MESSAGES:
            raise CommandError(f"--batch-size is 1 to {BATCH_MESSAGES}", returncode=2)
        urls = options["urls"] or service.default_urls()
        try:
            addresses = [from_url(url) for url in urls]
        except BadAddress as error:
            raise CommandError(str(error), returncode=2) from error
        stop = threading.Event()
        before = {number: signal.signal(number, _stopper(stop)) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            if options["resume"]:
                self._resume([address.key for address in addresses])
            code = service.run(
                urls,
                stop,
                once=options["once"],
                exit_when_idle=options["exit_when_idle"],
                batch_size=options["batch_size"],
                exit_when_stopped=True,
            )
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        if code:
            raise SystemExit(code)

    def _resume(self, keys: list[str]) -> None:
        try:
            resumed = registry.resume(keys=keys)
        except DatabaseError as error:
            raise CommandError(
                f"the database does not answer (DATABASE_URL): {first_line(error)}", returncode=1
            ) from error
        self.stdout.write(f"{resumed} sources resumed")


def _stopper(stop: threading.Event) -> Any:
    def handle(number: int, _frame: FrameType | None) -> None:
        """The first signal asks to finish the batch; a second one ends at once."""
        if stop.is_set():
            raise SystemExit(128 + number)
        stop.set()

    return handle
