"""The same events give the same rows: one by one, in batches, shuffled with duplicates, and rebuilt."""

import json
import random
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from django.db import connection

from conversations import rebuild
from conversations.envelope import Envelope
from conversations.identity import parse
from conversations.models import (
    Assistant,
    Conversation,
    Event,
    SearchChunk,
    Session,
    SessionValue,
    Tag,
    TagUse,
)
from conversations.reading import read
from conversations.rows import COLUMNS
from conversations.store import store
from tests.histories import CASES, NOW, History, Message

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

SEEDS = range(6)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Receipt is always at NOW: what was received when is not part of what equal rows means."""
    monkeypatch.setattr("conversations.store.time.time", lambda: NOW)


def envelopes(assistant: str, messages: Iterable[Message]) -> list[Envelope]:
    return [
        Envelope(
            assistant,
            message.sender,
            read(parse(message.body)),
            message.body,
            message.environment,
            message.is_export,
        )
        for message in messages
    ]


def store_in_batches(assistant: str, messages: list[Message], sizes: Iterable[int]) -> tuple[int, int]:
    events = envelopes(assistant, messages)
    new = duplicates = 0
    sizes = iter(sizes)
    while events:
        size = next(sizes)
        stored = store(events[:size])
        new, duplicates, events = new + stored.new, duplicates + stored.duplicates, events[size:]
    return new, duplicates


def plain(row: Mapping[str, Any], *without: str) -> dict[str, Any]:
    return {
        name: bytes(value) if isinstance(value, memoryview) else value
        for name, value in row.items()
        if name not in without
    }


def words_of_chunk(pk: int) -> Counter[str]:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "SELECT lexeme, array_length(positions, 1) FROM conversations_searchchunk, unnest(vector) WHERE id = %s",
                [pk],
            )
            return Counter(dict(cursor.fetchall()))
        cursor.execute("SELECT words FROM conversations_searchwords WHERE rowid = %s", [pk])
        return Counter(word for word in cursor.fetchone()[0].split() if word != "\ue000")


def rows_of(assistant: str) -> dict[str, Any]:
    """Everything stored of an assistant, by keys that do not depend on arrival."""
    scope = Assistant.objects.get(name=assistant)
    senders = {
        pk: bytes(digest)
        for pk, digest in Conversation.objects.filter(assistant=scope).values_list("id", "sender_hash")
    }
    ids = {}
    sessions = {}
    for row in Session.objects.filter(assistant=scope).values("id", *COLUMNS):
        key = (senders[row["conversation_id"]], row["start_at"], row["start_rank"], bytes(row["start_hash"]))
        ids[row["id"]] = key
        sessions[key] = plain(row, "id", "conversation_id", "assistant_id", "revision", "newest_turn")
    words: dict[Any, Counter[str]] = {}
    for pk, session, side in SearchChunk.objects.filter(session__assistant=scope).values_list(
        "id", "session_id", "side"
    ):
        words.setdefault((ids[session], side), Counter()).update(words_of_chunk(pk))
    values = {
        (ids[session], kind, value, period): turns
        for session, kind, value, period, turns in SessionValue.objects.filter(assistant=scope).values_list(
            "session_id", "kind", "value", "period", "turns"
        )
    }
    return {
        "conversations": {
            senders[row["id"]]: plain(row, "id", "assistant_id", "revision", "last_session", "sender_hash", "created_at", "is_stale")
            for row in Conversation.objects.filter(assistant=scope).values()
        },
        "sessions": {key: plain(row, "turns_known") for key, row in sessions.items()},
        "values": set(values),
        "events": {
            (senders[row["conversation_id"]], row["timestamp"], row["rank"], bytes(row["hash"])): repr((
                json.dumps(parse(row["body"]), sort_keys=True), plain(row, "id", "conversation_id", "received_at", "body", "hash"),
            ))
            for row in Event.objects.filter(conversation__assistant=scope).values()
        },
        "words": words,
        "last session": {
            senders[pk]: ids[last] for pk, last in Conversation.objects.filter(assistant=scope).values_list("id", "last_session")
        },
        TURNS: values,
        KNOWN: {key: bool(row["turns_known"]) for key, row in sessions.items()},
    }  # fmt: skip


TURNS, KNOWN = "turns", "turns known"


def assert_same(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Turns where both know them: a late event makes them wait for housekeeping."""
    for part, rows in one.items():
        if part not in (TURNS, KNOWN):
            assert rows == other[part], part
    for key, turns in one[TURNS].items():
        if one[KNOWN][key[0]] and other[KNOWN][key[0]]:
            assert turns == other[TURNS][key], key


