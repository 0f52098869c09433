"""What events leave for review: turns of values, loops left open, words, and which sessions have changed."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from conversations.models import Conversation, Event, Session, SessionValue
from conversations.rebuild import rebuild_conversation, rebuild_stale
from conversations.store import store
from tests.histories import Message
from tests.test_store_histories import clock, envelopes

__all__ = ["clock"]

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

Kind = SessionValue.Kind
BEGIN = 1_780_000_200.0  # in the middle of a period


def user(intent: str, text: str = "", confidence: float = 0.9) -> dict[str, Any]:
    parsed = {"intent": {"name": intent, "confidence": confidence}}
    return {"event": "user", "text": text or f"about {intent}", "parse_data": parsed, "input_channel": "web"}


def action(name: str) -> dict[str, Any]:
    return {"event": "action", "name": name, "policy": "RulePolicy", "confidence": 1.0}


START = {"event": "action", "name": "action_session_start"}


def take(events: Sequence[dict[str, Any]], *, begin: float = BEGIN, step: float = 1.0) -> None:
    """Store events, `step` seconds apart, as one batch."""
    messages = [
        Message(
            "ann",
            json.dumps({"timestamp": begin + index * step, "metadata": {"assistant_id": "bank"}, **event}),
        )
        for index, event in enumerate(events)
    ]
    store(envelopes("default", messages))


def turns(kind: Kind) -> dict[str, int]:
    return dict(SessionValue.objects.filter(kind=kind).values_list("value", "turns"))


def test_a_value_knows_its_turns_however_its_events_are_split() -> None:
    events = [
        START, action("utter_hello"), user("greet"), action("utter_hello"), user("/buy"), action("utter_buy"),
        {"event": "slot", "name": "city", "value": "Paris"}, {"event": "slot", "name": "n", "value": [1, "é"]},
        {"event": "slot", "name": "gone", "value": None}, {"event": "restart"}, user("greet", confidence=0.55),
        {"event": "active_loop", "name": "buy_form"},
    ]  # fmt: skip
    for index, event in enumerate(events):
        take([event], begin=BEGIN + index)
    assert turns(Kind.INTENT) == {"greet": 0b1010, "/buy": 0b100}
    assert turns(Kind.ACTION) == {"utter_hello": 0b11, "utter_buy": 0b100}
    assert turns(Kind.POLICY) == {"RulePolicy": 0b111}
    assert turns(Kind.SLOT) == {"city": 0b100, "n": 0b100, "gone": 0b100}
    assert turns(Kind.SLOT_VALUE) == {"city=Paris": 0b100, 'n=[1, "é"]': 0b100}
    assert turns(Kind.IS) == {"restarted": 0b100}
    assert turns(Kind.EVENT) == {"restart": 0b100}
    assert turns(Kind.UNSURE) == {"greet": 0b1000}
    assert turns(Kind.CONFIDENCE) == {"9": 0b110, "5": 0b1000}
    assert turns(Kind.LOOP) == {"buy_form": 0b1000}
    assert turns(Kind.CHANNEL) == {"web": 0}  # asked of whole sessions
    assert turns(Kind.ASSISTANT_ID) == {"bank": 0}
    assert Session.objects.get().turns_known


def test_turns_beyond_the_bits_share_the_last_one() -> None:
    take([user("first"), *[user("on")] * 60, user("seventh"), user("far"), user("farther")])
    session = Session.objects.get()
    assert not session.turns_known
    assert turns(Kind.INTENT)["first"] == 0b10
    assert turns(Kind.INTENT)["on"] == sum(1 << turn for turn in range(2, 62))
    assert turns(Kind.INTENT)["seventh"] == turns(Kind.INTENT)["farther"] == 1 << 62
    assert not Conversation.objects.get().is_stale  # nothing would be known better


def test_a_late_event_leaves_turns_to_housekeeping() -> None:
    take([user("one"), user("two"), user("three")], step=10)
    take([user("between")], begin=BEGIN + 15)
    take([action("utter_after")], begin=BEGIN + 30)
    conversation, session = Conversation.objects.get(), Session.objects.get()
    assert (conversation.is_stale, session.turns_known) == (True, False)
    assert rebuild_stale(conversation.pk)
    conversation.refresh_from_db()
    session.refresh_from_db()
    assert (conversation.is_stale, session.turns_known) == (False, True)
    assert turns(Kind.INTENT) == {"one": 0b10, "two": 0b100, "between": 0b1000, "three": 0b10000}
    assert turns(Kind.ACTION) == {"utter_after": 0b10000}


def test_the_period_of_values_follows_the_session_and_nothing_else() -> None:
    take([user("greet")])
    period = int(BEGIN // 600)
    assert set(SessionValue.objects.values_list("period", flat=True)) == {period}
    take([action("utter_hello")], begin=BEGIN + 300)
    assert set(SessionValue.objects.values_list("period", flat=True)) == {period}
    take([action("utter_bye")], begin=BEGIN + 601)
    assert set(SessionValue.objects.values_list("period", flat=True)) == {period + 1}


def test_a_session_is_unread_and_changes_when_users_go_on_after_a_review() -> None:
    take([START])
    assert turns(Kind.REVIEW) == {}  # nobody has said anything yet
    assert Session.objects.get().newest_turn is None
    take([user("greet"), user("buy")], begin=BEGIN + 1)
    assert turns(Kind.REVIEW) == {"unread": 0}
    session = Session.objects.get()
    assert session.newest_turn == Event.objects.filter(type="user").latest("id").pk
    Session.objects.update(watermark=session.newest_turn, verdict=2)
    SessionValue.objects.filter(kind=Kind.REVIEW).update(value="reviewed")
    take([action("utter_buy")], begin=BEGIN + 5)
    assert turns(Kind.REVIEW) == {"reviewed": 0}
    take([user("late")], begin=BEGIN + 1.5)  # late counts as well: it was on no screen
    assert turns(Kind.REVIEW) == {"changed": 0}
    session.refresh_from_db()
    assert (session.verdict, session.newest_turn) == (2, Event.objects.latest("id").pk)
    take([user("more")], begin=BEGIN + 7)
    assert turns(Kind.REVIEW) == {"changed": 0}


@pytest.mark.parametrize(
    ("events", "left"),
    [
        ([("active_loop", "a")], "a"),
        ([("active_loop", "a"), ("active_loop", None)], ""),
        ([("active_loop", "a"), ("restart", None)], ""),
        ([("form", "a")], "a"),
        ([("flow_started", "buy")], "buy"),
        ([("flow_started", "buy"), ("flow_completed", "buy")], ""),
        ([("flow_started", "buy"), ("flow_cancelled", "buy")], ""),
        ([("flow_started", "buy"), ("flow_interrupted", "buy"), ("flow_started", "ask")], "ask"),
        ([("flow_started", "buy"), ("flow_started", "ask"), ("flow_completed", "ask"), ("flow_resumed", "buy")], "buy"),
        ([("flow_started", "buy"), ("flow_started", "pattern_x"), ("flow_completed", "pattern_x")], "buy"),
    ],
)  # fmt: skip
def test_a_loop_or_flow_left_open_is_known_in_any_order(
    events: list[tuple[str, str | None]], left: str
) -> None:
    bodies = [
        {"event": kind, "timestamp": BEGIN + index, "flow_id" if kind.startswith("flow") else "name": name}
        for index, (kind, name) in enumerate(events, 1)
    ]
    take([user("greet")])
    for body in reversed(bodies):
        take([body])
    assert Session.objects.get().open_loop == left
    rebuild_conversation(Conversation.objects.get().pk)
    assert Session.objects.get().open_loop == left


def test_words_of_a_message_stand_between_blanks() -> None:
    take(
        [user("x", "My LOST card, déjà vu!"), {"event": "bot", "text": "..."}, {"event": "bot", "text": "Ok"}]
    )
    assert list(Event.objects.order_by("timestamp").values_list("words", flat=True)) == [
        " my lost card deja vu ", "", " ok ",
    ]  # fmt: skip
    Event.objects.update(words="")
    rebuild_conversation(Conversation.objects.get().pk)
    assert Event.objects.filter(words__contains=" lost card ").count() == 1


def test_names_that_are_cut_to_the_same_key_are_one_value() -> None:
    from conversations.summary import value_key

    long = "x" * 300
    take([user(long), user(value_key(long)), user(long + "y")])
    assert turns(Kind.INTENT) == {value_key(long): 0b110, value_key(long + "y"): 0b1000}
