"""Typed readers of the environment. Each variable may be given as `NAME_FILE`, the path of a secret file."""

import contextlib
import os
from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured
from django.core.management.utils import get_random_secret_key

BASE_DIR = Path(__file__).resolve().parent.parent


class Env(environ.FileAwareEnv):
    """django-environ, naming the variable that does not fit."""

    def get_value(self, var: Any, *arguments: Any, **options: Any) -> Any:
        """Raises ImproperlyConfigured for a value of the wrong kind and for a secret file that cannot be read."""
        try:
            return super().get_value(var, *arguments, **options)
        except (ValueError, OSError) as error:
            raise ImproperlyConfigured(f"{var} cannot be read: {error}.") from error

    def choice(self, var: str, values: tuple[str, ...]) -> str:
        """One of `values`, by default the first. Raises ImproperlyConfigured."""
        value: str = self.str(var, default=values[0])
        if value not in values:
            raise ImproperlyConfigured(f"{var} is one of {', '.join(values)}, not “{value}”.")
        return value


env = Env()


def data_dir() -> Path:
    """Folder for keys, models and the embedded database (`DATA_DIR`, default `var/`). Made when missing."""
    path = Path(env.str("DATA_DIR", default=str(BASE_DIR / "var"))).expanduser().resolve()
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ImproperlyConfigured(f"DATA_DIR cannot be made: {error}.") from error
    return path


def secret_key() -> str:
    """`SECRET_KEY`, else one that is made on first start and kept in `DATA_DIR/secret-key` (mode 600).

    Two processes that start at once agree: a whole file is linked into place, and the loser reads it.
    """
    if key := env.str("SECRET_KEY", default=""):
        return str(key)
    path = data_dir() / "secret-key"
    if not path.exists():
        draft = path.with_name(f"secret-key.{os.getpid()}")
        draft.touch(0o600)
        draft.write_text(get_random_secret_key())
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(draft)
        draft.unlink()
    return path.read_text().strip()