def settled(assistant: str) -> dict[str, Any]:
    """The rows when housekeeping is through."""
    stale = Conversation.objects.filter(assistant__name=assistant, is_stale=True)
    for pk in list(stale.values_list("id", flat=True)):
        rebuild.rebuild_conversation(pk)
    assert not stale.exists()
    return rows_of(assistant)


@pytest.mark.parametrize("seed", SEEDS)
def test_four_ways_give_the_same_rows(seed: int) -> None:
    messages = History(seed).conversations(count=7)
    chance = random.Random(seed)
    shuffled = messages + chance.sample(messages, len(messages) // 3)
    chance.shuffle(shuffled)

    new, duplicates = store_in_batches("single", messages, iter(lambda: 1, None))
    assert new + duplicates == len(messages)
    assert Event.objects.count() == new
    store_in_batches("batched", messages, iter(lambda: chance.choice([2, 7, 50, 500]), None))
    again, repeated = store_in_batches(
        "shuffled", shuffled, iter(lambda: chance.choice([1, 3, 20, 120]), None)
    )
    assert again == new
    assert again + repeated == len(shuffled)

    single = rows_of("single")
    assert_same(single, rows_of("batched"))
    assert_same(single, rows_of("shuffled"))
    for pk in Conversation.objects.filter(assistant__name="single").values_list("id", flat=True):
        rebuild.rebuild_conversation(pk)
    assert_same(single, rows_of("single"))
    assert settled("single") == settled("batched") == settled("shuffled")


def test_nine_months_of_one_customer_in_any_order() -> None:
    messages = History(99).long(sessions=60)
    chance = random.Random(1)
    shuffled = chance.sample(messages, len(messages))
    store_in_batches("ordered", messages, iter(lambda: 100, None))
    store_in_batches("shuffled", shuffled, iter(lambda: 40, None))
    assert_same(rows_of("ordered"), rows_of("shuffled"))
    assert settled("ordered") == settled("shuffled")
    assert False in rows_of("ordered")[KNOWN].values()
    assert Session.objects.filter(assistant__name="ordered").count() >= 40


def test_every_special_case_occurs_in_these_histories() -> None:
    cases: Counter[str] = Counter()
    for seed in SEEDS:
        history = History(seed)
        history.conversations(count=7)
        cases += history.cases
    History(99, cases).long(sessions=60)
    assert {case for case, count in cases.items() if count} == CASES


def test_a_second_delivery_changes_nothing_but_better_transport_facts() -> None:
    messages = History(3).conversations(count=2)
    exported = [message._replace(is_export=True, environment="") for message in messages]
    store(envelopes("copies", exported))
    store(envelopes("copies", messages))
    store(envelopes("direct", messages))
    assert_same(rows_of("copies"), rows_of("direct"))
    before = rows_of("direct")
    stored = store(envelopes("direct", exported))
    assert (stored.new, stored.duplicates) == (0, len(messages))
    assert_same(before, rows_of("direct"))


def test_sessions_keep_their_id_when_their_beginning_moves() -> None:
    first, *rest = History(4).conversations(count=1, sessions=1)
    store(envelopes("late", rest))
    before = set(Session.objects.values_list("id", flat=True))
    store(envelopes("late", [first]))
    assert set(Session.objects.values_list("id", flat=True)) == before


def test_a_rebuild_keeps_what_people_said() -> None:
    store(envelopes("tagged", History(5).conversations(count=1)))
    conversation = Conversation.objects.get()
    tag = Tag.objects.create(assistant=conversation.assistant, value="angry")
    TagUse.objects.create(conversation=conversation, anchor_at=NOW, tag=tag, source=TagUse.Source.PERSON)
    rebuild.rebuild_conversation(conversation.id)
    assert list(conversation.taguse_rows.values_list("tag__value", flat=True)) == ["angry"]
