"""The event service keeps the house while it runs."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from conversations.models import Conversation, Event, SessionValue
from conversations.rebuild import rebuild_stale
from conversations.store import ensure_conversation, store
from events import house, service
from events.consumer import leave_database
from tests.histories import Message
from tests.test_store_histories import envelopes

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]

EVENTS = [
    '{"event": "user", "timestamp": 1.7e9, "text": "hi"}',
    '{"event": "action", "timestamp": 1700000001, "name": "utter_hi"}',
    '{"event": "user", "timestamp": 1700000002, "text": "bye"}',
    '{"event": "action", "timestamp": 1700000003, "name": "utter_hi"}',
]


@contextmanager
def running_until(condition: Callable[[], bool]) -> Iterator[None]:
    """The event service runs until this is true, or for 20 seconds."""
    stop = threading.Event()
    running = threading.Thread(target=service.run, args=([service.embedded_url()], stop))
    running.start()
    try:
        deadline = time.monotonic() + 20
        while not condition() and time.monotonic() < deadline:
            time.sleep(0.05)
        yield
    finally:
        stop.set()
        running.join(20)
    assert not running.is_alive()


def test_empty_conversations_go_while_the_service_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(house, "HOUSE_SECONDS", 0.02)
    Conversation.objects.filter(pk=ensure_conversation("default", "nobody")).update(
        created_at=time.time() - 90_000
    )
    ensure_conversation("default", "somebody, perhaps")
    with running_until(lambda: Conversation.objects.count() == 1):
        assert list(Conversation.objects.values_list("sender_id", flat=True)) == ["somebody, perhaps"]


def test_stale_conversations_are_computed_anew_and_one_that_cannot_be_holds_up_no_other(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for sender in ("first", "broken", "last"):
        store(envelopes("default", [Message(sender, event) for event in EVENTS]))
    SessionValue.objects.update(turns=0)
    Conversation.objects.update(is_stale=True)
    Event.objects.filter(conversation__sender_id="broken").update(body="no JSON")
    monkeypatch.setattr(house, "STALE_SECONDS", 0.02)
    with (
        caplog.at_level("INFO"),
        running_until(lambda: Conversation.objects.filter(is_stale=True).count() == 1),
    ):
        stale = Conversation.objects.filter(is_stale=True)
        assert list(stale.values_list("sender_id", flat=True)) == ["broken"]
        said = SessionValue.objects.filter(kind=SessionValue.Kind.ACTION, turns=0b110)
        assert sorted(said.values_list("session__conversation__sender_id", flat=True)) == ["first", "last"]
    assert "2 stale conversations were computed anew" in caplog.text
    assert caplog.text.count("cannot be computed anew") == 1


def test_what_fails_unforeseen_ends_no_thread_and_holds_up_no_stale_conversation(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store(envelopes("default", [Message("one", event) for event in EVENTS]))
    Conversation.objects.update(is_stale=True)
    monkeypatch.setattr(house, "STALE_SECONDS", 0.01)
    monkeypatch.setattr(house, "next_piece", lambda: 1 / 0)
    stop, rounds = threading.Event(), []

    def left() -> None:
        rounds.append(1)
        if len(rounds) == 3:
            stop.set()
        leave_database()

    monkeypatch.setattr(house, "leave_database", left)
    house.compute_anew(stop, house.Pulse())
    assert len(rounds) == 3
    assert not Conversation.objects.filter(is_stale=True).exists()
    assert caplog.text.count("fallbacks cannot be counted anew") == 3
    monkeypatch.setattr(house, "_pass", lambda *_: 1 / 0)
    stop.clear()
    rounds.clear()
    house.compute_anew(stop, house.Pulse())
    assert caplog.text.count("housekeeping failed") == 3


def test_a_conversation_that_goes_on_waits_until_it_is_silent() -> None:
    event = {"event": "user", "timestamp": time.time(), "text": "hi"}
    store(envelopes("default", [Message("now", json.dumps(event)), Message("then", EVENTS[0])]))
    Conversation.objects.update(is_stale=True)
    assert house._pass(threading.Event(), house.Pulse(), Counter()) == 1
    assert list(Conversation.objects.filter(is_stale=True).values_list("sender_id", flat=True)) == ["now"]


def test_a_conversation_that_somebody_rebuilt_meanwhile_is_left_alone() -> None:
    store(envelopes("default", [Message("one", event) for event in EVENTS]))
    conversation = Conversation.objects.get()
    assert not rebuild_stale(conversation.pk)
    Conversation.objects.update(is_stale=True)
    assert rebuild_stale(conversation.pk)
    assert Conversation.objects.get().revision == conversation.revision + 1
