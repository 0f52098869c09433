"""One event has one hash for ever, whoever serialised it."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations.identity import NotAnEvent, event_hash, parse, rank, sender_hash, shown, usable_timestamp

# Golden vectors: a changed value here means that every stored event would arrive a second time.
GOLDEN = {
    '{"sender_id": "a", "event": "user", "timestamp": 1795352903.7310001, "text": "hi"}': "d38526f5bf11e7ac19a607b2abafe9de",
    '{"text": "hi", "timestamp": 1795352903.7310001, "event": "user", "sender_id": "b"}': "d38526f5bf11e7ac19a607b2abafe9de",
    '{"event": "action", "timestamp": 1700000000, "confidence": 1.0}': "3c2bea4b498ab392bb98c25ee7d15706",
    '{"event": "action", "timestamp": 1700000000.0, "confidence": 1}': "3c2bea4b498ab392bb98c25ee7d15706",
    '{"event": "action", "timestamp": 1700000000, "confidence": 0.00001}': "d6a66a56ce1734cb8e9b4384bec1339c",
    '{"event": "action", "timestamp": 1700000000, "confidence": 1e-05}': "d6a66a56ce1734cb8e9b4384bec1339c",
    '{"event": "action", "timestamp": 1700000000, "confidence": 0.9999998807907104}': "c04cfacdd93793ab239b83746b3788ad",
    '{"event": "action", "timestamp": 1700000000, "confidence": 0.999999881}': "c04cfacdd93793ab239b83746b3788ad",
    '{"event": "slot", "timestamp": 1700000000, "value": [NaN, Infinity, -Infinity]}': "9732e059b2781674fdce9fb4e6fcfae3",
    '{"event": "user", "timestamp": 1700000000, "text": "a\\u0000b"}': "df1f88fe2d0ea4fa93cfa9eab342bdad",
    '{"event": "user", "timestamp": 1700000000, "text": "\\ud83d"}': "94275b295a193b89f4e4606f05c0270f",
    '{"event": "user", "timestamp": 1700000000, "text": "Zoë 👍"}': "50d786962fcb7147acaa8a7ea84b435f",
    '{"event": "user", "timestamp": 1700000000, "text": "Zo\\u00eb \\ud83d\\udc4d"}': "50d786962fcb7147acaa8a7ea84b435f",
    '{"event": "slot", "timestamp": 1700000000, "value": 1%s}' % ("0" * 400): "46588efb08c8d49c2339fd07890368c3",
    '{"event": "slot", "timestamp": 1700000000, "value": 1%s}' % ("0" * 5000): "2aae8deda37eb9caeb72aa46f478ff28",
    '{"event": "slot", "timestamp": 1700000000, "value": -0.0}': "4da957b510fd04b69d9103d565e67509",
    '{"event": "slot", "timestamp": 1700000000, "value": 0}': "4da957b510fd04b69d9103d565e67509",
    (
        '{"event": "slot", "timestamp": 1700000000.1234567, "name": "x", "value": {"b": [1, 2.5], "a": null},'
        ' "metadata": {"model_id": "m"}}'
    ): "92c7489d7b7197c24e3cc5c708bf1427",
}  # fmt: skip


@pytest.mark.parametrize(("text", "digest"), GOLDEN.items(), ids=range(len(GOLDEN)))
def test_golden_vectors(text: str, digest: str) -> None:
    assert event_hash(parse(text)).hex() == digest


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(max_size=8), values, max_size=6))
def test_key_order_and_escaping_do_not_change_the_hash(event: dict) -> None:
    again = dict(reversed(list(event.items())))
    written = [json.dumps(event), json.dumps(again, separators=(",", ":")), json.dumps(event, indent=1)]
    assert len({event_hash(parse(text)) for text in written}) == 1


@given(st.floats(1e8, 1e11), st.floats(1e8, 1e11))
def test_timestamps_survive_to_the_last_bit(one: float, other: float) -> None:
    assert usable_timestamp(parse(json.dumps(one))) == one
    same = event_hash(parse(json.dumps({"timestamp": one}))) == event_hash(
        parse(json.dumps({"timestamp": other}))
    )
    assert same == (one == other)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_store_that_rounds_to_nine_decimals_gives_the_same_hash(value: float) -> None:
    rounded = round(value, 9)
    assert event_hash(parse(json.dumps({"x": value}))) == event_hash(parse(json.dumps({"x": rounded})))


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "no timestamp"), (True, "not a number"), ("soon", "not a number"), ([1], "not a number"),
        (1.7e12, "milliseconds"), (10**500, "not finite"), (math.nan, "not finite"), (math.inf, "not finite"), (5, "1973"),
    ],
)  # fmt: skip
def test_unusable_timestamps_say_why(value: object, reason: str) -> None:
    with pytest.raises(NotAnEvent, match=reason):
        usable_timestamp(value)


def test_a_numeric_string_is_a_timestamp() -> None:
    assert usable_timestamp("1700000000.25") == 1700000000.25


@pytest.mark.parametrize("text", ["", "{", "[1,]", "nonsense", "[" * 100_000, '{"a": ' * 100_000])
def test_what_is_not_json_says_why(text: str) -> None:
    with pytest.raises(NotAnEvent, match=r"not JSON|nested too deeply"):
        parse(text)


def test_different_strange_senders_are_different_conversations() -> None:
    senders = ["", "a", "a\x00", "a\\u0000", "a\ufffd", "a\ud83d", "a\U0001f44d", "A"]
    assert len({sender_hash(sender) for sender in senders}) == len(senders)


def test_shown_text_can_be_stored_and_escapes_rather_than_replaces() -> None:
    assert shown("a\x00b\ud83d👍") == "a\\u0000b\\ud83d👍"
    assert shown("plain") == "plain"


def test_ranks_are_golden_too() -> None:
    """The rank stands in the unique key of events: another rank needs a migration of what is stored, or all of it doubles."""
    types = ["user", "bot", "slot", "action", "active_loop", "form", "session_started", "user_featurization", "rewind", "undo",
             "restart", "followup", "pause", "reset_slots", "reminder", "agent", "flow_started", "never heard of"]  # fmt: skip
    assert [rank(kind, "") for kind in types] == [3, 8, 4, 6, 7, 7, 2, 5, 9, 9, 9, 11, 11, 11, 11, 11, 11, 11]
    assert [rank("slot", "session_started_metadata"), rank("action", "action_session_start"), rank("action", "action_listen")] == [
        0, 1, 10,
    ]  # fmt: skip


def test_ranks_follow_the_order_of_a_turn() -> None:
    turn = [
        ("slot", "session_started_metadata"), ("action", "action_session_start"), ("session_started", ""), ("user", "greet"),
        ("slot", "amount"), ("user_featurization", ""), ("action", "utter_greet"), ("active_loop", "form"), ("bot", ""),
        ("rewind", ""), ("action", "action_listen"), ("reminder", ""),
    ]  # fmt: skip
    ranks = [rank(event_type, name) for event_type, name in turn]
    assert ranks == sorted(ranks)
    assert len(set(ranks)) == len(ranks)
    assert rank("undo", "") == rank("restart", "") == rank("rewind", "")
