"""Let a person in who has lost the password."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from enterprise import schema, sign_in
from enterprise.audit import record
from enterprise.models import User


class Command(BaseCommand):
    help = "Print a link that signs one person in once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """For whom, for how long, and under which address people reach this installation."""
        parser.add_argument("username")
        parser.add_argument("--hours", type=float, default=sign_in.LINK_HOURS)
        parser.add_argument(
            "--address", default=f"http://localhost:{settings.PORT}", help="default: %(default)s"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        """Raises NotReady, and CommandError when there is no such person, or the person is disabled."""
        schema.require_ours()
        user = User.objects.filter(username=options["username"]).first()
        if user is None:
            raise CommandError(f"There is no {options['username']}. `manage.py create_user` makes people.")
        if not user.is_active:
            raise CommandError(f"{user} is disabled: an admin enables people on the page People.")
        secret = sign_in.make_link(user, hours=options["hours"])
        record(None, "user.link", user.get_username())
        self.stdout.write(options["address"].rstrip("/") + sign_in.link_path(secret))
