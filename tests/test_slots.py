"""Slots at a turn by index look-ups equal the fold over the events, at every event of generated histories."""

import pytest

from conversations.identity import parse
from conversations.models import Event, Session, SessionValue
from conversations.slots import ABSENT, slots_around, slots_at
from conversations.store import store
from conversations.timeline import slots
from tests.histories import History
from tests.test_store_histories import clock, envelopes

__all__ = ["clock"]

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


@pytest.mark.parametrize("seed", range(3))
def test_slots_at_every_event_equal_the_fold_up_to_there(seed: int) -> None:
    store(envelopes("default", History(seed).conversations(count=3)))
    compared = 0
    for session in Session.objects.all():
        events = list(Event.objects.of_session(session).in_order())
        bodies = [parse(event.body) for event in events]
        for end in range(1, len(events) + 1):
            last = events[end - 1]
            if end < len(events) and (events[end].timestamp, events[end].rank) == (last.timestamp, last.rank):
                continue  # equal but for the hash: reverts are told apart by time and rank
            expected = slots(bodies[:end])
            expected.pop("session_started_metadata", None)
            found = slots_at(session, (last.timestamp, last.rank, bytes(last.hash)))
            assert repr(sorted(found.items())) == repr(sorted(expected.items()))  # repr: NaN equals itself
            compared += bool(expected)
    assert compared > 20


def test_before_and_after_a_turn_tell_null_from_not_set() -> None:
    def body(second: float, name: str, value: str) -> str:
        return f'{{"sender_id": "a", "event": "slot", "timestamp": {1.7e9 + second}, "name": "{name}", "value": {value}}}'

    from tests.histories import Message

    store(
        envelopes(
            "default",
            [
                Message("a", body(0, "x", "1")),
                Message("a", body(1, "y", "null")),
                Message("a", body(2, "x", "2")),
            ],
        )
    )
    session = Session.objects.get()
    events = list(Event.objects.of_session(session).in_order())
    key = [(event.timestamp, event.rank, bytes(event.hash)) for event in events]
    assert slots_around(session, key[1], key[2]) == {"x": (1, 2), "y": (ABSENT, None)}


def test_reading_slots_takes_no_more_queries_for_a_long_session(django_assert_max_num_queries) -> None:
    store(envelopes("default", History(2).conversations(count=6, sessions=6)))
    with_slots = (
        Session.objects.filter(value_rows__kind=SessionValue.Kind.SLOT).distinct().order_by("n_events")
    )
    for session in (with_slots[0], with_slots.reverse()[0]):
        with django_assert_max_num_queries(3):
            slots_at(session, (session.last_at, session.last_rank, bytes(session.last_hash)))
