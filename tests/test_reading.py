"""What is read of an event, whatever Rasa or others send."""

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations.identity import NotAnEvent, parse
from conversations.reading import EventRow, read
from conversations.summary import INTENT, IS, PREDICTED, Summary, better_transport, total, value_key
from tests.histories import NOW, History
from tests.test_identity import values


def row(**event: object) -> EventRow:
    return read(parse(json.dumps({"timestamp": 1.7e9, "event": "user", **event})))


def test_behind_a_fallback_stands_the_first_real_intent_with_its_own_confidence() -> None:
    fallback = {"name": "nlu_fallback", "confidence": 0.7}
    found = row(
        text="huh",
        parse_data={"intent": fallback, "intent_ranking": [fallback, {"name": "refund", "confidence": 0.31}]},
    )
    assert (found.name, found.predicted, found.confidence, found.is_fallback) == (
        "refund",
        "nlu_fallback",
        0.31,
        True,
    )
    assert found.intents == ("nlu_fallback", "refund")
    summary = total([(found, "", 1.7e9)])
    assert {
        (INTENT, "refund"),
        (INTENT, "nlu_fallback"),
        (PREDICTED, "nlu_fallback"),
        (IS, "fallback"),
    } <= summary.values.keys()
    assert (PREDICTED, "refund") not in summary.values
    assert (summary.min_intent_confidence, summary.n_fallbacks) == (0.31, 1)


@pytest.mark.parametrize(
    ("text", "metadata"), [("/greet", {}), ("EXTERNAL: reminder", {}), ("anything", {"is_external": True})]
)
def test_payloads_and_external_messages_have_a_count_of_their_own(text: str, metadata: dict) -> None:
    found = row(text=text, metadata=metadata, parse_data={"intent": {"name": "greet", "confidence": 1.0}})
    summary = total([(found, "", 1.7e9)])
    assert (summary.n_user_messages, summary.n_payloads, summary.max_intent_confidence) == (0, 1, None)
    assert (INTENT, "greet") in summary.values


def test_retrieval_intents_are_found_under_both_names() -> None:
    found = row(
        parse_data={"intent": {"name": "faq", "full_retrieval_intent_name": "faq/hours", "confidence": 1}}
    )
    assert found.intents == ("faq", "faq/hours")


@pytest.mark.parametrize(
    ("parse_data", "name"),
    [(None, ""), (5, ""), ({}, ""), ({"intent": None}, ""), ({"intent": "x"}, "x"), ({"intent": {"name": 5}}, "5"),
     ({"intent": {"name": ["a"]}}, '["a"]')],
)  # fmt: skip
def test_missing_and_odd_parse_data_is_kept(parse_data: object, name: str) -> None:
    assert row(parse_data=parse_data, text=None).name == name


@given(st.dictionaries(st.sampled_from(["text", "parse_data", "metadata", "name", "policy", "confidence", "entities",
                                        "input_channel", "data"]), values),
       st.sampled_from(["user", "bot", "action", "slot", "entities", "agent", "flow_started", "whatever"]))  # fmt: skip
def test_any_json_can_be_read_and_counted(event: dict, event_type: str) -> None:
    found = read(parse(json.dumps({**event, "event": event_type, "timestamp": 1.7e9})))
    summary = total([(found, "", 1.7e9)])
    assert summary.n_events == 1
    for text in (found.name, found.said, found.policy, *found.intents, *found.entities):
        assert text == text.encode().decode()
        assert "\x00" not in text


@pytest.mark.parametrize("event", [{"event": None}, {"event": 5}, {"event": ""}])
def test_without_a_type_it_is_not_an_event(event: dict) -> None:
    with pytest.raises(NotAnEvent, match="no event type"):
        row(**event)


@given(st.integers(0, 5), st.randoms())
def test_sums_do_not_depend_on_order_or_split(seed: int, chance) -> None:
    rows = [
        (read(parse(message.body)), message.environment, NOW) for message in History(seed).conversations(1)
    ]
    whole = total(rows)
    turns = itertools.accumulate(found.type == "user" for found, _, _ in rows)
    placed = list(zip(rows, turns, strict=True))
    chance.shuffle(placed)
    cut = chance.randint(0, len(placed))
    merged, other = Summary(), Summary()
    for index, (one, turn) in enumerate(placed):
        (merged if index >= cut else other).add(*one, turn)
    merged.merge(other)
    assert merged == whole
    empty = Summary()
    empty.merge(whole)
    assert empty == whole


def test_of_two_copies_live_beats_export_a_name_beats_none_then_the_smaller_name() -> None:
    copies = [("", True), ("zeta", True), ("", False), ("b", False), ("a", False)]
    for worse, better in itertools.pairwise(copies):
        assert better_transport(worse, better) == better_transport(better, worse) == better


def test_long_values_are_cut_but_told_apart() -> None:
    one, other = value_key("x" * 500 + "1"), value_key("x" * 500 + "2")
    assert one != other
    assert len(one) == len(other) == 120
    assert value_key("short") == "short"
