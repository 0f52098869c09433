"""The queue that Rasa's `pika` broker fills. The only module that knows pika.

Rasa's exchange is not durable: a restart of the broker deletes it together with our binding, so both are declared on
every connect. The queue is declared exactly as Rasa declares those of its `queues:` list, or Rasa would not start.
"""

import logging
import time
from collections import deque
from collections.abc import Mapping
from typing import Any

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import AMQPError, ChannelClosedByBroker
from pika.spec import Basic, BasicProperties

from conversations.identity import shown
from events.sources import BATCH_BYTES, BATCH_MESSAGES, Batch, Message, Unavailable
from events.sources.address import Address
from events.sources.rabbitmq_login import explain, parameters

log = logging.getLogger(__name__)
# The library reports every failed attempt in a dozen lines; ours says it once, in a sentence.
logging.getLogger("pika").setLevel(logging.CRITICAL)

PREFETCH = 1000  # messages in flight
IN_FLIGHT_BYTES = 32_000_000
RAISE_SECONDS = 5.0  # between attempts to raise a lowered prefetch
TEND_SECONDS = (
    15.0  # between looks at queue and binding in idle time; sooner when something came since the last look
)
TEND_SOON_SECONDS = 2.0
EXPORT_HEADER = "rasa-export-process-id"

_LOST = (AMQPError, OSError)  # what pika raises when a connection goes


