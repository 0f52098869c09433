"""Make a person from the command line."""

import getpass
import secrets
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from enterprise import schema, sign_in
from enterprise.models import User


class Command(BaseCommand):
    help = "Make a person. Prints a generated password, or with --ask takes one from the terminal or standard input."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The name, the role, and where the password comes from."""
        parser.add_argument("username")
        parser.add_argument("--role", choices=User.Role.values, default=User.Role.REVIEWER)
        parser.add_argument("--ask", action="store_true", help="ask for the password instead of making one")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Raises NotReady, and CommandError for a name that is taken and for a weak password."""
        schema.require_ours()
        given = _ask() if options["ask"] else ""
        password = given or secrets.token_urlsafe(12)
        try:
            with transaction.atomic():
                user, _link = sign_in.invite(None, options["username"], options["role"])
                sign_in.set_password(user, password)
                user.sign_in_links.all().delete()
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        self.stdout.write(f"{user} may sign in as {user.get_role_display()}.")
        if not given:
            self.stdout.write(f"Password: {password}")


def _ask() -> str:
    if sys.stdin.isatty():
        return getpass.getpass("Password: ")
    return sys.stdin.readline().rstrip("\n")
