"""The repair command: every conversation, beside roles that go on writing."""

import threading
import tracemalloc

import pytest
from django.core.management import call_command
from django.db import connection, connections

from conversations.management.commands import rebuild_summaries
from conversations.models import Conversation, Session
from conversations.rebuild import rebuild_conversation
from conversations.store import ensure_conversation, store
from tests.histories import Message
from tests.test_store_histories import envelopes

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]


def test_it_rebuilds_all_while_another_process_writes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if connection.vendor == "sqlite":
        monkeypatch.setitem(connection.settings_dict["OPTIONS"], "timeout", 1)
    for number in range(5):
        _write(f"before-{number}")
    Session.objects.update(n_user_messages=7)
    monkeypatch.setattr(rebuild_summaries, "REPORT_EVERY", 2)
    rebuilt: list[int] = []

    def beside_a_writer(pk: int) -> None:
        if len(rebuilt) < 5:
            writer = threading.Thread(target=_in_thread, args=(f"beside-{pk}",))
            writer.start()
            writer.join()
        rebuild_conversation(pk)
        rebuilt.append(pk)

    monkeypatch.setattr(rebuild_summaries, "rebuild_conversation", beside_a_writer)
    call_command("rebuild_summaries")
    assert "Rebuilt 10 conversations." in capsys.readouterr().out
    assert sorted(rebuilt) == sorted(Conversation.objects.values_list("id", flat=True))
    assert set(Session.objects.values_list("n_user_messages", flat=True)) == {1}


def test_a_conversation_without_events_stays_one() -> None:
    pk = ensure_conversation("default", "tagged before it spoke")
    call_command("rebuild_summaries")
    conversation = Conversation.objects.get()
    assert (conversation.pk, conversation.n_events, conversation.activity_at) == (pk, 0, None)


def test_rebuilding_a_long_conversation_holds_few_bodies_at_once() -> None:
    body = '{"event": "bot", "timestamp": %f, "text": "hi", "metadata": {"padding": "' + "x" * 20_000 + '"}}'
    for start in range(0, 800, 100):
        at = range(start, start + 100)
        store(envelopes("default", [Message("long", body % (1.7e9 + second)) for second in at]))
    tracemalloc.start()
    try:
        rebuild_conversation(Conversation.objects.get().pk)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 800 * 20_000 / 2


def _write(sender: str) -> None:
    store(envelopes("default", [Message(sender, '{"event": "user", "timestamp": 1.7e9, "text": "hi"}')]))


def _in_thread(sender: str) -> None:
    try:
        _write(sender)
    finally:
        connections.close_all()
