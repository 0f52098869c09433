"""Signals from names: what is guessed, how a definition becomes a query."""

import pytest

from conversations.defining import NAMES, PARTS, Definition, Values, as_query, guess
from conversations.query import parse


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
    parsed = parse(query)
    assert parsed.ok
    assert str(parsed.query) == query


def test_guessed_or_not_two_definitions_name_the_same() -> None:
    one = Definition(intents=("a",), is_guess=True)
    assert one.same(Definition(intents=("a",)))
    assert not one.same(Definition(actions=("a",)))
    assert set(PARTS) == {"intents", "actions", "slots", "loops"}
