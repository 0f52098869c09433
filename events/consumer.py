"""The loop of one source: take, decode, store, acknowledge. At least once from outside, exactly once in effect.

Nothing is acknowledged before it is committed, and nothing is given back while the database is away for a moment: the
batch is kept, the connection served, and the database probed until it answers.
"""

import enum
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from django.db import Error as DatabaseError
from django.db import connection, transaction

from conversations.envelope import Envelope
from conversations.store import Stored, store
from enterprise.schema import NotReady, check_in_batch, first_line
from events import registry
from events.ahead import Ahead, Taken, decoded
from events.models import Source as SourceRow
from events.rejected import Rejected, keep, write_large
from events.sources import BATCH_MESSAGES, Address, Batch, Source, Unavailable, open_source

log = logging.getLogger(__name__)

BEAT_SECONDS = 2.0
RETRY_SECONDS = 1.0  # between attempts to connect, and between probes of the database
HOLD_SECONDS = 60.0  # that a batch is kept for a database that is away
WINDOW_SECONDS, STOP_REJECTED, STOP_SHARE = 60.0, 200, 0.9
GIVE_UP_SECONDS = 30.0  # of `once` and `exit_when_idle`, on a source or database that does not answer
RECONNECT_DATABASE_SECONDS = 600.0


class Outcome(enum.Enum):
    """How a consumer ended."""

    DONE = 0  # told to stop, or nothing more to do
    FAILED = 1  # never got through to its source or the database
    STOPPED = 3  # the source is stopped: nearly all that came was rejected


class StoreFunction(Protocol):
    """`conversations.store.store`, or what a test puts in its place."""

    def __call__(
        self, envelopes: Sequence[Envelope], *, also: Callable[[Stored], None] | None = None
    ) -> Stored: ...


