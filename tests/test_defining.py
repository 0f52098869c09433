"""Signals from names: what is guessed, how a definition becomes a query, which events show it."""

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from conversations.defining import NAMES, PARTS, Definition, Values, as_query, guess, marks
from conversations.query import ALL_FEATURES, parse


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("action_handoff", True),
        ("action_human_handoff", True),
        ("utter_handover_to_agent", True),
        ("action_transfer_to_human", True),
        ("ActionConnectLiveChat", True),
        ("action_hand_over", True),
        ("action_escalate", True),
        ("utter_mitarbeiter", True),
        ("utter_offer_human", False),
        ("utter_ask_human", False),
        ("utter_handoff_failed", False),
        ("utter_no_agent", False),
        ("action_book_agenda", False),
        ("utter_thanks", False),
        ("action_shorthand", False),
    ],
)
def test_handoffs_are_told_by_the_words_of_an_action(name: str, expected: bool) -> None:
    assert guess(Values(actions=[name]))["handoff"].actions == ((name,) if expected else ())


def test_who_asks_for_a_person_counts_only_where_no_action_tells() -> None:
    asked = Values(intents=["speak_to_human", "greet"])
    assert guess(asked)["handoff"].intents == ("speak_to_human",)
    both = Values(intents=["speak_to_human"], actions=["action_handoff"])
    assert guess(both)["handoff"] == Definition(actions=("action_handoff",), is_guess=True)


def test_the_demo_bots_names_are_understood() -> None:
    values = Values(
        intents=["complain", "insult", "greet", "give_feedback", "inform"],
        actions=[
            "action_submit_topup",
            "utter_sim_ordered",
            "utter_stopped",
            "action_listen",
            "validate_topup_form",
        ],
        loops=[
            "topup_form",
            "plan_form",
            "action_two_stage_fallback",
            "pattern_collect_information",
            "transfer_money",
        ],
    )
    found = guess(values)
    assert list(found) == list(NAMES)
    assert all(one.is_guess for one in found.values())
    assert found["goal"].actions == ("action_submit_topup", "utter_sim_ordered")
    assert found["complaint"].intents == ("complain", "insult")
    assert found["abandoned"].loops == ("plan_form", "topup_form", "transfer_money")
    assert (found["fallback"].intents, found["fallback"].actions) == (
        ("nlu_fallback",),
        ("action_default_fallback",),
    )


def test_nothing_is_guessed_from_nothing_but_rasas_own_fallback() -> None:
    found = guess(Values())
    assert [name for name in NAMES if found[name]] == ["fallback"]


@pytest.mark.parametrize(
    ("definition", "query"),
    [
        (Definition(), ""),
        (Definition(intents=("a", "b")), "intent:a,b"),
        (Definition(intents=("a b",), loops=("x_form",)), '(intent:"a b" OR unfinished:x_form)'),
        (
            Definition(("i",), ("a",), ("city", "city=New York"), ("f",)),
            '(intent:i OR action:a OR slot:city,city="New York" OR unfinished:f)',
        ),
    ],
)
def test_a_definition_is_a_query_that_can_be_read(definition: Definition, query: str) -> None:
    assert as_query(definition) == query
    parsed = parse(query, ALL_FEATURES)
    assert parsed.ok
    assert str(parsed.query) == query


def test_guessed_or_not_two_definitions_name_the_same() -> None:
    one = Definition(intents=("a",), is_guess=True)
    assert one.same(Definition(intents=("a",)))
    assert not one.same(Definition(actions=("a",)))
    assert set(PARTS) == {"intents", "actions", "slots", "loops"}


@dataclass
class Row:
    type: str
    name: str = ""
    predicted: str = ""
    id: int = 1
    said: dict[str, Any] = field(default_factory=dict)

    @property
    def body(self) -> str:
        return json.dumps(self.said)


WANTED = {
    "handoff": Definition(
        ("human", "faq/where"), ("action_handoff",), ("agent", "city=New York", "n=3"), ("f",)
    ),
    "fallback": Definition(intents=("nlu_fallback",)),
}


@pytest.mark.parametrize(
    ("row", "shown"),
    [
        (Row("user", "human", "human"), ("handoff",)),
        (Row("user", "human", "nlu_fallback"), ("fallback", "handoff")),
        (Row("user", "greet", "greet"), ()),
        (
            Row(
                "user",
                "faq",
                "faq",
                said={"parse_data": {"intent": {"full_retrieval_intent_name": "faq/where"}}},
            ),
            ("handoff",),
        ),
        (
            Row(
                "user",
                "faq",
                "faq",
                said={"parse_data": {"intent": {"full_retrieval_intent_name": "faq/when"}}},
            ),
            (),
        ),
        (Row("user", "faq", "faq", said={"parse_data": [1]}), ()),
        (Row("action", "action_handoff"), ("handoff",)),
        (Row("action", "human"), ()),
        (Row("slot", "agent", said={"value": None}), ("handoff",)),
        (Row("slot", "city", said={"value": "New York"}), ("handoff",)),
        (Row("slot", "city", said={"value": "Paris"}), ()),
        (Row("slot", "city", said={"value": None}), ()),
        (Row("slot", "n", said={"value": 3}), ("handoff",)),
        (Row("slot", "n", said={"value": "3"}), ("handoff",)),
        (Row("active_loop", "f"), ()),
        (Row("bot", "human"), ()),
    ],
)
def test_events_show_the_signals_that_name_them(row: Row, shown: tuple[str, ...]) -> None:
    assert marks([row], WANTED) == ({1: shown} if shown else {})
