"""Loads the recorded demo conversations as assistant `demo`, the way every event comes in: decoded, then stored.

How far it is stands in `DemoState`, written in the transaction of each batch: after a kill loading goes on where it was,
at the same times. Removed, the demo stays removed until somebody loads it by command.
"""

import gzip
import logging
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from django.db import IntegrityError, InterfaceError, OperationalError, connection, transaction
from django.http import Http404

from conversations.envelope import Envelope
from conversations.models import Assistant, Conversation, Event, Tag
from conversations.store import Stored, store
from enterprise.models import DemoState
from enterprise.schema import NotReady, first_line
from events.decode import Rejection, decode
from events.demo import opinions
from events.demo.repace import repaced

log = logging.getLogger(__name__)

ASSISTANT = "demo"
RECORDING = Path(__file__).with_name("recording.jsonl.gz")
BATCH = 100  # events; on SQLite a click waits for one batch at most
REST = 1.0  # of the time a batch took: others have the database to themselves
DELETE_AT_ONCE = 20  # conversations
RETRY_SECONDS = 1.0

Timed = tuple[float, str, dict[str, Any]]  # when (seconds UTC), body, AMQP properties


class Overtaken(Exception):
    """Somebody else loads, or has removed, the demo."""


def state() -> DemoState | None:
    """How far the demo is; None when it was never loaded."""
    return DemoState.objects.first()


def is_wanted() -> bool:
    """Whether `serve` should load: the database is empty, or a kill stopped the load half-way."""
    if not RECORDING.exists():
        log.warning("there is no recording of the demo: %s", RECORDING.name)
        return False
    known = state()
    if known is not None:
        return known.state == DemoState.State.LOADING
    return not Event.objects.exists()


def load(stop: threading.Event, say: Callable[[str], None] = lambda _text: None) -> bool:
    """Load what is missing; False when `stop` came first, or somebody else loads or removed it. Waits for the database."""
    known = state()
    if known is not None and known.state != DemoState.State.LOADING:
        return known.state == DemoState.State.DONE
    paced_to = known.paced_to if known else time.time()
    messages = recording(paced_to)
    position = known.position if known else 0
    while not stop.is_set():
        began = time.monotonic()
        try:
            if position >= len(messages):
                if _finish(stop):
                    say(f"{len(messages)} events of the demo are loaded.")
                    return True
                break
            batch = messages[position : position + BATCH]
            store(envelopes(batch), also=_progress(paced_to, position, position + len(batch), len(messages)))
        except (Overtaken, Http404):
            log.info("the demo is loaded or removed by another process")
            _sweep()
            return False
        except (OperationalError, InterfaceError, NotReady) as error:
            log.warning("the demo waits: %s", first_line(error))
            connection.close()
            stop.wait(RETRY_SECONDS)
            continue
        position += len(batch)
        stop.wait(REST * (time.monotonic() - began))
    return False


def _finish(stop: threading.Event) -> bool:
    """All conversations are there: the invented colleagues say what they think, then it is done. False: told to stop."""
    opinions.give(ASSISTANT, stop)
    if stop.is_set():
        return False  # the rest when it goes on
    loading = DemoState.objects.filter(pk=1, state=DemoState.State.LOADING)
    if not loading.update(state=DemoState.State.DONE) and not DemoState.objects.filter(
        state=DemoState.State.DONE
    ):
        raise Overtaken
    return True


def recording(paced_to: float) -> list[Timed]:
    """All recorded messages at human pace, ending before `paced_to`, in order of time."""
    with gzip.open(RECORDING, "rt", encoding="utf-8") as lines:
        return repaced(lines, now=paced_to)


def envelopes(messages: Sequence[Timed]) -> list[Envelope]:
    """Messages decoded as if a broker had delivered them. Raises ValueError for what is no event: a broken recording."""
    found = []
    for _at, body, properties in messages:
        decoded = decode(body.encode(), assistant=ASSISTANT, environment=properties.get("app_id") or "")
        if isinstance(decoded, Rejection):
            raise ValueError(f"{RECORDING.name} holds what is no event: {decoded.reason}")
        found.append(decoded)
    return found


def _progress(paced_to: float, before: int, after: int, total: int) -> Callable[[Stored], None]:
    """Writes how far the load is, inside the batch's transaction. Of two loaders that get here one is overtaken."""
    fields = {
        "position": after,
        "total": total,
        "state": DemoState.State.LOADING,
    }

    def write(_stored: Stored) -> None:
        if before == 0:
            try:
                with transaction.atomic():
                    DemoState.objects.create(pk=1, paced_to=paced_to, **fields)
            except IntegrityError as error:
                raise Overtaken from error
        elif not DemoState.objects.filter(pk=1, state=DemoState.State.LOADING, position=before).update(
            **fields
        ):
            raise Overtaken

    return write


def _sweep() -> None:
    """A batch that was overtaken by a removal has made its empty conversations again."""
    known = state()
    if known is not None and known.state == DemoState.State.REMOVED:
        _delete()


def remove() -> int:
    """Delete the demo for good, in bounded statements; how many conversations went. A load that runs stops."""
    DemoState.objects.update_or_create(
        pk=1,
        defaults={"state": DemoState.State.REMOVED, "position": 0},
        create_defaults={"state": DemoState.State.REMOVED, "paced_to": time.time()},
    )
    return _delete()


def _delete() -> int:
    removed = 0
    while True:
        with transaction.atomic():
            ids = list(
                Conversation.objects.select_for_update()
                .filter(assistant__name=ASSISTANT)
                .order_by("id")
                .values_list("id", flat=True)[:DELETE_AT_ONCE]
            )
            Conversation.objects.filter(id__in=ids).delete()
        if not ids:
            break
        removed += len(ids)
    with transaction.atomic():
        Tag.objects.filter(assistant__name=ASSISTANT).delete()
        Assistant.objects.filter(name=ASSISTANT).delete()
        opinions.forget()
    return removed


def forget() -> None:
    """Let a removed demo be loaded again."""
    DemoState.objects.filter(state=DemoState.State.REMOVED).delete()


def is_present() -> bool:
    """Whether there are demo conversations to play beside, or to remove."""
    known = state()
    return known is not None and known.state != DemoState.State.REMOVED