class Consumer:
    """Reads one source until `stop` is set. All of it belongs to the thread that calls `run` or `step`."""

    def __init__(
        self,
        address: Address,
        stop: threading.Event,
        *,
        batch_size: int = BATCH_MESSAGES,
        store: StoreFunction = store,
        source: Source | None = None,
        wait: float = 1.0,
    ) -> None:
        self.address = address
        self.state: str | None = SourceRow.State.RUNNING
        self.is_connected = False
        self.problem = ""
        self._stop = stop
        self._store = store
        self._source = source or open_source(address, batch_size=batch_size)
        self._wait = wait  # seconds that an idle source is listened to at a time
        self._holder = registry.holder_name()
        self._row_id = 0  # not looked up yet
        self._held: Taken | None = None
        self._ahead = Ahead(self._source, address.assistant)
        self._away_since: float | None = None  # monotonic; the database does not answer
        self._beat_at = -BEAT_SECONDS
        self._database_opened_at = time.monotonic()
        self._window: deque[tuple[float, int, int]] = deque()  # (monotonic, messages, rejected)

    # The loop

    def run(
        self, *, once: bool = False, exit_when_idle: float | None = None, exit_when_stopped: bool = False
    ) -> Outcome:
        """Read until told to stop; `once`: until nothing is there; `exit_when_idle`: until nothing came for so many seconds."""
        patience = 0.0 if once else exit_when_idle
        worked_at = time.monotonic()
        try:
            while not self._stop.is_set():
                if self.step():
                    worked_at = time.monotonic()
                    continue
                if self.state == SourceRow.State.STOPPED and exit_when_stopped:
                    return Outcome.STOPPED
                if patience is None:
                    continue
                idle = time.monotonic() - worked_at
                if self.is_connected and self._held is None and idle >= patience:
                    return Outcome.DONE
                if idle >= max(patience, GIVE_UP_SECONDS):
                    return Outcome.FAILED
            return Outcome.DONE
        finally:
            self.close()

    def step(self) -> bool:
        """One pass of the loop; whether it did work. Waits only when there is nothing to do."""
        try:
            return self._pass()
        except Unavailable as problem:
            self._disconnected(str(problem))
        except registry.LeaseLost:
            self._disconnected("another process reads this source now")
        except (DatabaseError, NotReady) as problem:
            self._database_away(problem)
        return False

    def close(self) -> None:
        """Leave source and lease in order."""
        self._forget()
        self._source.close()
        self.is_connected = False
        try:
            if self._row_id and self._away_since is None:
                registry.leave_lease(self._row_id, self._holder)
                self._beat(force=True)
        except DatabaseError:
            log.debug("the database is away; the lease ends by itself")

    def _pass(self) -> bool:
        if self._away_since is not None:
            self._probe_database()
        if not self._row_id:
            self._row_id = registry.row_for(self.address).pk
        self._beat()
        if not self._row_id:
            raise Unavailable("the source was removed; adding it again")
        if self.state != SourceRow.State.RUNNING:
            self._rest()
            return False
        if not self.is_connected and not self._connect():
            return False
        if self._held is None:
            self._held = self._ahead.next()
        if self._held is None and (batch := self._source.take(self._wait)):
            self._held = decoded(batch, self.address.assistant)
        if self._held is None:
            return False
        self._finish(*self._held)
        return True

    def _forget(self) -> None:
        """Let go what was taken: it comes again."""
        self._held = None
        self._ahead.close()

    def _finish(self, batch: Batch, envelopes: list[Envelope], rejected: list[Rejected]) -> None:
        try:
            write_large(rejected)
        except OSError as error:
            raise Unavailable(f"DATA_DIR cannot keep a rejected message: {error.strerror}") from error
        now, row_id = time.time(), self._row_id
        last_event_at = max((envelope.row.timestamp for envelope in envelopes), default=None)
        reason = ""

        def also(stored: Stored) -> None:
            nonlocal reason
            all_rejected = rejected + self._refused(batch, stored)
            reason = self._stop_reason(len(batch.messages), all_rejected)
            keep(row_id, all_rejected, now=now)
            registry.count(
                row_id,
                now=now,
                stored=stored.new,
                duplicates=stored.duplicates,
                rejected=len(all_rejected),
                last_event_at=last_event_at,
                position=batch.position,
                holder=self._holder,
                stop_reason=reason,
            )

        with self._ahead.reading(batch):
            stored = self._store(envelopes, also=also)
        n_rejected = len(rejected) + len(stored.refused)
        self._window.append((time.monotonic(), len(batch.messages), n_rejected))
        self._held = None
        self._away_since = None
        self._say("")
        self._source.acknowledge(batch)
        if n_rejected:
            log.warning(
                "%d of %d messages rejected",
                n_rejected,
                len(batch.messages),
                extra={"action": "messages_rejected"},
            )
        log.debug(
            "batch stored: %d new, %d duplicates, %d rejected",
            stored.new,
            stored.duplicates,
            n_rejected,
            extra={"action": "batch_stored"},
        )
        if reason:
            log.error("%s: %s", self.address.label, reason, extra={"action": "source_stopped"})
            self.state = SourceRow.State.STOPPED
            self._window.clear()
            self._rest()

    @staticmethod
    def _refused(batch: Batch, stored: Stored) -> list[Rejected]:
        """The messages of envelopes that the database did not take."""
        if not stored.refused:
            return []
        bodies = {message.body: message for message in batch.messages}
        return [
            Rejected(
                bodies[envelope.body.encode()], f"the database refused it: {first_line(ValueError(why))}"
            )
            for envelope, why in stored.refused
        ]

    def _stop_reason(self, n_messages: int, rejected: Sequence[Rejected]) -> str:
        """Why the source must stop after this batch, in a sentence; empty when it goes on."""
        if not rejected:
            return ""
        start = time.monotonic() - WINDOW_SECONDS
        while self._window and self._window[0][0] < start:
            self._window.popleft()
        n_all = n_messages + sum(messages for _, messages, _ in self._window)
        n_rejected = len(rejected) + sum(count for _, _, count in self._window)
        if n_rejected < STOP_REJECTED or n_rejected <= STOP_SHARE * n_all:
            return ""
        return (
            f"{n_rejected} of the last {n_all} messages were rejected, the latest because: {rejected[-1].reason}; "
            "check that this is a Rasa server's event broker, then resume"
        )

    # Connecting, resting, and a database that is away

    def _connect(self) -> bool:
        if self._source.is_exclusive and not registry.take_lease(self._row_id, self._holder, now=time.time()):
            self._disconnected("another process reads this source; waiting to take over")
            return False
        row = SourceRow.objects.only("position").get(pk=self._row_id)
        self._source.connect(row.position)
        self.is_connected = True
        self._say("")
        log.info("reading %s", self.address.label, extra={"action": "source_connected"})
        self._beat(force=True)
        return True

    def _disconnected(self, problem: str) -> None:
        """Drop what is not stored (it comes again) and try to connect in a moment."""
        self._forget()
        if self.is_connected:
            self._source.close()
            self.is_connected = False
        self._say(problem)
        self._stop.wait(RETRY_SECONDS)

    def _rest(self) -> None:
        """Read nothing while the source is stopped or paused."""
        self._forget()
        if self.is_connected:
            self._source.close()
            self.is_connected = False
            registry.leave_lease(self._row_id, self._holder)
            self._beat(force=True)
        self._stop.wait(self._wait)

    def _database_away(self, problem: BaseException) -> None:
        """Keep batch and connection alive for a minute, then give the messages back once; see `_probe_database`."""
        now = time.monotonic()
        if self._away_since is None:
            self._away_since = now
        self._say(f"the database takes no events (DATABASE_URL): {first_line(problem)}")
        leave_database()
        try:
            if self.is_connected and now - self._away_since >= HOLD_SECONDS:
                self._forget()
                self.is_connected = False
                self._source.pause()
            else:
                self._source.heartbeat()
        except Unavailable:
            self._forget()
            self.is_connected = False
        self._stop.wait(RETRY_SECONDS)

    def _probe_database(self) -> None:
        """Make sure that a batch would be stored now; raises like a batch.

        Taking from a queue and giving back again and again would make quorum queues drop messages.
        """
        with transaction.atomic():
            check_in_batch(connection)
            SourceRow.objects.filter(pk=self._row_id).update(heartbeat_at=time.time())
        if self._held is None:
            self._away_since = None
            self._say("")

    def _beat(self, *, force: bool = False) -> None:
        """Every few seconds: say how the source is doing, keep the lease, hear what people decided."""
        now = time.monotonic()
        if not self._row_id or (not force and now - self._beat_at < BEAT_SECONDS):
            return
        self._beat_at = now
        if now - self._database_opened_at > RECONNECT_DATABASE_SECONDS:
            self._database_opened_at = now
            leave_database()
        needs_lease = self.is_connected and self._source.is_exclusive
        if needs_lease and not registry.take_lease(self._row_id, self._holder, now=time.time()):
            raise registry.LeaseLost
        self.state = registry.beat(
            self._row_id,
            now=time.time(),
            connected=self.is_connected,
            problem=self.problem,
            facts=self._source.facts() if self.is_connected else {},
        )
        if self.state is None:  # the row was deleted; `_pass` begins with a new one
            self._row_id, self.state = 0, SourceRow.State.RUNNING

    def _say(self, problem: str) -> None:
        """Log and show a problem when it is a new one; empty: it is over."""
        if problem == self.problem:
            return
        self.problem = problem
        self._beat_at = -BEAT_SECONDS
        if problem:
            log.warning("%s: %s", self.address.label, problem, extra={"action": "source_problem"})


def leave_database() -> None:
    """Close this thread's connection; the next query opens a fresh one. Within a transaction (a test's) it stays."""
    if not connection.in_atomic_block:
        connection.close()
