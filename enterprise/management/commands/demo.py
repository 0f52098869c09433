"""The demo conversations from the command line."""

import threading
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from enterprise import schema
from enterprise.audit import record


class Command(BaseCommand):
    help = "Load the demo conversations, remove them for good, or play one live."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """What to do."""
        parser.add_argument("verb", choices=["load", "remove", "play"])
        parser.add_argument(
            "--pause", type=float, default=10.0, help="longest wait between turns, in seconds"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        """Raises NotReady, and CommandError when there is no recording."""
        from events.demo import load  # noqa: PLC0415 - wired here, not imported at start

        schema.require_ours()
        if not load.RECORDING.exists():
            raise CommandError("There is no recording of the demo here: bin/record-demo makes one.")
        getattr(self, options["verb"])(options)

    def load(self, _options: dict[str, Any]) -> None:
        """Also again after a removal."""
        from events.demo import load  # noqa: PLC0415

        load.forget()
        if not load.load(threading.Event(), self.stdout.write):
            raise CommandError("Another process loads the demo, or has just removed it.")

    def remove(self, _options: dict[str, Any]) -> None:
        """It stays removed."""
        from events.demo import load  # noqa: PLC0415

        count = load.remove()
        record(None, "demo.remove", conversations=count)
        self.stdout.write(f"{count} demo conversations are removed.")

    def play(self, options: dict[str, Any]) -> None:
        """In the foreground."""
        from events.demo import load, play  # noqa: PLC0415

        if not load.is_present():
            raise CommandError("The demo is not loaded: `manage.py demo load`.")
        play.play(threading.Event(), pause=options["pause"], say=self.stdout.write)