class RabbitMQSource:
    """One queue. Messages stay in it until acknowledged, so it keeps no position."""

    is_exclusive = False

    def __init__(self, address: Address, *, batch_size: int = BATCH_MESSAGES) -> None:
        self.address = address
        self._batch_size = batch_size
        self._connection: pika.BlockingConnection | None = None
        self._channel: BlockingChannel | None = None
        self._buffer: deque[tuple[Basic.Deliver, BasicProperties, bytes]] = deque()
        self._buffered_bytes = 0
        self._prefetch = PREFETCH
        self._mean_bytes = 0.0
        self._raised_at = 0.0
        self._tended_at = 0.0
        self._is_drained = False  # took something since the last look at the queue
        self._is_cancelled = False
        self._facts: dict[str, Any] = {}

    def connect(self, position: Mapping[str, Any]) -> None:  # noqa: ARG002 - the broker remembers
        try:
            if self._connection is None or not self._connection.is_open:
                self._connection = pika.BlockingConnection(parameters(self.address))
                self._declare(self._connection)
            self._consume(self._connection)
        except _LOST as error:
            self.close()
            raise Unavailable(explain(error, self.address)) from error

    def take(self, timeout: float) -> Batch | None:
        connection = self._usable()
        buffer = self._buffer
        try:
            self._adapt_prefetch(connection)
            if not buffer:
                connection.process_data_events(time_limit=timeout)
            self._gather(connection)
            if not buffer:
                self._tend(connection)
        except _LOST as error:
            self._drop()
            raise Unavailable(explain(error, self.address)) from error
        return self._batch() if buffer else None

    def take_ahead(self, least: int) -> Batch | None:
        if self._prefetch < PREFETCH or self._mean_bytes * PREFETCH > IN_FLIGHT_BYTES:
            return None  # a new prefetch needs a new consumer, to which all that waits is delivered again
        try:
            self._gather(self._usable())
        except _LOST as error:
            self._drop()
            raise Unavailable(explain(error, self.address)) from error
        return self._batch() if len(self._buffer) >= least else None

    def acknowledge(self, batch: Batch) -> None:
        channel: BlockingChannel
        channel, tag = batch.token
        # Tags start again at 1 on a new channel: an old one would acknowledge messages that nobody has stored.
        if channel is not self._channel or not channel.is_open:
            return
        try:
            channel.basic_ack(tag, multiple=True)
        except _LOST as error:
            self._drop()
            raise Unavailable(explain(error, self.address)) from error

    def heartbeat(self) -> None:
        if self._connection is None:
            return
        try:
            self._connection.process_data_events(time_limit=0)
        except _LOST as error:
            self._drop()
            raise Unavailable(explain(error, self.address)) from error

    def pause(self) -> None:
        channel, self._channel = self._channel, None
        self._forget_buffer()
        try:
            if channel is not None and channel.is_open:
                channel.close()
        except _LOST as error:
            self._drop()
            raise Unavailable(explain(error, self.address)) from error

    def close(self) -> None:
        connection, self._connection = self._connection, None
        self._channel = None
        self._forget_buffer()
        try:
            if connection is not None and connection.is_open:
                connection.close()
        except _LOST:
            log.debug("the connection was gone already")

    def facts(self) -> dict[str, Any]:
        """`exchange_made_by_us`: nobody had declared it, so perhaps the name is wrong (until a message arrives through it);
        `arrives_through`: another exchange that messages come from; `other_consumers` of the queue; `queue_depth`:
        messages that wait; `queue_warning`: how the queue differs from what Rasa declares; `server`; `prefetch`."""
        return {**self._facts, "prefetch": self._prefetch}

    def _usable(self) -> pika.BlockingConnection:
        if self._connection is None or self._channel is None or not self._channel.is_open:
            raise Unavailable(f"the connection to {self.address.host} was lost; connecting again")
        if self._is_cancelled:
            self._drop()
            raise Unavailable(f"the queue {self.address.queue!r} was deleted or moved; declaring it again")
        return self._connection

    def _drop(self) -> None:
        """Leave a connection that is broken."""
        self.close()

    def _gather(self, connection: pika.BlockingConnection) -> None:
        """Buffer what has arrived, up to a batch."""
        buffer = self._buffer
        while len(buffer) < self._batch_size and self._buffered_bytes < BATCH_BYTES:
            before = len(buffer)
            connection.process_data_events(time_limit=0)
            if len(buffer) == before:
                break

    def _forget_buffer(self) -> None:
        self._buffer.clear()
        self._buffered_bytes = 0

    def _declare(self, connection: pika.BlockingConnection) -> None:
        exchange, queue = self.address.exchange, self.address.queue
        made_exchange = not self._exists(connection, exchange=exchange)
        if made_exchange:
            with connection.channel() as channel:
                channel.exchange_declare(exchange, exchange_type="fanout", durable=False)
        made_queue = not self._exists(connection, queue=queue)
        warning = self._declare_queue(connection, queue)
        with connection.channel() as channel:
            found = channel.queue_declare(queue, passive=True)
            channel.queue_bind(queue, exchange, routing_key="")
        server = connection._impl.server_properties or {}  # type: ignore[attr-defined]
        was_ours = bool(self._facts.get("exchange_made_by_us", True))
        self._facts |= {
            "exchange": exchange,
            "queue": queue,
            # A restart of the broker takes the exchange away and we make it again: that tells nothing about its name.
            "exchange_made_by_us": made_exchange and was_ours,
            "queue_made_by_us": made_queue,
            "queue_warning": warning,
            "other_consumers": found.method.consumer_count,
            "queue_depth": found.method.message_count,
            "server": f"{server.get('product', 'AMQP server')} {server.get('version', '')}".strip(),
        }

    @staticmethod
    def _exists(connection: pika.BlockingConnection, *, exchange: str = "", queue: str = "") -> bool:
        channel = connection.channel()
        try:
            if exchange:
                channel.exchange_declare(exchange, passive=True)
            else:
                channel.queue_declare(queue, passive=True)
        except ChannelClosedByBroker as error:
            if error.reply_code == 404:
                return False
            raise
        channel.close()
        return True

    @staticmethod
    def _declare_queue(connection: pika.BlockingConnection, queue: str) -> str:
        """Declare it as Rasa does; a queue that is different is used as it is, and the difference returned."""
        channel = connection.channel()
        try:
            channel.queue_declare(queue, durable=True)
        except ChannelClosedByBroker as error:
            if error.reply_code == 406:
                return shown(error.reply_text)
            raise
        channel.close()
        return ""

    def _consume(self, connection: pika.BlockingConnection) -> None:
        self._forget_buffer()
        if self._channel is not None and self._channel.is_open:
            self._channel.close()
        self._is_cancelled = False
        channel = self._channel = connection.channel()
        channel.basic_qos(prefetch_count=self._prefetch)
        channel.add_on_cancel_callback(self._on_cancel)
        channel.basic_consume(self.address.queue, self._on_message)
        self._tended_at = time.monotonic()

    def _on_message(
        self, channel: BlockingChannel, method: Basic.Deliver, properties: BasicProperties, body: bytes
    ) -> None:
        if channel is self._channel:
            self._buffer.append((method, properties, body))
            self._buffered_bytes += len(body)

    def _on_cancel(self, _frame: Any) -> None:
        self._is_cancelled = True

    def _batch(self) -> Batch:
        buffer, size = self._buffer, 0
        messages: list[Message] = []
        environment = self.address.environment
        while buffer and len(messages) < self._batch_size and size < BATCH_BYTES:
            method, properties, body = buffer.popleft()
            size += len(body)
            app_id = properties.app_id
            headers = properties.headers
            messages.append(
                Message(
                    body,
                    _text(app_id) if app_id else environment,
                    headers is not None and EXPORT_HEADER in headers,
                )
            )
        self._buffered_bytes -= size
        self._is_drained = True
        self._note_exchange(method)
        mean = size / len(messages)
        # Rises at once, falls slowly: one large body more than we expected is what fills the memory.
        self._mean_bytes = max(mean, 0.9 * self._mean_bytes + 0.1 * mean)
        return Batch(messages, (self._channel, method.delivery_tag))

    def _note_exchange(self, method: Basic.Deliver) -> None:
        if method.exchange == self.address.exchange:
            self._facts["exchange_made_by_us"] = False
            self._facts.pop("arrives_through", None)
        else:
            self._facts["arrives_through"] = shown(str(method.exchange))

    def _adapt_prefetch(self, connection: pika.BlockingConnection) -> None:
        """Keep what may be in flight under 32 MB. A new limit only holds for a new consumer, so this is done rarely."""
        if self._mean_bytes * self._prefetch > IN_FLIGHT_BYTES:
            self._prefetch = max(1, int(IN_FLIGHT_BYTES / self._mean_bytes / 2))
        elif (
            self._prefetch < PREFETCH
            and self._mean_bytes * self._prefetch * 4 < IN_FLIGHT_BYTES
            and time.monotonic() - self._raised_at > RAISE_SECONDS
        ):
            self._prefetch = min(PREFETCH, int(IN_FLIGHT_BYTES / max(1.0, self._mean_bytes) / 2))
        else:
            return
        self._raised_at = time.monotonic()
        log.info("prefetch is now %d", self._prefetch, extra={"action": "prefetch_changed"})
        self._consume(connection)

    def _tend(self, connection: pika.BlockingConnection) -> None:
        """In idle time: count what waits and who else takes, and mend the binding if somebody deleted the exchange."""
        pause = TEND_SOON_SECONDS if self._is_drained else TEND_SECONDS
        if time.monotonic() - self._tended_at < pause:
            return
        self._tended_at = time.monotonic()
        self._is_drained = False
        if not self._exists(connection, exchange=self.address.exchange):
            self._declare(connection)
        with connection.channel() as channel:
            found = channel.queue_declare(self.address.queue, passive=True)
            channel.queue_bind(self.address.queue, self.address.exchange, routing_key="")
        self._facts["queue_depth"] = found.method.message_count
        self._facts["other_consumers"] = max(0, found.method.consumer_count - 1)


def _text(name: Any) -> str:
    """A short string of AMQP, which pika leaves as bytes when it is not UTF-8."""
    return shown(name if isinstance(name, str) else bytes(name).decode("utf-8", "replace"))
