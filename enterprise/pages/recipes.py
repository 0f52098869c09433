"""How a Rasa server is told to send its events here: the text of its endpoints.yml, and our matching setting. Pure."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from events.sources import Address, BadAddress, from_url

DEFAULT_EXCHANGE, DEFAULT_QUEUE = "rasa-exchange", "enterprise_events"


@dataclass(frozen=True, slots=True)
class Recipe:
    """One way to connect. `address` is what we listen to, or None while the setting is missing."""

    kind: str
    label: str | Promise
    says: str | Promise
    endpoints: str
    setting: str
    address: Address | None
    causes: Sequence[str | Promise] = field(default=())
    is_built_in: bool = False


def recipes(urls: Sequence[str], *, embedded: Path, folder: Path) -> list[Recipe]:
    """The three ways, with what `urls` (those that the event service reads) already say.

    `embedded` is the file of the built-in source, `folder` where a log would be kept. URLs that cannot be read are
    left out: the event service says what is wrong with them.
    """
    addresses: dict[str, Address] = {}
    built_in = _sqlite_url(embedded)
    # The built-in file first: it is the way that needs nothing.
    for url in sorted(urls, key=lambda url: url != built_in):
        try:
            address = from_url(url)
        except BadAddress:
            continue
        addresses.setdefault(address.kind, address)
    return [
        _sql(addresses.get("sql"), embedded, is_built_in=built_in in urls),
        _rabbitmq(addresses.get("rabbitmq")),
        _file(addresses.get("file"), folder),
    ]


def _sqlite_url(path: Path) -> str:
    return f"sql+sqlite://{quote(str(path))}"


def _sql(address: Address | None, embedded: Path, *, is_built_in: bool) -> Recipe:
    broker: dict[str, object] = {"type": "sql", "dialect": "sqlite", "db": str(embedded)}
    setting = _sqlite_url(embedded)
    if address and address.scheme == "sql+postgresql":
        broker = {
            "type": "sql",
            "dialect": "postgresql",
            "url": address.host,
            "port": address.port,
            "db": address.path,
            "username": address.user,
            "password": "${EVENTS_DB_PASSWORD}",
        }
        setting = f"sql+postgresql://{quote(address.user, safe='')}:PASSWORD@{address.host}:{address.port}/{quote(address.path)}"
    elif address:
        broker["db"] = address.path
        setting = _sqlite_url(Path(address.path))
    return Recipe(
        kind="sql",
        label=_("Same machine"),
        says=_(
            "Rasa writes its events into a file of this installation: nothing to install, nothing to restart here."
        )
        if is_built_in
        else _(
            "Rasa writes its events into a table, which this installation reads. No other server is needed."
        ),
        endpoints=_yaml("event_broker", broker),
        setting=setting,
        address=address,
        causes=_CAUSES["sql"],
        is_built_in=is_built_in,
    )


def _rabbitmq(address: Address | None) -> Recipe:
    host, port, user = "localhost", 5672, "guest"
    exchange, queue = DEFAULT_EXCHANGE, DEFAULT_QUEUE
    broker: dict[str, object] = {"type": "pika"}
    if address:
        host, port, user = address.host, address.port, address.user
        exchange, queue = address.exchange, address.queue
    if address and (address.scheme == "amqps" or address.path != "/"):
        # Only in this spelling does Rasa take a virtual host, or TLS.
        login = f"{quote(user, safe='')}:${{RABBITMQ_PASSWORD}}"
        broker["url"] = f"{address.scheme}://{login}@{host}:{port}/{quote(address.path, safe='')}"
    else:
        broker |= {"url": host, "port": port, "username": user, "password": "${RABBITMQ_PASSWORD}"}
    broker |= {"exchange_name": exchange, "queues": [queue]}
    vhost = quote(address.path, safe="") if address and address.path != "/" else ""
    return Recipe(
        kind="rabbitmq",
        label=_("RabbitMQ"),
        says=_("For teams: events wait in a queue of their own, also while this installation is away."),
        endpoints=_yaml("event_broker", broker),
        setting=f"{address.scheme if address else 'amqp'}://{quote(user, safe='')}:PASSWORD@{host}:{port}/{vhost}"
        f"?exchange={quote(exchange)}&queue={quote(queue)}",
        address=address,
        causes=_CAUSES["rabbitmq"],
    )


def _file(address: Address | None, folder: Path) -> Recipe:
    path = address.path if address else str(folder / "rasa_event.log")
    return Recipe(
        kind="file",
        label=_("Log file"),
        says=_("Rasa appends its events to a log that this installation follows. Good for a shared folder."),
        endpoints=_yaml("event_broker", {"type": "file", "path": path}),
        setting=f"file://{quote(path)}",
        address=address,
        causes=_CAUSES["file"],
    )


def _yaml(name: str, values: Mapping[str, object]) -> str:
    lines = [f"{name}:"]
    for key, value in values.items():
        if isinstance(value, list):
            lines += [f"  {key}:", *(f"    - {_scalar(item)}" for item in value)]
        else:
            lines.append(f"  {key}: {_scalar(value)}")
    return "\n".join(lines) + "\n"


def _scalar(value: object) -> str:
    text = str(value)
    # Plain where YAML surely reads it as this very text (or number); a JSON string is a YAML string otherwise.
    if isinstance(value, int) or (
        re.fullmatch(r"[A-Za-z_/$][\w ./${}@%-]*(://[\w./${}:@%-]+)?", text) and text == text.strip()
    ):
        return text
    return json.dumps(text, ensure_ascii=False)


_RESTART = _(
    "Rasa reads endpoints.yml only when it starts: has it been restarted since, with --endpoints and this file?"
)
_TALKED = _("Rasa sends the events of a turn when the bot has answered: has anybody talked to it since?")
_LOG = _(
    "Rasa starts without an event broker when it cannot load one, and only warns: look for “event broker” in its log."
)
_OTHER_BLOCK = _(
    "Only one event_broker block counts: is there a second one further down, or is this one indented?"
)

_CAUSES: Mapping[str, Sequence[str | Promise]] = {
    "sql": (
        _RESTART,
        _TALKED,
        _(
            "Rasa in a container sees its own files: mount the folder of this file at the same path, writable."
        ),
        _("Rasa runs as another user: may that user write to this file and its folder?"),
        _("The tracker store must not use the same file: its table has the same name and other columns."),
        _OTHER_BLOCK,
        _LOG,
    ),
    "rabbitmq": (
        _RESTART,
        _TALKED,
        _("The key is queues, a list. The old key queue is ignored without a word."),
        _(
            "Exchange, virtual host and server are the same in both settings? A wrong exchange name makes a new, empty one."
        ),
        _("Somebody else takes messages from our queue: see System status, other consumers."),
        _OTHER_BLOCK,
        _LOG,
    ),
    "file": (
        _RESTART,
        _TALKED,
        _("A relative path is meant from the folder in which Rasa was started: write the whole path."),
        _("Rasa in a container sees its own files: mount the folder of this log at the same path."),
        _("May this installation read the log, and Rasa write it?"),
        _LOG,
    ),
}
