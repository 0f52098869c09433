"""Takes and decodes the next batch while the database works on this one: two processors instead of one.

Only where messages pile up, and only of a source that can give more before the last batch is acknowledged.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import NamedTuple

from conversations.envelope import Envelope
from events.decode import Rejection, decode
from events.rejected import Rejected
from events.sources import Batch, Message, Source, Unavailable

WORTH_IT = 250  # messages in a batch: with fewer, waiting for more costs less than another transaction


class Taken(NamedTuple):
    """A batch, the events among its messages, and what is none."""

    batch: Batch
    envelopes: list[Envelope]
    rejected: list[Rejected]


class Ahead:
    """The thread that reads ahead. The source belongs to it alone inside of `reading`."""

    def __init__(self, source: Source, assistant: str) -> None:
        self._source = source
        self._assistant = assistant
        self._helper: ThreadPoolExecutor | None = None
        self._taken: Taken | None = None

    @contextmanager
    def reading(self, batch: Batch) -> Iterator[None]:
        """Read ahead of this batch until the block ends."""
        if len(batch.messages) < WORTH_IT:
            yield
            return
        if self._helper is None:
            self._helper = ThreadPoolExecutor(1, thread_name_prefix="events-ahead")
        coming = self._helper.submit(self._take)
        try:
            yield
        finally:
            self._taken = coming.result() or self._taken

    def next(self) -> Taken | None:
        """What was read ahead, once."""
        taken, self._taken = self._taken, None
        return taken

    def close(self) -> None:
        """Let the thread go, and what it read: it comes again."""
        self._taken = None
        if self._helper is not None:
            self._helper.shutdown()
            self._helper = None

    def _take(self) -> Taken | None:
        if self._taken is not None:
            return None
        try:
            batch = self._source.take_ahead(WORTH_IT)
        except Unavailable:  # the next `take` says it again
            return None
        return decoded(batch, self._assistant) if batch else None


def decoded(batch: Batch, assistant: str) -> Taken:
    """A batch with what its messages are."""
    return Taken(batch, *decode_all(batch.messages, assistant))


def decode_all(messages: Sequence[Message], assistant: str) -> tuple[list[Envelope], list[Rejected]]:
    """The events among `messages`, and what is none."""
    envelopes: list[Envelope] = []
    rejected: list[Rejected] = []
    for message in messages:
        found = decode(
            message.body, assistant=assistant, environment=message.environment, is_export=message.is_export
        )
        if isinstance(found, Rejection):
            rejected.append(Rejected(message, found.reason))
        else:
            envelopes.append(found)
    return envelopes, rejected
