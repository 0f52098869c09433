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
        conversations = Conversation.objects.filter(id__gt=options["after"]).order_by("id")
        if options["assistant"]:
            conversations = conversations.filter(assistant__name=options["assistant"])
        done = 0
        for pk in conversations.values_list("id", flat=True).iterator(chunk_size=REPORT_EVERY):
            try:
                rebuild_conversation(pk)
            except Conversation.DoesNotExist:
                continue  # deleted meanwhile
            done += 1
            if done % REPORT_EVERY == 0:
                self.stdout.write(f"{done} conversations, the last one {pk}")
        self.stdout.write(f"Rebuilt {done} conversations.")
