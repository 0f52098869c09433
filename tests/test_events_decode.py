"""Bytes -> event or reason: whatever arrives, nothing is raised and nothing is changed."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations.envelope import Envelope
from events.decode import MAX_BODY, Rejection, decode

GOOD = {"sender_id": "u1", "event": "user", "timestamp": 1_700_000_000.25, "text": "hi"}


def body(**changes: Any) -> bytes:
    return json.dumps({**GOOD, **changes}).encode()


def accepted(raw: bytes) -> Envelope:
    decoded = decode(raw)
    assert isinstance(decoded, Envelope), decoded
    return decoded


def reason(raw: bytes) -> str:
    decoded = decode(raw)
    assert isinstance(decoded, Rejection), decoded
    return decoded.reason


def test_a_message_becomes_an_event_with_its_body_to_the_letter():
    raw = b'{"event": "user",\t"sender_id" : "u/\\ud83d\\ude00", "timestamp": 1.7e9}'
    envelope = decode(raw, assistant="bank", environment="staging", is_export=True)
    assert isinstance(envelope, Envelope)
    assert envelope.body.encode() == raw
    assert envelope.sender_id == "u/😀"
    assert envelope.row.timestamp == 1.7e9
    assert (envelope.assistant, envelope.environment, envelope.is_export) == ("bank", "staging", True)


@pytest.mark.parametrize(
    "sender", ["", " ", "a\u0000b", "\ud800", "🙂", "default", "x" * 100_000, "../etc", "1"]
)
def test_every_text_is_a_sender(sender: str):
    assert accepted(body(sender_id=sender)).sender_id == sender


@pytest.mark.parametrize(
    "written", ["1", "1.0", "1e0", "-0", "0.1000", "1E+400", "9" * 5000, "12345678901234567890", "NaN"]
)
def test_a_number_is_a_sender_as_it_is_written(written: str):
    raw = f'{{"sender_id": {written}, "event": "user", "timestamp": 1.7e9}}'.encode()
    assert accepted(raw).sender_id == written


def test_a_number_in_another_field_is_not_taken_for_the_sender():
    raw = b'{"x": {"sender_id": "inner"}, "sender_id": 7.50, "event": "user", "timestamp": 1.7e9, "y": 1}'
    assert accepted(raw).sender_id == "7.50"


@pytest.mark.parametrize(
    ("written", "why"),
    [("null", "null"), ("true", "boolean"), ("false", "boolean"), ("[]", "list"), ('{"a": 1}', "object")],
)
def test_what_is_neither_text_nor_number_is_no_sender(written: str, why: str):
    raw = f'{{"sender_id": {written}, "event": "user", "timestamp": 1.7e9}}'.encode()
    assert why in reason(raw)


def test_a_missing_sender_is_rejected():
    assert reason(b'{"event": "user", "timestamp": 1.7e9}') == "no sender_id"


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "not JSON"),
        (b"hello", "not JSON"),
        (b"\xff\xfe{}", "not UTF-8"),
        (b'{"sender_id": "\xed\xa0\x80"}', "not UTF-8"),
        (b"[1, 2]", "a list"),
        (b"null", "null"),
        (b"true", "a boolean"),
        (b'"text"', "a text"),
        (b"12", "a number"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "nested too deeply"),
        (body(timestamp=None), "timestamp"),
        (body(timestamp="soon"), "timestamp"),
        (body(timestamp=1_700_000_000_000), "milliseconds"),
        (body(event=None), "event type"),
        (b"x" * (MAX_BODY + 1), "larger than 16 MB"),
    ],
)
def test_what_cannot_be_an_event_says_why(raw: bytes, why: str):
    assert why in reason(raw)


@pytest.mark.parametrize(
    "extra",
    [
        '"text": "\\u0000"',
        '"text": "\\udc00"',
        '"value": NaN',
        '"value": -Infinity',
        '"event": "a type of tomorrow"',
        '"parse_data": null',
        '"parse_data": {"intent": 5}',
        '"metadata": [1]',
    ],
)
def test_anything_rasa_can_say_is_kept(extra: str):
    raw = f'{{"sender_id": "u", "event": "user", "timestamp": 1.7e9, {extra}}}'.encode()
    assert accepted(raw).body.encode() == raw


def test_a_body_of_sixteen_megabytes_is_still_an_event():
    padding = MAX_BODY - len(body(text=""))
    assert len(body(text="x" * padding)) == MAX_BODY
    assert accepted(body(text="x" * padding)).sender_id == "u1"


def test_a_mistake_of_ours_rejects_the_message_and_goes_on(monkeypatch: pytest.MonkeyPatch):
    def broken(_event: object) -> None:
        raise ZeroDivisionError("oops\x00")

    monkeypatch.setattr("events.decode.read", broken)
    assert reason(body()) == "could not be read (ZeroDivisionError: oops\\u0000)"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
almost_events = st.fixed_dictionaries(
    {},
    optional={
        "sender_id": json_values,
        "event": st.sampled_from(["user", "bot", "action", "slot", "entities", "x"]) | json_values,
        "timestamp": st.floats(1e8, 1e11) | json_values,
        "name": json_values,
        "parse_data": st.dictionaries(
            st.sampled_from(["intent", "entities", "intent_ranking"]), json_values, max_size=3
        )
        | json_values,
        "metadata": json_values,
        "text": json_values,
        "confidence": json_values,
    },
)


@given(st.binary(max_size=200))
def test_no_bytes_raise(raw: bytes):
    assert isinstance(decode(raw), Envelope | Rejection)


@given(almost_events)
def test_no_object_raises_and_what_is_accepted_is_unchanged(event: dict[str, Any]):
    raw = json.dumps(event).encode()
    decoded = decode(raw)
    if isinstance(decoded, Rejection):
        assert decoded.reason
        assert "could not be read" not in decoded.reason
    else:
        assert decoded.body.encode() == raw
        if isinstance(event["sender_id"], str):
            assert decoded.sender_id == event["sender_id"]
