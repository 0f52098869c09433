"""The demo goes the way of all events, survives kills, and goes for good when it is removed."""

import gzip
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError

from conversations.models import Assistant, Conversation, Event, Session
from conversations.store import store
from enterprise import schema
from enterprise.models import AuditLine, DemoState
from events.decode import decode
from events.demo import load, play

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]

SENDERS, SESSIONS, TURNS = 4, 2, 4
BEGAN = 1.7e9


def recorded() -> list[dict[str, Any]]:
    """A little recording: each sender comes twice and says four things each time."""
    messages: list[dict[str, Any]] = []
    at = BEGAN

    def say(sender: str, kind: str, **fields: Any) -> None:
        nonlocal at
        at += 0.001
        event = {
            "sender_id": sender,
            "event": kind,
            "timestamp": at,
            "metadata": {"model_id": "m1"},
            **fields,
        }
        messages.append({"body": json.dumps(event), "properties": {"app_id": "production"}})

    for number in range(SENDERS):
        sender = f"customer-{number}"
        for _ in range(SESSIONS):
            say(sender, "action", name="action_session_start", policy=None, confidence=1.0)
            say(sender, "session_started")
            say(sender, "action", name="action_listen", policy=None, confidence=None)
            for turn in range(TURNS):
                parse_data = {"intent": {"name": "greet", "confidence": 0.9}, "entities": []}
                text = f"{sender} says {turn}"
                say(
                    sender,
                    "user",
                    text=text,
                    parse_data=parse_data,
                    input_channel="webchat",
                    message_id=str(at),
                )
                say(sender, "action", name="utter_greet", policy="RulePolicy", confidence=1.0)
                say(sender, "bot", text="Hello", data={})
                say(sender, "action", name="action_listen", policy="RulePolicy", confidence=1.0)
            at += 10
    return messages


