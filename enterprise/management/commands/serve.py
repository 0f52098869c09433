"""All roles in one process: what `bin/run` and the container start."""

import errno
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from enterprise import serve


class Command(BaseCommand):
    help = "Run the roles migrate, events and web in one process. SIGTERM and Ctrl-C stop it in good order."
    requires_system_checks: list[str] = []  # the database may not be there yet

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Everything has a default in the environment."""
        parser.add_argument("--roles", default=",".join(settings.ROLES), help="default: %(default)s")
        parser.add_argument(
            "--host", default=settings.HOST, help="address to listen on (default: %(default)s)"
        )
        parser.add_argument("--port", type=int, default=settings.PORT, help="default: %(default)s")
        parser.add_argument(
            "--empty", action="store_true", help="do not fill an empty database with demo conversations"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        """Returns when stopped. Raises CommandError, one clear line, for what cannot be started."""
        roles = frozenset(role.strip() for role in options["roles"].split(",") if role.strip())
        if not roles or roles - set(serve.ROLES):
            raise CommandError(
                f"ROLES or --roles names some of {', '.join(serve.ROLES)}, not “{options['roles']}”."
            )
        if roles == {"migrate"}:
            call_command("migrate")
            return
        if "events" in roles:
            _check_addresses()
        host, port = options["host"], options["port"]
        try:
            listener = serve.listen(host, port)
        except (OSError, OverflowError) as error:
            raise CommandError(_why_not(error, host, port)) from error
        plan = serve.Plan(
            roles=roles,
            address=serve.address_of(listener, host),
            with_demo=not options["empty"],
            say=serve.say,
        )
        serve.Server(plan, listener).run()


def _check_addresses() -> None:
    from events import service  # noqa: PLC0415 - only for the role that needs it
    from events.sources import BadAddress, from_url  # noqa: PLC0415

    for url in service.default_urls():
        try:
            from_url(url)
        except BadAddress as error:
            raise CommandError(f"EVENT_BROKER_URL: {error}") from error


def _why_not(error: Exception, host: str, port: int) -> str:
    if getattr(error, "errno", None) == errno.EADDRINUSE:
        return f"Port {port} is taken by another program: choose another one with --port or PORT."
    if isinstance(error, PermissionError):
        return f"Port {port} is not allowed for this user: choose one above 1023 with --port or PORT."
    return f"Cannot listen on {host}, port {port} ({error}): check --host or HOST, and --port or PORT."
