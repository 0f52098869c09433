"""Killed at any point, repeated, from several consumers at once: the rows are those of one clean pass."""

import json
import random
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext

from conversations import bulk
from conversations import store as store_module
from conversations.models import Conversation, Event, Session
from conversations.store import Stored, ensure_conversation, store
from enterprise import schema
from tests.histories import History, Message
from tests.test_store_histories import assert_same, clock, envelopes, rows_of

__all__ = ["clock"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]

POINTS = ["conversations", "events", "folded", "before commit"]


class Killed(BaseException):
    """The process is gone; nothing may catch it."""


@pytest.mark.parametrize("point", POINTS)
def test_a_batch_killed_at_any_point_and_delivered_again_gives_the_same_rows(
    point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    messages = History(7).conversations(count=3)
    store(envelopes("clean", messages))
    deliveries = [envelopes("killed", messages[start : start + 40]) for start in range(0, len(messages), 40)]
    for batch in deliveries:
        monkeypatch.setattr(store_module, "reached", _kill_at(point))
        events_before = Event.objects.filter(conversation__assistant__name="killed").count()
        with pytest.raises(Killed):
            store(batch)
        assert Event.objects.filter(conversation__assistant__name="killed").count() == events_before
        monkeypatch.setattr(store_module, "reached", lambda _point: None)
        store(batch)
    assert_same(rows_of("clean"), rows_of("killed"))


def _kill_at(wanted: str) -> Callable[[str], None]:
    def reached(point: str) -> None:
        if point == wanted:
            raise Killed

    return reached


@pytest.mark.parametrize("consumers", [2, 4])
def test_several_consumers_of_the_same_conversations_give_the_rows_of_one(consumers: int) -> None:
    messages = History(8).conversations(count=6)
    store(envelopes("one", messages))
    chance = random.Random(consumers)
    delivered = messages + chance.sample(messages, len(messages) // 2)  # some are delivered to two of them
    chance.shuffle(delivered)
    results: list[Stored] = []
    failures: list[BaseException] = []

    def consume(share: list[Message]) -> None:
        try:
            for start in range(0, len(share), 25):
                stored = store(envelopes("many", share[start : start + 25]))
                results.append(stored)
        except BaseException as error:
            failures.append(error)
        finally:
            connections.close_all()

    threads = [
        threading.Thread(target=consume, args=[delivered[number::consumers]]) for number in range(consumers)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    new = sum(result.new for result in results)
    assert new == Event.objects.filter(conversation__assistant__name="one").count()
    assert new + sum(result.duplicates for result in results) == len(delivered)
    assert_same(rows_of("one"), rows_of("many"))


def test_what_the_caller_adds_is_part_of_the_transaction() -> None:
    messages = History(9).conversations(count=1)
    seen: list[Stored] = []

    def also(stored: Stored) -> None:
        seen.append(stored)
        assert connection.in_atomic_block
        raise Killed

    with pytest.raises(Killed):
        store(envelopes("default", messages), also=also)
    assert seen[0].new == Event.objects.count() + seen[0].new
    assert not Event.objects.exists()


def test_an_event_that_the_database_refuses_does_not_take_the_others_along() -> None:
    good = envelopes("default", History(10).conversations(count=2))
    bad = good[5]._replace(body='{"a": "\x00"}' if connection.vendor == "postgresql" else None)  # type: ignore[arg-type]
    batch = [*good[:5], bad, *good[6:]]
    calls: list[Stored] = []
    stored = store(batch, also=calls.append)
    assert [envelope for envelope, _ in stored.refused] == [bad]
    assert stored.new + stored.duplicates == len(good) - 1
    assert calls == [stored]
    assert Event.objects.count() == stored.new


def test_a_conversation_without_events_is_a_hidden_state() -> None:
    first = ensure_conversation("default", "early/bird ünï")
    assert ensure_conversation("default", "early/bird ünï") == first
    conversation = Conversation.objects.get()
    assert (conversation.n_events, conversation.activity_at, Session.objects.count()) == (0, None, 0)
    store(
        envelopes(
            "default", [Message("early/bird ünï", '{"event": "bot", "timestamp": 1.7e9, "text": "hi"}')]
        )
    )
    assert Session.objects.get().conversation_id == first


def test_a_deleted_conversation_is_found_missing_and_made_again() -> None:
    messages = History(11).conversations(count=1)
    store(envelopes("default", messages[:10]))
    Conversation.objects.all().delete()
    stored = store(envelopes("default", messages))
    assert stored.new == Event.objects.count() > 10


def test_a_conversation_that_was_rolled_back_gets_no_event_of_the_one_that_took_its_id() -> None:
    @transaction.atomic
    def tag_and_fail() -> None:
        ensure_conversation("default", "tagged")
        raise Killed

    with pytest.raises(Killed):
        tag_and_fail()
    for sender in ("other", "tagged"):
        body = json.dumps({"event": "user", "timestamp": 1.7e9, "text": sender})
        store(envelopes("default", [Message(sender, body)]))
    said = Event.objects.values_list("conversation__sender_id", "text")
    assert sorted(said) == [("other", "other"), ("tagged", "tagged")]


def test_a_batch_that_comes_again_takes_as_many_queries_for_many_conversations_as_for_few() -> None:
    taken = []
    for count in (2, 40):
        body = '{"event": "user", "timestamp": 1.7e9, "text": "hi"}'
        batch = envelopes("default", [Message(f"{count}-{number}", body) for number in range(count)])
        store(batch)
        with CaptureQueriesContext(connection) as queries:
            assert store(batch).duplicates == count
        taken.append(len(queries))
    assert taken[0] == taken[1]


def test_a_conversation_that_is_deleted_as_soon_as_it_is_made_is_made_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    insert = bulk.insert_new
    to_delete = 2  # the first one made for a tag, the first one made for an event

    def insert_and_lose(*arguments: Any, **options: Any) -> Any:
        nonlocal to_delete
        inserted = insert(*arguments, **options)
        if arguments[0] is Conversation and Conversation.objects.count() == to_delete:
            to_delete += 1
            Conversation.objects.order_by("-id")[:1].get().delete()
        return inserted

    ensure_conversation("default", "first")
    monkeypatch.setattr(bulk, "insert_new", insert_and_lose)
    second = ensure_conversation("default", "second")
    assert store(envelopes("default", [Message("third", '{"event": "bot", "timestamp": 1.7e9}')])).new == 1
    assert to_delete == 4
    assert sorted(Conversation.objects.values_list("sender_id", flat=True)) == ["first", "second", "third"]
    assert Conversation.objects.filter(id=second).exists()


def test_nothing_is_stored_on_a_schema_that_is_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_connection: object) -> None:
        raise schema.NotReady("being migrated")

    monkeypatch.setattr(schema, "check_in_batch", refuse)
    with pytest.raises(schema.NotReady):
        store(envelopes("default", History(12).conversations(count=1)))
    assert not Event.objects.exists()
