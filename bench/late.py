"""Late events: what one that belongs into the middle of a very long session costs, and many of them one by one."""

import json
import time
from typing import Any

from bench import house
from bench.report import Goal, Report, median, percentile, table
from conversations.envelope import Envelope
from conversations.store import store
from events.decode import Rejection, decode

BEGIN = 1_780_000_000.0
GAP = 0.5  # seconds between two events of the long session


def run(report: Report, size: int) -> None:
    """A session of `size` events, then late ones: the first alone, then as many as the session has, each its own batch."""
    house.empty_tables()
    events = [
        _event(0, event="action", name="action_session_start"),
        *(_turn(number) for number in range(1, size)),
    ]
    for start in range(0, size, 500):
        store(events[start : start + 500])
    with_batch = _timed(_event(size, event="bot", text="in order"))
    first = _timed(_event(size / 2 + 0.5, event="user", text="I am late", parse_data=_parsed("late")))
    times = [
        _timed(
            _event(1 + number * 7919 % size + 0.25 + number / (4 * size), event="bot", text=f"late {number}")
        )
        for number in range(size)
    ]
    tenth = max(1, size // 10)
    print()
    table(
        (f"late events into a session of {size:,}, one batch each", "ms"),
        [
            ("one event in order, for comparison", with_batch),
            ("the first late one", first),
            (f"{size:,} late ones: median", median(times)),
            ("95th percentile", percentile(times, 0.95)),
            ("slowest", max(times)),
            ("median of the first tenth", median(times[:tenth])),
            ("median of the last tenth", median(times[-tenth:])),
        ],
    )
    report.goals += [
        Goal(f"one late event into a session of {size:,}", first, unit=" ms"),
        Goal(f"{size:,} late events trickled, each (median)", median(times), unit=" ms"),
    ]


def _timed(envelope: Envelope) -> float:
    begun = time.perf_counter()
    stored = store([envelope])
    spent = (time.perf_counter() - begun) * 1000
    if stored.new != 1:
        raise SystemExit(f"a late event was not stored: {stored}")
    return spent


def _turn(number: int) -> Envelope:
    if number % 5:
        return _event(number, event="action", name=f"action_{number % 7}", policy="TEDPolicy", confidence=0.9)
    return _event(number, event="user", text=f"message {number}", parse_data=_parsed("ask"))


def _parsed(intent: str) -> dict[str, Any]:
    return {"intent": {"name": intent, "confidence": 0.9}, "entities": []}


def _event(place: float, **rest: Any) -> Envelope:
    body = {"sender_id": "long", "timestamp": BEGIN + place * GAP, "metadata": {"model_id": "b5d1"}, **rest}
    envelope = decode(json.dumps(body).encode())
    if isinstance(envelope, Rejection):
        raise SystemExit(envelope.reason)
    return envelope
