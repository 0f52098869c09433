"""The next batch is read while the database works on this one, and nothing is lost or acknowledged for that."""

import threading
from typing import Any

import pytest
from django.db import OperationalError

from conversations.models import Event
from conversations.store import Stored, store
from events import ahead
from events import consumer as consumer_module
from events.sources import Batch, Unavailable
from tests.test_events_consumer import Script, consumer, counters, messages

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


class Eager(Script):
    """A source with more to give before the last batch is acknowledged."""

    def take_ahead(self, least: int) -> Batch | None:
        self.calls.append("take ahead")
        self.read_by = threading.current_thread().name
        play = self.plays[0] if self.plays else None
        if play is None or (isinstance(play, list) and len(play) < least):
            return None
        self.plays.pop(0)
        if isinstance(play, Exception):
            raise play
        return Batch(play)


@pytest.fixture(autouse=True)
def _worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "WORTH_IT", 2)
    monkeypatch.setattr(consumer_module, "RETRY_SECONDS", 0.0)


def test_batches_are_read_ahead_and_stored_and_acknowledged_one_after_the_other() -> None:
    source = Eager(messages(1, 2), messages(3, 4), messages(5), messages(6, 7), None)
    one = consumer(source)
    assert [one.step() for _ in range(5)] == [True, True, True, True, False]
    assert counters() == (7, 0, 0)
    assert source.calls == [
        "connect", "take", "take ahead", "acknowledge", "take ahead", "acknowledge",
        "take", "acknowledge",  # too few to read ahead of
        "take", "take ahead", "acknowledge", "take",
    ]  # fmt: skip
    assert source.read_by.startswith("events-ahead")
    assert [len(batch.messages) for batch in source.acknowledged] == [2, 2, 1, 2]
    one.close()


def test_what_was_read_ahead_waits_for_a_batch_that_the_database_did_not_take() -> None:
    failures = [OperationalError("away")]

    def failing(envelopes: Any, *, also: Any = None) -> Stored:
        if failures:
            raise failures.pop()
        return store(envelopes, also=also)

    source = Eager(messages(1, 2), messages(3, 4))
    one = consumer(source, store=failing)
    assert [one.step() for _ in range(3)] == [False, True, True]
    assert source.calls.count("take ahead") == 2  # not again while some are waiting
    assert [batch.messages for batch in source.acknowledged] == [messages(1, 2), messages(3, 4)]
    assert Event.objects.count() == 4
    one.close()


def test_a_connection_lost_while_reading_ahead_is_said_by_the_next_take() -> None:
    source = Eager(messages(1, 2), Unavailable("lost"), Unavailable("lost"), messages(1, 2))
    one = consumer(source)
    assert [one.step() for _ in range(3)] == [True, False, True]
    assert counters() == (2, 2, 0)
    one.close()


def test_what_was_read_ahead_is_let_go_with_the_source() -> None:
    source = Eager(messages(1, 2), messages(3, 4), None)
    one = consumer(source)
    assert one.step()
    one.close()
    assert len(source.acknowledged) == 1
    assert one.step() is False  # the source is asked again: it was never told that these are stored
    assert Event.objects.count() == 2
    one.close()
