"""`manage.py`: what is wrong with the set-up is said in one line that names the setting; `--traceback` shows more."""

import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line
from django.db.utils import InterfaceError, OperationalError

from enterprise.schema import NotReady, first_line


def main(arguments: list[str]) -> int:
    """Carry out one command; the exit code."""
    try:
        execute_from_command_line(arguments)
    except ImproperlyConfigured as error:
        return _say(arguments, f"The settings do not fit: {error}")
    except NotReady as error:
        return _say(arguments, f"The database cannot be used: {error}.")
    except (OperationalError, InterfaceError) as error:
        return _say(arguments, f"The database does not answer: {first_line(error)}. Check DATABASE_URL.")
    return 0


def _say(arguments: list[str], text: str) -> int:
    if "--traceback" in arguments:
        raise  # noqa: PLE0704 - within the except clause of the caller
    print(text, file=sys.stderr)  # noqa: T201 - the answer of a command
    return 1
