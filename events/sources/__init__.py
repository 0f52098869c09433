"""Sources of messages behind one small interface, and the reading of `EVENT_BROKER_URL`.

A source knows its wire (AMQP, SQL, files) and nothing of events or of our database. Positions are handed out with each
batch and given back on `connect`; who stores them is the consumer's business.
"""

import dataclasses
import importlib
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from events.sources.address import Address, BadAddress, from_url

__all__ = [
    "BATCH_BYTES",
    "BATCH_MESSAGES",
    "Address",
    "BadAddress",
    "Batch",
    "Message",
    "Source",
    "Unavailable",
    "from_url",
    "open_source",
]

BATCH_MESSAGES = 500
BATCH_BYTES = 8_000_000


class Message(NamedTuple):
    """What a source delivers: the body to the byte, and the facts of its transport."""

    body: bytes
    environment: str = ""
    is_export: bool = False


@dataclasses.dataclass(slots=True)
class Batch:
    """Messages in order of arrival. `position` is where the source stands behind them, if it keeps one."""

    messages: list[Message]
    token: Any = None  # what the source needs to acknowledge
    position: dict[str, Any] | None = None


class Unavailable(Exception):
    """The source cannot be read now. The message is one sentence that names the setting and the next step."""


class Source(Protocol):
    """One queue, table or log. One thread at a time calls its methods. They may raise Unavailable; `connect` mends it."""

    address: Address
    is_exclusive: bool  # only one process may read it at a time, so that positions mean something

    def connect(self, position: Mapping[str, Any]) -> None:
        """Begin, or begin again, behind `position` (empty: at the start). What was taken and not acknowledged comes again."""

    def take(self, timeout: float) -> Batch | None:
        """What is there, at most a batch; waits up to `timeout` seconds only when nothing is there. None: nothing came."""

    def take_ahead(self, least: int) -> Batch | None:
        """A batch more before the last one is acknowledged, when so many messages are there. None where it cannot be."""

    def acknowledge(self, batch: Batch) -> None:
        """The batch is stored. Does nothing when the channel that delivered it is gone: it comes again, as duplicates."""

    def heartbeat(self) -> None:
        """Keep the connection alive while a batch cannot be stored."""

    def pause(self) -> None:
        """Give back what is not acknowledged and take no more until `connect`."""

    def close(self) -> None:
        """Leave in order. Never raises."""

    def facts(self) -> dict[str, Any]:
        """What the status page can tell about it; see each source. JSON, without credentials."""


_MODULES = {"rabbitmq": "RabbitMQSource", "sql": "SQLSource", "file": "FileSource"}


def open_source(address: Address, *, batch_size: int = BATCH_MESSAGES) -> Source:
    """The source that `address` names, not yet connected. A library is imported only when its source is used."""
    module = importlib.import_module(f"events.sources.{address.kind}")
    source: Source = getattr(module, _MODULES[address.kind])(address, batch_size=batch_size)
    return source
