"""The demo recording at human pace: order and turns kept, times plausible, nothing in the future."""

import datetime
import gzip
import json
import random
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from events.demo.repace import (
    LONGEST_PAUSE,
    SESSION_EXPIRY,
    WORKING_GAP,
    Recorded,
    pause,
    repaced,
    split_bursts,
    split_visits,
    starts,
)

RECORDING = Path(__file__).parent.parent / "events" / "demo" / "recording.jsonl.gz"
NOW = 1_790_000_000.25
DAY = 86400.0

Item = tuple[float, str, dict[str, Any]]


@pytest.fixture(scope="module")
def lines() -> list[str]:
    with gzip.open(RECORDING, "rt", encoding="utf-8") as recording:
        return list(recording)


@pytest.fixture(scope="module")
def items(lines: list[str]) -> list[Item]:
    return repaced(lines, now=NOW)


@pytest.fixture(scope="module")
def originals(lines: list[str]) -> dict[str, list[dict[str, Any]]]:
    return by_sender(json.loads(json.loads(line)["body"]) for line in lines)


@pytest.fixture(scope="module")
def moved(items: list[Item]) -> dict[str, list[dict[str, Any]]]:
    return by_sender(json.loads(body) for _, body, _ in items)


def by_sender(events: Any) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for event in events:
        found[event["sender_id"]].append(event)
    return found


def recorded(*events: tuple[float, dict[str, Any]]) -> list[Recorded]:
    return [Recorded(at, {"timestamp": at, **event}, {}) for at, event in events]


def user(text: str, message_id: str = "", **more: Any) -> dict[str, Any]:
    return {"event": "user", "text": text, "message_id": message_id or text, **more}


def action(name: str) -> dict[str, Any]:
    return {"event": "action", "name": name}


LISTEN = action("action_listen")
START = action("action_session_start")


def texts(messages: list[Recorded]) -> list[list[str]]:
    return [
        [str(m.event.get("text") or m.event.get("name") or m.event["event"]) for m in burst.messages]
        for burst in split_bursts(messages)
    ]


def test_every_message_of_the_recording_comes_once(lines: list[str], items: list[Item]) -> None:
    assert len(items) == len(lines) > 5000


def test_bodies_are_as_published_but_for_their_times(
    originals: dict[str, list[dict[str, Any]]], moved: dict[str, list[dict[str, Any]]]
) -> None:
    assert originals.keys() == moved.keys()
    for sender, events in moved.items():
        for old, new in zip(sorted_by_time(originals[sender]), events, strict=True):
            times = {"timestamp", "date_time"} if old["event"] == "reminder" else {"timestamp"}
            assert {k: v for k, v in old.items() if k not in times} == {
                k: v for k, v in new.items() if k not in times
            }
            assert list(old) == list(new)


