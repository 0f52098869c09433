"""What the event service does beside reading: takes away what time makes useless, computes anew what became stale.

Both wait for their turn: events that come go before, and nobody who reviews should feel it.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence

from django.db import DatabaseError

from conversations.envelope import Envelope
from conversations.models import Conversation
from conversations.rebuild import rebuild_stale
from conversations.recounting import next_piece
from conversations.store import Stored, store
from conversations.tidy import forget_empty
from enterprise.schema import NotReady
from events.consumer import leave_database

log = logging.getLogger(__name__)

HOUSE_SECONDS = 3600.0
STALE_SECONDS = 10.0  # between looks for stale conversations when there are none
REPORT_SECONDS = 60.0
BUSY_SECONDS = 5.0  # after a batch, events count as coming
AT_A_TIME = 200
QUIET_SECONDS = 60.0  # that a conversation has been silent
ATTEMPTS = 3  # by this process
# Rest after each conversation, in times of what it took: a twentieth of the time while events come, a quarter else.
REST_BUSY, REST_IDLE = 19.0, 3.0


class Pulse:
    """When the consumers of this process last stored something."""

    def __init__(self) -> None:
        self._stored_at = -BUSY_SECONDS

    def store(self, envelopes: Sequence[Envelope], *, also: Callable[[Stored], None] | None = None) -> Stored:
        """`conversations.store.store`, noticed."""
        try:
            return store(envelopes, also=also)
        finally:
            self._stored_at = time.monotonic()

    @property
    def is_busy(self) -> bool:
        """Whether events are coming."""
        return time.monotonic() - self._stored_at < BUSY_SECONDS


def keep(stop: threading.Event) -> None:
    """Once an hour, take away what time makes useless. A database that is away gets its turn an hour later."""
    while not stop.wait(HOUSE_SECONDS):
        try:
            while forget_empty(time.time()):
                pass
        except DatabaseError:
            log.warning("housekeeping could not reach the database", extra={"action": "house_not_kept"})
        except Exception:
            log.exception("housekeeping failed", extra={"action": "house_failed"})
        finally:
            leave_database()


def compute_anew(stop: threading.Event, pulse: Pulse) -> None:
    """Rebuild stale conversations, newest first, one after the other: after late events few, after an upgrade all."""
    failed: Counter[int] = Counter()
    while not stop.is_set():
        try:
            _recount(stop, pulse)
            done = _pass(stop, pulse, failed)
            if done:
                log.info("%d stale conversations were computed anew", done, extra={"action": "stale_done"})
        except (DatabaseError, NotReady):
            log.warning("stale conversations wait for the database", extra={"action": "stale_waits"})
        except Exception:  # the next round may do better; a thread that ended would need a restart
            log.exception("housekeeping failed", extra={"action": "house_failed"})
        finally:
            leave_database()
        stop.wait(STALE_SECONDS)


def _recount(stop: threading.Event, pulse: Pulse) -> None:
    """Count fallbacks anew where what counts as one was changed."""
    while not stop.is_set():
        begun = time.monotonic()
        try:
            if not next_piece():
                return
        except (DatabaseError, NotReady):
            raise
        except Exception:  # stale conversations need not wait for its repair
            log.exception("fallbacks cannot be counted anew", extra={"action": "recount_failed"})
            return
        spent = time.monotonic() - begun
        stop.wait(spent * (REST_BUSY if pulse.is_busy else REST_IDLE))


def _pass(stop: threading.Event, pulse: Pulse, failed: Counter[int]) -> int:
    """All conversations that are stale now; returns how many were rebuilt."""
    done = 0
    reported_at = time.monotonic()
    stale = Conversation.objects.filter(is_stale=True).order_by("-id").values_list("id", flat=True)
    # A batch would wait for the rebuild of a conversation that goes on, and make it stale again.
    stale = stale.exclude(activity_at__gt=time.time() - QUIET_SECONDS)
    ids = list(stale[:AT_A_TIME])
    while ids:
        for pk in ids:
            if failed[pk] >= ATTEMPTS:
                continue
            begun = time.monotonic()
            try:
                done += rebuild_stale(pk)
            except NotReady:
                raise
            except DatabaseError:  # away, or too slow for this one
                failed[pk] += 1
                raise
            except Exception:  # the others need not wait for the repair of one
                failed[pk] = ATTEMPTS
                log.exception("conversation %d cannot be computed anew", pk, extra={"action": "stale_failed"})
            spent = time.monotonic() - begun
            if stop.wait(spent * (REST_BUSY if pulse.is_busy else REST_IDLE)):
                return done
        if time.monotonic() - reported_at > REPORT_SECONDS:
            reported_at = time.monotonic()
            log.info(
                "%d stale conversations computed anew, %d to go",
                done,
                stale.filter(id__lt=ids[-1]).count(),
                extra={"action": "stale_progress"},
            )
        ids = list(stale.filter(id__lt=ids[-1])[:AT_A_TIME])
    return done
