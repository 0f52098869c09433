"""`EVENT_BROKER_URL` in parts. Pure. Paths, names and passwords in it are percent-encoded."""

import dataclasses
import hashlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit

SETTING = "EVENT_BROKER_URL"
DEFAULT_EXCHANGE = "rasa-exchange"
DEFAULT_QUEUE = "enterprise_events"

_COMMON = {"assistant", "environment"}
_OPTIONS: Mapping[str, set[str]] = {
    "rabbitmq": {"exchange", "queue", "cacertfile", "certfile", "keyfile", "verify", "heartbeat"},
    "sql": {"sslmode", "sslrootcert", "sslcert", "sslkey", "connect_timeout", "options"},
    "file": set(),
}


class BadAddress(ValueError):
    """The URL cannot be used. The message is one sentence that names the setting; it holds no password."""


@dataclasses.dataclass(frozen=True)
class Address:
    """Where messages come from and whose they are. `path` is the virtual host, the database or the file."""

    kind: str  # rabbitmq, sql, file
    scheme: str
    host: str = ""
    port: int = 0
    user: str = ""
    password: str = dataclasses.field(default="", repr=False)
    path: str = ""
    assistant: str = "default"
    environment: str = ""
    options: Mapping[str, str] = dataclasses.field(default_factory=dict, hash=False)

    @property
    def exchange(self) -> str:
        return self.options.get("exchange", DEFAULT_EXCHANGE)

    @property
    def queue(self) -> str:
        return self.options.get("queue", DEFAULT_QUEUE)

    @property
    def label(self) -> str:
        """The address as people may see it: a URL without credentials and without what says how, not where."""
        where = f"{self.scheme}://{self.host}{f':{self.port}' if self.port else ''}"
        if self.kind == "rabbitmq":
            names = f"exchange={quote(self.exchange)}&queue={quote(self.queue)}"
            return f"{where}/{quote(self.path, safe='')}?{names}"
        return f"{where}{quote(self.path)}" if self.path.startswith("/") else f"{where}/{quote(self.path)}"

    @property
    def key(self) -> str:
        """Names the source for ever: kind, place and assistant; TLS, login and environment do not count."""
        place: tuple[str, ...] = (self.kind, self.host, str(self.port), self.path, self.assistant)
        if self.kind == "rabbitmq":
            place += (self.exchange, self.queue)
        return hashlib.blake2b(
            "\0".join(place).encode("utf-8", "surrogateescape"), digest_size=16
        ).hexdigest()


def from_url(url: str) -> Address:
    """The address that `url` spells. Raises BadAddress for what no source of ours can read."""
    if "#" in url:
        raise BadAddress(f"{SETTING} holds a '#': write it as %23")
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        # The reason would quote what stands where the port should be: often the end of a password.
        raise BadAddress(
            f"{SETTING} is not a URL: percent-encode special characters in user and password, and check the port"
        ) from None
    readers = {
        "amqp": _rabbitmq,
        "amqps": _rabbitmq,
        "sql+sqlite": _sqlite,
        "sql+postgresql": _postgresql,
        "sql+postgres": _postgresql,
        "file": _file,
    }
    if parts.scheme == "kafka":
        raise BadAddress(
            f"{SETTING}: kafka:// is not supported yet; use amqp://, sql+sqlite://, sql+postgresql:// or file://"
        )
    reader = readers.get(parts.scheme)
    if reader is None:
        raise BadAddress(
            f"{SETTING} begins with {parts.scheme or 'no scheme'!r}; it must be one of "
            "amqp://, amqps://, sql+sqlite://, sql+postgresql://, file://"
        )
    return reader(parts)


def _rabbitmq(parts: SplitResult) -> Address:
    secure = parts.scheme == "amqps"
    address = Address(
        kind="rabbitmq",
        scheme=parts.scheme,
        host=_host(parts),
        port=parts.port or (5671 if secure else 5672),
        user=unquote(parts.username or "guest"),
        password=unquote(parts.password if parts.password is not None else "guest"),
        # Both amqp://host and amqp://host/ mean the virtual host "/", as people write it.
        path=unquote(parts.path[1:]) or "/",
        **_query(parts, "rabbitmq"),
    )
    if not address.exchange or not address.queue:
        raise BadAddress(f"{SETTING}: exchange= and queue= must not be empty")
    tls = {"cacertfile", "certfile", "keyfile", "verify"} & set(address.options)
    if tls and not secure:
        raise BadAddress(f"{SETTING}: {min(tls)}= needs amqps://")
    if address.options.get("verify", "verify_peer") not in ("verify_peer", "verify_none"):
        raise BadAddress(f"{SETTING}: verify= is verify_peer or verify_none")
    if ("keyfile" in address.options) and ("certfile" not in address.options):
        raise BadAddress(f"{SETTING}: keyfile= needs certfile=")
    if not address.options.get("heartbeat", "30").isdecimal():
        raise BadAddress(f"{SETTING}: heartbeat= is a whole number of seconds")
    return address


def _sqlite(parts: SplitResult) -> Address:
    return Address(
        kind="sql", scheme=parts.scheme, path=_local_path(parts), **_query(parts, "sql", libpq=False)
    )


def _postgresql(parts: SplitResult) -> Address:
    database = unquote(parts.path[1:])
    if not database:
        raise BadAddress(f"{SETTING}: name the database, as in sql+postgresql://user:password@host/database")
    return Address(
        kind="sql",
        scheme="sql+postgresql",
        host=_host(parts),
        port=parts.port or 5432,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        path=database,
        **_query(parts, "sql"),
    )


def _file(parts: SplitResult) -> Address:
    return Address(kind="file", scheme="file", path=_local_path(parts), **_query(parts, "file"))


def _host(parts: SplitResult) -> str:
    if not parts.hostname:
        raise BadAddress(f"{SETTING}: no host in it, as in {parts.scheme}://user:password@host")
    return parts.hostname


def _local_path(parts: SplitResult) -> str:
    if parts.netloc not in ("", "localhost"):
        raise BadAddress(
            f"{SETTING}: write three slashes before an absolute path, as in {parts.scheme}:///var/lib/rasa/events"
        )
    path = unquote(parts.path)
    if path in ("", "/") or path.endswith("/"):
        raise BadAddress(f"{SETTING}: name a file, as in {parts.scheme}:///var/lib/rasa/events")
    if "\0" in path:
        raise BadAddress(f"{SETTING}: the path holds a NUL character")
    # sqlite:////abs is how SQLAlchemy spells an absolute path; ours has three slashes, both are meant the same.
    return "/" + path.lstrip("/")


def _query(parts: SplitResult, kind: str, *, libpq: bool = True) -> dict[str, Any]:
    values = dict(parse_qsl(parts.query, keep_blank_values=True))
    known = _COMMON | (_OPTIONS[kind] if libpq else set())
    if unknown := sorted(set(values) - known):
        # A name that no option would have may be the end of a password with a '?' in it.
        name = f" {unknown[0]}=" if unknown[0].isidentifier() else ""
        raise BadAddress(f"{SETTING}: unknown option{name}; known here: {', '.join(sorted(known))}")
    assistant = values.pop("assistant", "default")
    if not assistant or len(assistant) > 100 or not _is_slug(assistant):
        raise BadAddress(f"{SETTING}: assistant= is a name of letters, digits, '-' and '_'")
    return {"assistant": assistant, "environment": values.pop("environment", ""), "options": values}


def _is_slug(text: str) -> bool:
    return text.isascii() and text.replace("-", "").replace("_", "").isalnum()
