"""Slots as we fold them are those of Rasa's own tracker, after every event of every recorded conversation."""

import gzip
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conversations.identity import parse
from conversations.reading import read
from conversations.timeline import mark, slots, starts
from tests.rasa.server import ROOT

pytestmark = pytest.mark.rasa

RECORDINGS = [ROOT / "events" / "demo" / "recording.jsonl.gz"]
if folder := os.environ.get("ENTERPRISE_SAMPLES"):
    RECORDINGS += sorted(Path(folder).glob("*-events.jsonl.gz"))

CHANGING = {
    "slot",
    "rewind",
    "undo",
    "reset_slots",
    "restart",
    "session_started",
}  # all that can change a slot


def sessions(recording: Path) -> Iterator[list[dict[str, Any]]]:
    """The bodies of each session of a recording, in order."""
    conversations: dict[str, list[tuple[Any, dict[str, Any]]]] = {}
    with gzip.open(recording, "rt") as lines:
        for line in lines:
            body = json.loads(line)["body"]
            event = json.loads(body)
            conversations.setdefault(event["sender_id"], []).append((read(parse(body)), event))
    for events in conversations.values():
        events.sort(key=lambda pair: pair[0].key)
        begins = starts([mark(row) for row, _ in events], gap=None)
        for begin, end in zip(begins, [*begins[1:], len(events)], strict=True):
            yield [event for _, event in events[begin:end]]


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda path: path.name)
def test_slots_after_every_event_are_those_of_rasas_tracker(recording: Path, rasa_bin: Path) -> None:
    recorded = list(sessions(recording))
    answer = subprocess.run(
        [rasa_bin / "python", Path(__file__).with_name("tracker_slots.py")],
        input="".join(json.dumps(events) + "\n" for events in recorded),
        capture_output=True,
        text=True,
        check=True,
    )
    told = [json.loads(line) for line in answer.stdout.splitlines()]
    assert len(told) == len(recorded) > 100
    n_set = n_rewound = 0
    for events, states in zip(recorded, told, strict=True):
        before: dict[str, Any] = {}
        for end, state in enumerate(states, start=1):
            if events[end - 1]["event"] in CHANGING:
                assert slots(events[:end]) == state, events[:end][-20:]
            else:
                assert state == before
            before = state
            n_set += bool(state)
        n_rewound += sum(event["event"] == "rewind" for event in events)
    assert n_set > 1000
    assert n_rewound > 10
