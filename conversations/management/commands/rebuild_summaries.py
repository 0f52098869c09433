"""`manage.py rebuild_summaries`: compute sessions, values and search words anew from the events."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from conversations.models import Conversation
from conversations.rebuild import rebuild_conversation

REPORT_EVERY = 1000


class Command(BaseCommand):
    """Repairs what a crashed disk, a manual change or a new version left behind. Safe beside running roles."""

    help = "Compute sessions, values and search words anew from the events."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--assistant", help="only this assistant's conversations")
        parser.add_argument("--after", type=int, default=0, help="go on behind this conversation id")

    def handle(self, *_args: Any, **options: Any) -> None:
        conversations = Conversation.objects.order_by("id")
        if options["assistant"]:
            conversations = conversations.filter(assistant__name=options["assistant"])
        done, last = 0, options["after"]
        # Not one open cursor: on SQLite nobody may write through a connection that still reads an older state.
        while ids := list(conversations.filter(id__gt=last).values_list("id", flat=True)[:REPORT_EVERY]):
            for last in ids:
                try:
                    rebuild_conversation(last)
                except Conversation.DoesNotExist:
                    continue  # deleted meanwhile
                done += 1
            self.stdout.write(f"{done} conversations, the last one {last}")
        self.stdout.write(f"Rebuilt {done} conversations.")
