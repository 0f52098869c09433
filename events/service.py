"""The event service: one consumer a source, each in a thread of its own when there are several."""

import gc
import logging
import threading
from collections.abc import Callable, Sequence
from urllib.parse import quote

from django.conf import settings

from enterprise.schema import wait_until_ready
from events import house
from events.consumer import Consumer, Outcome, leave_database
from events.sources import BATCH_MESSAGES, Address, from_url

log = logging.getLogger(__name__)

RESTART_SECONDS = 5.0  # after a mistake of ours, where nobody else restarts us


def default_urls() -> list[str]:
    """What is read when nothing else is said: `EVENT_BROKER_URL`; on SQLite also the embedded file that a Rasa may fill."""
    urls = list(settings.EVENT_BROKER_URLS)
    if not urls or settings.DATABASES["default"]["ENGINE"].endswith("sqlite3"):
        urls.append(embedded_url())
    return urls


def embedded_url() -> str:
    """The address of the file that a Rasa on this machine with the `sql` broker fills."""
    return f"sql+sqlite://{quote(str(settings.EMBEDDED_EVENTS_DB))}"


def run(
    urls: Sequence[str],
    stop: threading.Event,
    once: bool = False,
    exit_when_idle: float | None = None,
    batch_size: int = BATCH_MESSAGES,
    *,
    exit_when_stopped: bool = False,
) -> int:
    """Read all sources until `stop` is set; returns the exit code (0 done, 1 failed, 3 stopped by rejected messages).

    A stopped source waits for somebody to resume it, or with `exit_when_stopped` ends its consumer. Waits for the
    schema first. Raises BadAddress before anything is read.
    """
    addresses = {address.key: address for address in map(from_url, urls)}
    if not wait_until_ready(stop, lambda text: log.info("%s", text)):
        return 0

    pulse = house.Pulse()

    def consume(address: Address) -> Outcome:
        return _consume(
            lambda: Consumer(address, stop, batch_size=batch_size, store=pulse.store).run(
                once=once, exit_when_idle=exit_when_idle, exit_when_stopped=exit_when_stopped
            ),
            stop,
            restart=not exit_when_stopped,
        )

    look_for_cycles_seldom()
    if not once and exit_when_idle is None:
        threading.Thread(target=house.keep, args=(stop,), name="events-house", daemon=True).start()
        threading.Thread(
            target=house.compute_anew, args=(stop, pulse), name="events-stale", daemon=True
        ).start()
    if len(addresses) == 1:
        outcomes = [consume(*addresses.values())]
    else:
        outcomes = _in_threads(consume, list(addresses.values()))
    for outcome in (Outcome.STOPPED, Outcome.FAILED):
        if outcome in outcomes:
            return int(outcome.value)
    return 0


def look_for_cycles_seldom() -> None:
    """Batches make many objects and hardly a cycle: looking for some after every 700 took a fifth of the processor's time."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def _consume(run_once: Callable[[], Outcome], stop: threading.Event, *, restart: bool) -> Outcome:
    try:
        while True:
            try:
                return run_once()
            except Exception:
                # What was not acknowledged comes again; where a supervisor restarts the process, that is its business.
                log.exception("the event service stumbled", extra={"action": "consumer_failed"})
                leave_database()
                if not restart:
                    return Outcome.FAILED
            if stop.wait(RESTART_SECONDS):
                return Outcome.DONE
    finally:
        leave_database()


def _in_threads(consume: Callable[[Address], Outcome], addresses: list[Address]) -> list[Outcome]:
    outcomes: list[Outcome] = []
    threads = [
        threading.Thread(
            target=lambda one=address: outcomes.append(consume(one)), name=f"events-{address.kind}"
        )
        for address in addresses
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        while thread.is_alive():
            thread.join(1.0)  # in slices, so that signals reach the main thread's handlers
    return outcomes
