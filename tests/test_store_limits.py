"""What is larger than a database's limits: kept all the same, or refused alone; never a reason to wait for ever."""

import json
import random

import pytest
from django.db import connection

from conversations.envelope import Envelope
from conversations.models import Event, Session
from conversations.reading import NAME_LIMIT
from conversations.search import said
from conversations.store import store
from events.decode import Rejection, decode

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

AT = 1.7e9


def _envelope(**event: object) -> Envelope:
    decoded = decode(json.dumps({"sender_id": "a", "timestamp": AT, **event}).encode())
    assert not isinstance(decoded, Rejection)
    return decoded


def _noise(length: int, alphabet: str = "abcdefghijklmnopqrstuvwxyz0123456789") -> str:
    return "".join(random.Random(length).choices(alphabet, k=length))  # does not compress


def test_a_slot_with_a_name_longer_than_an_index_takes_is_kept() -> None:
    name = _noise(9_000)
    stored = store([_envelope(event="slot", name=name, value=1)])
    assert (stored.new, stored.refused) == (1, [])
    event = Event.objects.get()
    assert event.name == name[:NAME_LIMIT]
    assert name in event.body


def test_a_message_of_words_larger_than_an_index_takes_is_kept_and_found_by_its_beginning() -> None:
    letters = "".join(map(chr, range(0x10400, 0x10450)))  # four bytes each
    words = [_noise(60 + number % 3, letters) + f" {number}" for number in range(9_000)]
    stored = store([_envelope(event="user", text=f"beginning {' '.join(words)}")])
    assert (stored.new, stored.refused) == (1, [])
    assert Session.objects.filter(said("text", [("beginning", False)])).count() == 1


def test_what_exceeds_a_limit_of_postgresql_is_refused_alone() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no such limit")
    good = _envelope(event="user", text="hello")
    slot = _envelope(event="slot", name="x", value=1)
    bad = slot._replace(row=slot.row._replace(name=_noise(9_000)))
    stored = store([good, bad])
    assert stored.new == 1
    assert [envelope for envelope, _ in stored.refused] == [bad]
