"""`/api/conversations` and the lists of values: upstream's shapes, filters and order."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client

from conversations.envelope import Envelope
from conversations.identity import parse as parse_json
from conversations.models import (
    Assistant,
    Conversation,
    Event,
    Flag,
    Session,
    SessionValue,
    Tag,
    TagUse,
)
from conversations.reading import read
from conversations.store import store
from enterprise.models import User
from tests.asking import fill
from tests.histories import NOW

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

ROW = {
    "sender_id", "sender_name", "latest_event_time", "latest_input_channel", "intents", "actions", "policies",
    "minimum_action_confidence", "maximum_action_confidence", "minimum_intent_confidence", "maximum_intent_confidence",
    "in_training_data", "review_status", "n_user_messages", "has_flagged_messages", "corrected_messages", "interactive",
    "tags", "created_by",
}  # fmt: skip


@pytest.fixture
def api(ben: User, signed_in: Callable[[User], Client]) -> Client:
    client = signed_in(ben)
    client.raise_request_exception = False
    return client


def publish(
    sender: str, *events: dict[str, Any], assistant: str = "default", environment: str = ""
) -> list[str]:
    """Store events of one sender, a second apart; the bodies as published."""
    bodies = [
        json.dumps({"sender_id": sender, "timestamp": NOW - 10_000 + number, **event})
        for number, event in enumerate(events)
    ]
    store([Envelope(assistant, sender, read(parse_json(body)), body, environment) for body in bodies])
    return bodies


def user(text: str, intent: str = "greet", confidence: float = 0.9, **more: Any) -> dict[str, Any]:
    parse_data = {"intent": {"name": intent, "confidence": confidence}, "entities": []}
    return {"event": "user", "text": text, "parse_data": parse_data, "input_channel": "rest", **more}


def senders(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [row["sender_id"] for row in answer.json()]


def test_rows_have_upstreams_shape(api: Client) -> None:
    publish(
        "ada",
        {"event": "action", "name": "action_session_start", "policy": None, "confidence": 1.0},
        user("hello", confidence=0.8),
        {"event": "action", "name": "utter_greet", "policy": "RulePolicy", "confidence": 0.7},
        {"event": "action", "name": "action_session_start", "policy": None, "confidence": 1.0},
        user("refund", "ask_refund", 0.3, input_channel="phone"),
        {"event": "action", "name": "utter_refund", "policy": "TEDPolicy", "confidence": 0.4},
    )
    answer = api.get("/api/conversations")
    assert answer.headers["X-Total-Count"] == "1"
    assert Session.objects.count() == 2
    (row,) = answer.json()
    assert row.keys() == ROW
    assert row == {
        **row,
        "sender_id": "ada", "latest_event_time": NOW - 9_995, "latest_input_channel": "phone",
        "intents": ["ask_refund", "greet"], "actions": ["utter_greet", "utter_refund"], "policies": ["RulePolicy", "TEDPolicy"],
        "minimum_intent_confidence": 0.3, "maximum_intent_confidence": 0.8, "minimum_action_confidence": 0.4,
        "maximum_action_confidence": 0.7, "n_user_messages": 2, "review_status": "unread", "has_flagged_messages": False,
        "tags": [], "interactive": False, "corrected_messages": [], "created_by": None, "in_training_data": None,
    }  # fmt: skip


def test_pages_walk_all_conversations_newest_first(api: Client) -> None:
    fill(4, count=11)
    everything = [
        (conversation.sender_id)
        for conversation in Conversation.objects.filter(n_events__gt=0).order_by("-activity_at", "-id")
    ]
    walked: list[str] = []
    for offset in range(0, len(everything) + 1, 5):
        answer = api.get("/api/conversations", {"limit": 5, "offset": offset})
        assert answer.headers["X-Total-Count"] == str(len(everything))
        walked += senders(answer)
    assert walked == everything
    for wrong in ({"limit": "many"}, {"offset": "-1"}, {"limit": "1e3"}):
        assert api.get("/api/conversations", wrong).status_code == 400


def test_upstreams_filters(api: Client) -> None:
    publish(
        "ada",
        user("hello there", "greet", 0.9),
        {"event": "action", "name": "utter_greet", "policy": "RulePolicy", "confidence": 1.0},
    )
    publish(
        "bob", user("money back", "ask_refund", 0.4), user("now", "ask_refund", 0.5), environment="staging"
    )
    publish(
        "cyd",
        user("hi", "greet", 0.7, input_channel="phone"),
        {"event": "action", "name": "utter_x", "policy": "TEDPolicy", "confidence": 0.3},
    )
    cases: list[tuple[dict[str, Any], set[str]]] = [
        ({"intent": "greet"}, {"ada", "cyd"}), ({"intent": "greet,ask_refund"}, {"ada", "bob", "cyd"}),
        ({"intent": "greet", "action": "utter_greet"}, {"ada"}), ({"text": "MONEY back"}, {"bob"}),
        ({"input_channels": "phone"}, {"cyd"}), ({"policies": "TEDPolicy"}, {"cyd"}), ({"environment": "staging"}, {"bob"}),
        ({"minimumUserMessages": 2}, {"bob"}), ({"minimumNluConfidence": 0.7}, {"ada", "cyd"}),
        ({"maximumNluConfidence": 0.7}, {"bob", "cyd"}), ({"maximumConfidence": 0.5}, {"cyd"}), ({"minimumConfidence": 0.5}, {"ada"}),
        ({"start": NOW - 10_000}, {"ada", "bob", "cyd"}), ({"start": NOW - 9_999}, {"ada", "bob", "cyd"}), ({"start": NOW - 9_998}, set()),
        ({"until": NOW - 9_999}, {"ada", "bob", "cyd"}), ({"until": NOW - 10_000}, set()), ({"start": "2026-09-21T10:00:00Z"}, {"ada", "bob", "cyd"}),
        ({"start": "2026-09-22"}, set()), ({"q": "intent:greet -channel:phone"}, {"ada"}), ({"q": "intent:greet<0.8"}, {"cyd"}),
        ({"q": "turns:>1"}, {"bob"}), ({"q": "-turns:>1"}, {"ada", "cyd"}), ({"intent": "nobody"}, set()), ({"text": "..."}, set()),
        ({"review_status": "unread"}, {"ada", "bob", "cyd"}), ({"review_status": "reviewed"}, set()), ({"exclude_self": "true"}, {"ada", "bob", "cyd"}),
    ]  # fmt: skip
    for parameters, wanted in cases:
        answer = api.get("/api/conversations", parameters)
        assert set(senders(answer)) == wanted, parameters
        assert answer.headers["X-Total-Count"] == str(len(wanted))


def test_conversations_are_filtered_as_a_whole_not_by_session(api: Client) -> None:
    publish(
        "ada",
        user("a", "greet"),
        {"event": "action", "name": "action_session_start", "policy": None, "confidence": 1.0},
        user("b", "bye"),
    )
    assert Session.objects.count() == 2
    assert senders(api.get("/api/conversations", {"intent": "greet", "q": "intent:bye"})) == ["ada"]
    assert senders(api.get("/api/conversations", {"minimumUserMessages": 2})) == ["ada"]


def test_what_cannot_be_read_or_answered_is_refused_and_never_widens(api: Client) -> None:
    publish("ada", user("hello"))
    cases = [
        ({"start": "yesterday-ish"}, "InvalidParameter"), ({"minimumUserMessages": "two"}, "InvalidParameter"),
        ({"minimumNluConfidence": "nan"}, "InvalidParameter"), ({"q": "nosuch:thing"}, "InvalidQuery"), ({"q": '"open'}, "InvalidQuery"),
        ({"slots": "city"}, "InvalidParameter"), ({"in_training_data": "true"}, "UnsupportedParameter"),
        ({"tags_any": "refund"}, "InvalidParameter"), ({"until": "1e400"}, "InvalidParameter"),
    ]  # fmt: skip
    for parameters, reason in cases:
        answer = api.get("/api/conversations", parameters)
        assert (answer.status_code, answer.json()["reason"]) == (400, reason), parameters
        assert answer.json()["status"] == "failure"
    mistakes = api.get("/api/conversations", {"q": "intnt:greet"}).json()["details"]["mistakes"]
    assert (mistakes[0]["span"], mistakes[0]["suggestion"]) == ([0, 6], "intent:")


def test_tags_and_flags_filter_and_show(api: Client, ben: User) -> None:
    publish("ada", user("hello"))
    publish("bob", user("hello"))
    ada = Conversation.objects.get(sender_id="ada")
    tag = Tag.objects.create(assistant=ada.assistant, value="refund")
    gone = Tag.objects.create(assistant=ada.assistant, value="gone")
    TagUse.objects.create(conversation=ada, anchor_at=NOW, tag=tag, source="bot")
    TagUse.objects.create(conversation=ada, anchor_at=NOW, tag=gone, source="bot", is_removed=True)
    event = Event.objects.get(conversation__sender_id="bob")
    Flag.objects.create(
        conversation=event.conversation, anchor_at=event.timestamp, anchor_hash=event.hash, user=ben
    )
    assert senders(api.get("/api/conversations", {"tags_any": f"{tag.pk},{gone.pk}"})) == ["ada"]
    assert senders(api.get("/api/conversations", {"tags_any": gone.pk})) == []
    assert senders(api.get("/api/conversations", {"is_flagged": "true"})) == ["bob"]
    assert senders(api.get("/api/conversations", {"is_flagged": "false"})) == ["ada"]
    rows = {row["sender_id"]: row for row in api.get("/api/conversations").json()}
    assert (rows["ada"]["tags"], rows["bob"]["tags"]) == ([tag.pk], [])
    assert (rows["ada"]["has_flagged_messages"], rows["bob"]["has_flagged_messages"]) == (False, True)


def test_events_are_answered_to_the_letter(api: Client, ben: User) -> None:
    bodies = publish(
        "ada", user("héllo \ud83d", metadata={"b": 1, "a": [1.50, 2e3]}), {"event": "bot", "text": "is_flagged?", "data": {}},
        {"event": "flow_telepathy", "深": "い"},
    )  # fmt: skip
    event = Event.objects.get(type="bot")
    Flag.objects.create(
        conversation=event.conversation, anchor_at=event.timestamp, anchor_hash=event.hash, user=ben
    )
    answer = api.get("/api/conversations/ada")
    text = answer.content.decode()
    for body in bodies:
        assert body[:-1] in text
    events = json.loads(text)["events"]
    assert [event.pop("is_flagged") for event in events] == [False, True, False]
    assert events == [json.loads(body) for body in bodies]
    assert json.loads(text)["sender_id"] == "ada"


def test_what_json_does_not_know_becomes_null(api: Client) -> None:
    publish(
        "ada",
        {"event": "slot", "name": "x", "value": [float("nan"), float("inf"), -float("inf"), "NaN"]},
        {"event": "slot", "name": "y", "value": 1, "is_flagged": "own"},
    )
    strict = json.loads(api.get("/api/conversations/ada").content, parse_constant=pytest.fail)
    assert strict["events"][0]["value"] == [None, None, None, "NaN"]
    assert strict["events"][1]["is_flagged"] is False


def test_parts_of_a_conversation(api: Client) -> None:
    publish("ada", user("one"), {"event": "restart"}, user("two"), environment="production")
    publish(
        "ada", {"event": "bot", "text": "three", "timestamp": NOW - 9_000, "data": {}}, environment="staging"
    )

    def texts(**parameters: Any) -> list[str]:
        answer = api.get("/api/conversations/ada", parameters)
        assert answer.status_code == 200, answer.content
        return [event.get("text") or event["event"] for event in answer.json()["events"]]

    assert texts() == ["one", "restart", "two", "three"]
    assert texts(history="false") == ["two", "three"]
    assert texts(history="true") == texts()
    assert texts(environment="staging") == ["three"]
    assert texts(since=NOW - 9_998) == ["two", "three"]
    assert texts(until=NOW - 9_999) == ["one", "restart"]
    assert texts(since=NOW) == []
    assert api.get("/api/conversations/ada", {"since": "soon"}).status_code == 400


def test_any_id_is_found_by_its_encoded_form(api: Client) -> None:
    ids = [
        "a/b",
        "a/b/tags-not",
        "with space",
        "50%",
        "é",
        "日本",
        "a?b=c#d",
        "a\x00b",
        "😀",
        "..",
        "a+b",
        "x" * 500,
        "/",
        "//a",
        "https://x/?y",
    ]
    for number, sender in enumerate(ids):
        publish(sender, user(f"message {number}"))
    for number, sender in enumerate(ids):
        answer = api.get(f"/api/conversations/{quote(sender, safe='')}")
        assert answer.status_code == 200, sender
        assert answer.json()["events"][0]["text"] == f"message {number}", sender
    publish("half \ud83d", user("surrogate"))
    shown = next(
        row["sender_id"]
        for row in api.get("/api/conversations").json()
        if row["sender_id"].startswith("half")
    )
    assert shown == "half \\ud83d"
    assert api.get(f"/api/conversations/{quote(shown)}").json()["events"][0]["text"] == "surrogate"


def test_default_answers_before_other_assistants_unless_one_is_named(api: Client) -> None:
    publish("ada", user("from another"), assistant="aardvark")
    assert api.get("/api/conversations/ada").json()["events"][0]["text"] == "from another"
    publish("ada", user("from default"))
    assert api.get("/api/conversations/ada").json()["events"][0]["text"] == "from default"
    assert api.get("/api/conversations/ada?project=aardvark").json()["events"][0]["text"] == "from another"
    assert senders(api.get("/api/conversations?project=aardvark")) == ["ada"]
    assert api.get("/api/conversations?project=nobody").json()["reason"] == "UnknownProject"
    assert api.get("/api/conversations/ada?project=nobody").status_code == 404


def test_unknown_and_empty_conversations_are_not_found(api: Client) -> None:
    assert api.get("/api/conversations/nobody").json()["reason"] == "UnknownConversation"
    assert api.get("/api/conversations").json() == []
    Client().post("/api/conversations/early/tags", '[{"value": "x"}]', content_type="")
    assert api.get("/api/conversations/early").status_code == 404
    assert api.get("/api/conversations").json() == []


def test_lists_of_values(api: Client) -> None:
    assert api.get("/api/conversationIntents").json() == []
    fill(5, count=8)
    fill(6, count=2, assistant="another")
    kinds = SessionValue.Kind
    for path, kind in (
        ("conversationIntents", kinds.PREDICTED), ("conversationActions", kinds.ACTION), ("conversationEntities", kinds.ENTITY),
        ("conversationPolicies", kinds.POLICY), ("conversations/slotNames", kinds.SLOT), ("conversations/inputChannels", kinds.CHANNEL),
    ):  # fmt: skip
        rows = SessionValue.objects.filter(assistant=Assistant.objects.get(name="default"), kind=kind)
        assert api.get(f"/api/{path}").json() == sorted(set(rows.values_list("value", flat=True)))
        assert rows.exists()


def test_who_may_not_view_conversations_gets_none(tom: User, signed_in: Callable[[User], Client]) -> None:
    publish("ada", user("hello"))
    for path in (
        "conversations",
        "conversations/ada",
        "conversationIntents",
        "sessions",
        "conversations/tags",
    ):
        assert signed_in(tom).get(f"/api/{path}").status_code == 403
        assert Client().get(f"/api/{path}").status_code == 401
