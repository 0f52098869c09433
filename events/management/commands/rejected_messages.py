"""`manage.py rejected_messages`: list, replay or export what could not be an event."""

import base64
import json
import sys
from argparse import ArgumentParser
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models import QuerySet

from events.models import RejectedMessage
from events.rejected import body_of, replay


class Command(BaseCommand):
    help = "Lists rejected messages, gives them another try after a fix, or writes them out as JSON lines."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("action", choices=["list", "replay", "export"])
        parser.add_argument("--source", metavar="TEXT", help="only of sources whose address contains TEXT")
        parser.add_argument(
            "--id", type=int, action="append", metavar="ID", help="only this one (repeatable)"
        )
        parser.add_argument("--limit", type=int, metavar="N", help="at most N, newest first")
        parser.add_argument("--all", action="store_true", help="also those that were replayed already")

    def handle(self, *_args: Any, **options: Any) -> None:
        rows = self._rows(options)
        if options["action"] == "list":
            self._list(rows)
        elif options["action"] == "replay":
            result = replay(rows.iterator(chunk_size=100))
            self.stdout.write(
                f"{result.stored} stored, {result.duplicates} known already, {result.rejected} still rejected"
            )
        else:
            self._export(rows)

    def _rows(self, options: dict[str, Any]) -> QuerySet[RejectedMessage]:
        rows = RejectedMessage.objects.select_related("source").order_by("-last_at", "-id")
        if not options["all"]:
            rows = rows.filter(replayed_at=None)
        if options["source"]:
            rows = rows.filter(source__label__contains=options["source"])
        if options["id"]:
            rows = rows.filter(pk__in=options["id"])
        if options["limit"] is not None:
            if options["limit"] < 1:
                raise CommandError("--limit is a positive number")
            rows = rows[: options["limit"]]
        return rows

    def _list(self, rows: QuerySet[RejectedMessage]) -> None:
        for row in rows.defer("body").iterator(chunk_size=500):
            last = datetime.fromtimestamp(row.last_at, UTC).strftime("%Y-%m-%d %H:%M:%S")
            times = f" ({row.count} times)" if row.count > 1 else ""
            self.stdout.write(f"{row.pk}  {last}  {row.source.label}  {row.size} bytes  {row.reason}{times}")

    def _export(self, rows: QuerySet[RejectedMessage]) -> None:
        """One JSON object a line; `body` is base64, since it need not be text."""
        for row in rows.iterator(chunk_size=20):
            try:
                body = body_of(row)
            except OSError as error:
                print(f"message {row.pk}: its file cannot be read ({error.strerror})", file=sys.stderr)
                continue
            entry = {
                "id": row.pk,
                "source": row.source.label,
                "reason": row.reason,
                "properties": row.properties,
                "first_at": row.first_at,
                "last_at": row.last_at,
                "count": row.count,
                "body": base64.b64encode(body).decode("ascii"),
            }
            self.stdout.write(json.dumps(entry))