@pytest.fixture(autouse=True)
def recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many events the recording has that stands in for the real one."""
    path = tmp_path / "recording.jsonl.gz"
    messages = recorded()
    with gzip.open(path, "wt", encoding="utf-8") as lines:
        lines.writelines(json.dumps(message) + "\n" for message in messages)
    monkeypatch.setattr(load, "RECORDING", path)
    monkeypatch.setattr(play, "RECORDING", path)
    monkeypatch.setattr(load, "BATCH", 20)
    monkeypatch.setattr(load, "RETRY_SECONDS", 0.01)
    schema.is_ready.forget()
    return len(messages)


def snapshot() -> list[tuple[Any, ...]]:
    rows = Event.objects.order_by("conversation__sender_id", "timestamp", "hash")
    return list(rows.values_list("conversation__sender_id", "timestamp", "body", "environment"))


def test_an_empty_database_is_filled_with_the_last_days(recording: int) -> None:
    assert load.is_wanted()
    assert load.load(threading.Event())
    assert Event.objects.count() == recording
    assert Session.objects.filter(assistant__name="demo").count() == SENDERS * SESSIONS
    times = Event.objects.values_list("timestamp", flat=True)
    assert time.time() - 40 * 86400 < min(times) < max(times) < time.time()
    done = DemoState.objects.get()
    assert (done.state, done.position, done.total) == ("done", recording, recording)
    assert not load.is_wanted()
    assert load.load(threading.Event())
    assert Event.objects.count() == recording


def test_a_database_with_events_gets_no_demo() -> None:
    event = decode(b'{"sender_id": "a", "event": "restart", "timestamp": 1700000000.5}')
    store([event])  # type: ignore[list-item]
    assert not load.is_wanted()


class Killed(BaseException):
    """A kill at this instant."""


def kill_at(number: int, *, before_commit: bool) -> Callable[..., Any]:
    calls = 0

    def killing(envelopes: Any, *, also: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls < number:
            return store(envelopes, also=also)
        if before_commit:

            def dying(stored: Any) -> None:
                also(stored)
                raise Killed

            return store(envelopes, also=dying)
        store(envelopes, also=also)
        raise Killed

    return killing


@pytest.mark.parametrize("before_commit", [True, False])
@pytest.mark.parametrize("number", [1, 3])
def test_after_a_kill_loading_goes_on_at_the_same_times(
    recording: int, monkeypatch: pytest.MonkeyPatch, number: int, before_commit: bool
) -> None:
    monkeypatch.setattr(load, "store", kill_at(number, before_commit=before_commit))
    with pytest.raises(Killed):
        load.load(threading.Event())
    monkeypatch.setattr(load, "store", store)
    known = load.state()
    started = known is not None
    assert started == (number > 1 or not before_commit)
    assert load.is_wanted()
    assert load.load(threading.Event())
    assert Event.objects.count() == recording
    expected = load.recording(DemoState.objects.get().paced_to)
    assert sorted(row[1] for row in snapshot()) == [at for at, _, _ in expected]


def test_a_database_that_is_away_is_waited_for(recording: int, monkeypatch: pytest.MonkeyPatch) -> None:
    failures = iter([OperationalError("away"), schema.NotReady("migrating"), None])

    def unreliable(envelopes: Any, *, also: Any) -> Any:
        if error := next(failures, None):
            raise error
        return store(envelopes, also=also)

    monkeypatch.setattr(load, "store", unreliable)
    assert load.load(threading.Event())
    assert Event.objects.count() == recording


def test_told_to_stop_it_stops_between_two_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    stop = threading.Event()

    def last(envelopes: Any, *, also: Any) -> Any:
        stop.set()
        return store(envelopes, also=also)

    monkeypatch.setattr(load, "store", last)
    assert not load.load(stop)
    assert Event.objects.count() == 20


def test_of_two_loaders_one_gives_way(recording: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def overtaken(envelopes: Any, *, also: Any) -> Any:
        monkeypatch.setattr(load, "store", store)
        assert load.load(threading.Event())
        return store(envelopes, also=also)

    monkeypatch.setattr(load, "store", overtaken)
    assert not load.load(threading.Event())
    assert Event.objects.count() == recording


def test_removed_it_stays_removed_and_nothing_else_goes(recording: int) -> None:
    load.load(threading.Event())
    other = decode(b'{"sender_id": "a", "event": "restart", "timestamp": 1700000000.5}')
    store([other])  # type: ignore[list-item]
    assert load.remove() == SENDERS
    assert Event.objects.count() == 1
    assert not Assistant.objects.filter(name="demo").exists()
    assert not load.is_wanted()
    assert not load.load(threading.Event())
    assert Conversation.objects.count() == 1


def test_a_load_that_runs_stops_when_the_demo_is_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = 0

    def interrupted(envelopes: Any, *, also: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 3:
            load.remove()
        return store(envelopes, also=also)

    monkeypatch.setattr(load, "store", interrupted)
    assert not load.load(threading.Event())
    assert Event.objects.count() == 0
    assert not Assistant.objects.filter(name="demo").exists()


def test_the_commands_load_again_after_a_removal(recording: int, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("demo", "load")
    call_command("demo", "remove")
    assert AuditLine.objects.get().action == "demo.remove"
    with pytest.raises(CommandError, match="not loaded"):
        call_command("demo", "play")
    call_command("demo", "load")
    assert Event.objects.count() == recording
    assert f"{recording} events" in capsys.readouterr().out


def test_a_play_tells_one_conversation_now_turn_by_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    load.load(threading.Event())
    sizes: list[int] = []

    def counting(envelopes: Any) -> Any:
        sizes.append(len(envelopes))
        return store(envelopes)

    monkeypatch.setattr(play, "store", counting)
    began = time.time()
    assert play.play(threading.Event(), pause=0.01) == TURNS + 1
    assert sizes == [3] + [4] * TURNS
    live = Conversation.objects.get(sender_id__startswith="live-")
    assert live.first_at is not None
    assert live.first_at >= began
    assert live.n_events == sum(sizes)
    assert Session.objects.get(conversation=live).n_user_messages == TURNS


def test_one_play_at_a_time_and_none_without_the_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not play.start()
    load.load(threading.Event())
    playing, go_on = threading.Event(), threading.Event()

    def slow(_stop: threading.Event) -> int:
        playing.set()
        go_on.wait(10)
        return 0

    monkeypatch.setattr(play, "play", slow)
    assert play.start()
    assert playing.wait(10)
    assert not play.start()
    go_on.set()
    finish_plays()
    assert play.start()
    finish_plays()


def finish_plays() -> None:
    for thread in threading.enumerate():
        if thread.name == "demo-play":
            thread.join(10)