def sorted_by_time(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(events, key=lambda event: event["timestamp"])


def test_the_text_of_a_body_is_what_rasa_would_write(lines: list[str]) -> None:
    for line in lines[:2000]:
        body = json.loads(line)["body"]
        assert json.dumps(json.loads(body)) == body


def test_times_are_sorted_equal_the_bodies_and_lie_in_the_window(items: list[Item]) -> None:
    times = [at for at, _, _ in items]
    assert times == sorted(times)
    assert all(json.loads(body)["timestamp"] == at for at, body, _ in items)
    assert times[-1] < NOW
    assert times[-1] > NOW - 2 * DAY
    assert NOW - 31 * DAY < times[0] < NOW - 25 * DAY


def test_the_same_seed_gives_the_same_and_another_seed_gives_other_times(
    lines: list[str], items: list[Item]
) -> None:
    assert repaced(lines, now=NOW, seed=7) == items
    assert [at for at, _, _ in repaced(lines, now=NOW, seed=8)] != [at for at, _, _ in items]


def test_small_gaps_inside_a_turn_are_kept_and_long_ones_only_grow(
    originals: dict[str, list[dict[str, Any]]], moved: dict[str, list[dict[str, Any]]]
) -> None:
    small = 0
    for sender, events in moved.items():
        old = sorted_by_time(originals[sender])
        for index in range(1, len(events)):
            gap = old[index]["timestamp"] - old[index - 1]["timestamp"]
            new = events[index]["timestamp"] - events[index - 1]["timestamp"]
            assert new > gap - 1e-6
            if gap < 0.001 and old[index]["event"] not in {"user", "agent", "resume"}:
                assert new == pytest.approx(gap, abs=1e-6)
                small += 1
    assert small > 1000


def test_a_new_session_follows_more_than_an_hour_of_silence_and_nothing_else_does(
    moved: dict[str, list[dict[str, Any]]],
) -> None:
    sessions = 0
    for events in moved.values():
        last_user = None
        for index, event in enumerate(events):
            begins = event["event"] == "action" and event["name"] == "action_session_start"
            if (
                begins
                and index
                and events[index - 1]["event"] not in {"restart", "user_featurization"}
                and last_user
            ):
                sessions += 1
                assert event["timestamp"] - last_user > SESSION_EXPIRY
            if event["event"] == "user":
                if last_user is not None and not _session_start_between(events, last_user, index):
                    assert event["timestamp"] - last_user < SESSION_EXPIRY
                last_user = event["timestamp"]
    assert sessions > 50


def _session_start_between(events: list[dict[str, Any]], since: float, index: int) -> bool:
    return any(event["event"] == "session_started" for event in events[:index] if event["timestamp"] > since)


def test_three_customers_return_for_twenty_sessions_over_many_days(
    moved: dict[str, list[dict[str, Any]]],
) -> None:
    starts_by_sender = {
        sender: [event["timestamp"] for event in events if event["event"] == "session_started"]
        for sender, events in moved.items()
    }
    regulars = [times for times in starts_by_sender.values() if len(times) >= 20]
    assert len(regulars) >= 3
    for times in regulars:
        assert len({int(at // DAY) for at in times}) >= 10


def test_days_are_busier_than_nights(items: list[Item]) -> None:
    hours = [int(at % DAY // 3600) for at, _, _ in items]
    night = sum(hour < 5 for hour in hours)
    morning = sum(8 <= hour < 13 for hour in hours)
    assert morning > 5 * night


def test_a_reminder_is_due_when_it_fires(moved: dict[str, list[dict[str, Any]]]) -> None:
    fired = 0
    for events in moved.values():
        for index, event in enumerate(events):
            if event["event"] != "reminder":
                continue
            due = datetime.datetime.fromisoformat(event["date_time"]).timestamp()
            assert due > event["timestamp"]
            for later in events[index + 1 :]:
                if later["event"] in {"session_started", "cancel_reminder", "reminder"}:
                    break
                if later["event"] == "user" and later["text"] == "EXTERNAL: EXTERNAL_reminder":
                    assert later["timestamp"] == pytest.approx(due, abs=0.01)
                    fired += 1
                    break
    assert fired >= 1


def test_a_turn_ends_with_listening_and_its_session_start_belongs_to_it() -> None:
    messages = recorded(
        (1.0, START),
        (1.1, {"event": "session_started"}),
        (1.2, LISTEN),
        (1.3, user("hi")),
        (1.4, action("utter_greet")),
        (1.5, LISTEN),
        (1.6, user("bye")),
        (1.7, LISTEN),
    )
    assert texts(messages) == [
        ["action_session_start", "session_started", "action_listen", "hi", "utter_greet", "action_listen"],
        ["bye", "action_listen"],
    ]


def test_metadata_before_a_session_start_opens_the_burst() -> None:
    metadata = {"event": "slot", "name": "session_started_metadata", "value": {"page": "/"}}
    messages = recorded(
        (1.0, user("hi")), (1.1, LISTEN), (2.0, metadata), (2.1, START), (2.2, LISTEN), (2.3, user("a"))
    )
    assert [burst.starts_session for burst in split_bursts(messages)] == [False, True]
    assert len(split_visits(split_bursts(messages))) == 2


def test_a_restart_and_its_session_stay_in_one_burst_and_one_visit() -> None:
    messages = recorded(
        (1.0, user("/restart")),
        (1.1, action("action_restart")),
        (1.2, {"event": "restart"}),
        (1.3, START),
        (1.4, {"event": "session_started"}),
        (1.5, LISTEN),
        (1.6, user("hi")),
    )
    bursts = split_bursts(messages)
    assert [len(burst.messages) for burst in bursts] == [6, 1]
    assert len(split_visits(bursts)) == 1


def test_a_message_that_a_fallback_repeats_does_not_open_a_turn() -> None:
    messages = recorded(
        (1.0, user("blub", "m1")),
        (1.1, {"event": "rewind"}),
        (1.2, LISTEN),
        (1.3, user("blub", "m1")),
        (1.4, LISTEN),
    )
    assert [len(burst.messages) for burst in split_bursts(messages)] == [5]


def test_a_paused_bot_and_a_colleague_make_bursts_of_their_own() -> None:
    messages = recorded(
        (1.0, user("person")),
        (1.1, action("action_handoff")),
        (1.2, {"event": "pause"}),
        (1.3, user("hello?")),
        (1.4, {"event": "agent", "text": "Sam here"}),
        (1.5, {"event": "resume"}),
        (1.6, LISTEN),
        (1.7, user("thanks")),
    )
    assert texts(messages) == [
        ["person", "action_handoff", "pause"],
        ["hello?"],
        ["Sam here"],
        ["resume", "action_listen"],
        ["thanks"],
    ]


def test_a_session_start_while_paused_is_a_new_visit() -> None:
    messages = recorded(
        (1.0, user("hello?")), (9.0, START), (9.1, {"event": "session_started"}), (9.2, LISTEN)
    )
    assert len(split_visits(split_bursts(messages))) == 2


def test_longer_texts_take_longer_and_buttons_are_quick() -> None:
    def mean(text: str) -> float:
        burst = split_bursts(recorded((1.0, user(text))))[0]
        rng = random.Random(1)
        waits = sorted(pause(burst, "", rng) for _ in range(201))
        return waits[100]

    assert (
        mean("/affirm")
        < mean("ok, yes please")
        < mean("I have been waiting for the engineer since Tuesday" * 2)
    )


def test_sessions_never_overlap_even_when_there_are_too_many_for_the_window() -> None:
    lengths = [1800.0] * 30
    found = starts(lengths, NOW, 1, random.Random(3))
    assert found == sorted(found)
    assert found[-1] + lengths[-1] < NOW
    for before, after in pairwise(found):
        assert after - before - 1800.0 > SESSION_EXPIRY


def test_pauses_inside_a_session_never_reach_the_expiry() -> None:
    assert LONGEST_PAUSE < SESSION_EXPIRY
    assert WORKING_GAP < 1


def test_lines_that_are_no_recording_are_refused() -> None:
    with pytest.raises(ValueError, match="Expecting"):
        repaced(["no json"], now=NOW)
    with pytest.raises(KeyError):
        repaced(['{"properties": {}}'], now=NOW)


def test_an_empty_recording_is_an_empty_demo() -> None:
    assert repaced([], now=NOW) == []
