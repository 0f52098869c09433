"""Django's `migrate`, one at a time: of ten that start at once one works, the rest wait and find nothing to do."""

from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands import migrate
from django.db import OperationalError, connections

from enterprise import schema


class Command(migrate.Command):
    help = "Bring the database's schema to this version, under a lock: the database migration service."

    def execute(self, *args: Any, **options: Any) -> Any:
        """Raises CommandError when the database does not answer: `serve` goes on waiting for it."""
        try:
            connections[options["database"]].ensure_connection()
        except OperationalError as error:
            raise CommandError(
                f"The database does not answer: {schema.first_line(error)}. Check DATABASE_URL."
            ) from error
        return super().execute(*args, **options)

    def handle(self, *args: Any, **options: Any) -> None:
        """Django's own, alone. Raises CommandError for a schema that is newer than this version."""
        database = connections[options["database"]]
        with schema.exclusive(database, waiting=self._say_waiting):
            unknown = schema.compare(schema.applied(database)).unknown
            if unknown and not options["prune"] and not options["migration_name"]:
                app, name = min(unknown)
                raise CommandError(
                    f"The database belongs to a newer version of Enterprise (it has {app}.{name}): "
                    "start that version, or restore a backup made with this one. Nothing was changed."
                )
            super().handle(*args, **options)

    def _say_waiting(self) -> None:
        self.stdout.write("Another process is migrating this database: waiting for it.")
