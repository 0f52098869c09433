"""Upstream's review calls as scripts make them, and what was said of each session."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from conversations.models import Correction, Event, Flag, Later, Note, Review, Session, TagUse
from conversations.opinions import marking, reviewing
from enterprise.models import AuditLine, User
from tests.test_api_conversations import publish, senders
from tests.test_api_conversations import user as said
from tests.test_opinions import by, newest, turns
from tests.test_session_pages import NOW, bot, put, talk, the, user

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


@pytest.fixture(autouse=True)
def _forget_ids() -> None:
    from conversations.store import _known

    _known.clear()


@pytest.fixture
def api(ben: User, signed_in: Callable[[User], Client]) -> Client:
    client = signed_in(ben)
    client.raise_request_exception = False
    return client


@pytest.fixture
def session(db: None) -> Session:
    put(*talk("ada", NOW))
    return the("ada")


def send(client: Client, method: str, path: str, body: Any = None) -> Any:
    content = "" if body is None else json.dumps(body)
    return client.generic(method, f"/api/{path}", content, content_type="application/json")


def row(client: Client, sender: str = "ada") -> dict[str, Any]:
    rows: list[dict[str, Any]] = client.get("/api/conversations").json()
    return next(one for one in rows if one["sender_id"] == sender)


# --- upstream ----------------------------------------------------------------------------------------


def test_a_conversation_is_reviewed_when_none_of_its_sessions_waits(api: Client, session: Session) -> None:
    put(*talk("ada", NOW + 1000))
    assert row(api)["review_status"] == "unread"
    assert (
        send(api, "PUT", "conversations/ada/reviewStatus", {"review_status": "reviewed"}).status_code == 204
    )
    assert row(api)["review_status"] == "reviewed"
    assert Review.objects.count() == 2
    put(user("ada", NOW + 2000, "one more"))
    assert row(api)["review_status"] == "unread"
    assert (
        send(api, "PUT", "conversations/ada/reviewStatus", {"review_status": "saved_for_later"}).status_code
        == 204
    )
    assert row(api)["review_status"] == "saved_for_later"
    assert Later.objects.get().session == the("ada")
    send(api, "PUT", "conversations/ada/reviewStatus", {"review_status": "reviewed"})
    assert row(api)["review_status"] == "reviewed"
    send(api, "PUT", "conversations/ada/reviewStatus", {"review_status": "unread"})
    assert row(api)["review_status"] == "unread"
    assert not Review.objects.standing().exists()
    assert AuditLine.objects.filter(action="session.review", target="ada").exists()


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        "reviewed",
        {},
        {"review_status": "done"},
        {"review_status": ["reviewed"]},
        {"review_status": None},
    ],
)
def test_what_is_no_review_status_is_refused(api: Client, session: Session, body: Any) -> None:
    answer = send(api, "PUT", "conversations/ada/reviewStatus", body)
    assert answer.status_code == 400
    assert answer.json()["status"] == "failure"
    assert not Review.objects.exists()


def test_conversations_by_review_status(api: Client, ana: User, ben: User) -> None:
    for sender in ("ada", "bob", "cyd"):
        publish(sender, said("hello"))
    send(api, "PUT", "conversations/ada/reviewStatus", {"review_status": "reviewed"})
    send(api, "PUT", "conversations/bob/reviewStatus", {"review_status": "saved_for_later"})

    def asked(status: str) -> list[str]:
        return sorted(senders(api.get("/api/conversations", {"review_status": status})))

    assert [asked(status) for status in ("reviewed", "saved_for_later", "unread")] == [
        ["ada"],
        ["bob"],
        ["cyd"],
    ]
    assert asked("reviewed,unread") == ["ada", "cyd"]
    assert api.get("/api/conversations", {"review_status": "read"}).status_code == 400
    # Saved for later is one's own.
    other = Client()
    other.force_login(ana)
    assert sorted(senders(other.get("/api/conversations", {"review_status": "unread"}))) == ["bob", "cyd"]


def test_conversations_know_who_asks(api: Client, ana: User, ben: User) -> None:
    put(*talk("ada", NOW), *talk("bob", NOW))
    reviewing.assign(by(ana), the("ada").pk, str(ben.pk))
    assert senders(api.get("/api/conversations", {"q": "assigned:me"})) == ["ada"]
    assert senders(api.get("/api/conversations", {"q": "-assigned:me"})) == ["bob"]


@pytest.mark.parametrize("setting", ["sample:1", "sort:oldest", "in:conversation"])
def test_what_only_a_list_of_sessions_can_do_is_refused(api: Client, session: Session, setting: str) -> None:
    answer = api.get("/api/conversations", {"q": f"intent:greet {setting}"})
    name = setting.partition(":")[0]
    assert (answer.status_code, answer.json()["reason"]) == (400, "InvalidQuery")
    assert f"{name}:" in answer.json()["message"]
    assert answer.json()["details"]["settings"] == [f"{name}:"]


def test_a_message_is_flagged_by_its_timestamp(api: Client, session: Session) -> None:
    event = turns(session)[1]
    path = f"conversations/ada/messages/{event.timestamp!r}/flag"
    for _ in range(2):
        assert send(api, "PUT", path).status_code == 204
    assert row(api)["has_flagged_messages"] is True
    assert senders(api.get("/api/conversations", {"is_flagged": "true"})) == ["ada"]
    events = api.get("/api/conversations/ada").json()["events"]
    assert [one["timestamp"] for one in events if one["is_flagged"]] == [event.timestamp]
    for _ in range(2):
        assert send(api, "DELETE", path).status_code == 204
    assert row(api)["has_flagged_messages"] is False
    # With fewer decimals too; the user's message before others of the same moment.
    put(user("ada", NOW + 20.123456, "hm"), bot("ada", NOW + 20.123456, "well"))
    assert send(api, "PUT", f"conversations/ada/messages/{NOW + 20.123456:.4f}/flag").status_code == 204
    flag = Flag.objects.standing().get()
    assert Event.objects.get(hash=bytes(flag.anchor_hash)).type == "user"
    for wrong in ("12", "x", "nan", "inf", "-1", "1e400", f"{NOW + 500}"):
        assert send(api, "PUT", f"conversations/ada/messages/{wrong}/flag").status_code == 404
    assert send(api, "PUT", f"conversations/bob/messages/{event.timestamp!r}/flag").status_code == 404


def test_an_intent_is_corrected_by_the_timestamp(api: Client, session: Session) -> None:
    event = turns(session)[0]
    path = f"conversations/ada/messages/{event.timestamp!r}/intent"
    assert send(api, "PUT", path, {"intent": "ask_refund"}).status_code == 204
    assert row(api)["corrected_messages"] == [{"message_timestamp": event.timestamp, "intent": "ask_refund"}]
    assert send(api, "PUT", path, {"intent": {"name": "bye"}}).status_code == 204
    assert [one["intent"] for one in row(api)["corrected_messages"]] == ["bye"]
    assert send(api, "DELETE", path).status_code == 204
    assert send(api, "DELETE", path).status_code == 404
    assert row(api)["corrected_messages"] == []
    wrong: list[Any] = [
        None,
        {},
        {"intent": ""},
        {"intent": 5},
        {"intent": "nlu_fallback"},
        {"intent": {}},
        [1],
    ]
    for body in wrong:
        assert send(api, "PUT", path, body).status_code == 400
    bots = Event.objects.of_session(session).filter(type="bot")[0]
    assert (
        send(api, "PUT", f"conversations/ada/messages/{bots.timestamp!r}/intent", {"intent": "x"}).status_code
        == 404
    )


def test_messages_are_the_chat(api: Client, session: Session) -> None:
    first = turns(session)[0]
    send(api, "PUT", f"conversations/ada/messages/{first.timestamp!r}/flag")
    send(api, "PUT", f"conversations/ada/messages/{first.timestamp!r}/intent", {"intent": "bye"})
    answer = api.get("/api/conversations/ada/messages")
    assert answer.headers["X-Total-Count"] == "6"
    messages = answer.json()
    assert [(one["type"], one["text"]) for one in messages][:2] == [
        ("user", "message 0"),
        ("bot", "answer 0"),
    ]
    assert messages[0] == {
        "type": "user", "timestamp": first.timestamp, "text": "message 0", "data": None, "is_flagged": True,
        "intent": {"name": "greet", "confidence": 0.9}, "corrected_intent": "bye",
    }  # fmt: skip
    assert (messages[1]["intent"], messages[1]["data"]) == (None, {})
    part = api.get("/api/conversations/ada/messages", {"limit": 2, "offset": 4})
    assert part.json() == messages[4:]


def test_conversations_by_slot_and_without_ones_own(api: Client, session: Session, ben: User) -> None:
    publish("ben", said("hello"), {"event": "slot", "name": "city", "value": "Paris"})
    assert senders(api.get("/api/conversations", {"slots": "city:Paris"})) == ["ben"]
    assert senders(api.get("/api/conversations", {"slots": "count:2"})) == ["ada"]
    assert senders(api.get("/api/conversations", {"slots": "city:Rome"})) == []
    assert senders(api.get("/api/conversations", {"exclude_self": "true"})) == ["ada"]
    assert api.get("/api/conversations", {"slots": "city"}).status_code == 400
    assert api.get("/api/conversations", {"in_training_data": "true"}).status_code == 400


def test_tags_of_a_conversation_are_those_of_all_its_sessions(
    api: Client, session: Session, ben: User
) -> None:
    put(*talk("ada", NOW + 1000))
    marking.tag(by(ben), session.pk, value="old")
    marking.tag(by(ben), the("ada").pk, value="new", turn=turns(the("ada"))[0].pk)
    send(api, "POST", "conversations/ada/tags", [{"value": "api"}, {"value": "old"}])
    assert [tag["value"] for tag in api.get("/api/conversations/ada/tags").json()] == ["old", "new", "api"]
    assert len(row(api)["tags"]) == 3
    old = TagUse.objects.filter(tag__value="old")
    assert {use.session_id for use in old} == {session.pk, the("ada").pk}
    assert send(api, "DELETE", f"conversations/ada/tags/{old[0].tag_id}").status_code == 204
    assert [tag["value"] for tag in api.get("/api/conversations/ada/tags").json()] == ["new", "api"]


def test_a_tag_that_a_bot_sets_goes_to_the_session_that_its_turn_begins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    put(*talk("ada", NOW))
    monkeypatch.setattr("conversations.tagging.time.time", lambda: NOW + 1001.1)
    send(Client(), "POST", "conversations/ada/tags", [{"value": "early"}])
    assert TagUse.objects.get().session == the("ada")
    put(*talk("ada", NOW + 1000))  # what the bot was answering when it called
    use = TagUse.objects.get()
    assert use.session == the("ada")
    assert use.session.start_at == NOW + 1000
    # Before the first event there is no session at all.
    send(Client(), "POST", "conversations/new/tags", [{"value": "early"}])
    put(*talk("new", NOW + 2000))
    assert TagUse.objects.latest("pk").session == the("new")


# --- our own -----------------------------------------------------------------------------------------


def test_reviews_are_given_listed_and_taken_back(api: Client, session: Session, ana: User) -> None:
    path, turn = f"sessions/{session.pk}/reviews", turns(session)[1]
    reviewing.review(by(ana), session.pk, "well", newest(session))
    body = {"verdict": "broke", "turn": turn.pk, "reason": "wrong answer"}
    answer = send(api, "POST", path, body)
    assert answer.status_code == 201
    given = answer.json()
    assert given == {
        **given,
        "by": "ben",
        "turn": turn.pk,
        "verdict": "broke",
        "reason": "wrong answer",
        "watermark": newest(session),
    }
    assert [(one["by"], one["verdict"]) for one in api.get(f"/api/{path}").json()] == [
        ("ben", "broke"),
        ("ana", "well"),
    ]
    hers = Review.objects.get(user=ana)
    assert send(api, "DELETE", f"{path}/{hers.pk}").status_code == 403
    assert send(api, "DELETE", f"{path}/{given['id']}").status_code == 204
    assert send(api, "DELETE", f"{path}/{given['id']}").status_code == 404
    assert [one["by"] for one in api.get(f"/api/{path}").json()] == ["ana"]
    bodies: list[Any] = [
        None, [], {}, {"verdict": 5}, {"verdict": "great"}, {"verdict": "well", "watermark": "1"},
        {"verdict": "well", "watermark": True}, {"verdict": "broke", "reason": "bad luck"},
    ]  # fmt: skip
    for wrong in bodies:
        assert send(api, "POST", path, wrong).status_code == 400
    assert send(api, "POST", path, {"verdict": "broke", "turn": 10**30}).status_code == 404
    assert send(api, "POST", f"sessions/{10**30}/reviews", {"verdict": "well"}).status_code == 404


def test_notes_are_written_changed_and_paged(api: Client, session: Session, ana: User) -> None:
    path = f"sessions/{session.pk}/notes"
    hostile = "<script>alert(1)</script> \u202e\u200b @ana \x00 \ud83d"
    first = send(api, "POST", path, {"text": hostile, "turn": turns(session)[0].pk}).json()
    assert (first["mentions"], first["turn"]) == (["ana"], turns(session)[0].pk)
    assert first["text"] == "<script>alert(1)</script> \u202e\u200b @ana \\u0000 \\ud83d"
    for number in range(4):
        send(api, "POST", path, {"text": f"note {number}"})
    changed = send(api, "PUT", f"{path}/{first['id']}", {"text": "never mind"})
    assert (changed.json()["text"], changed.json()["mentions"], bool(changed.json()["edited_at"])) == (
        "never mind",
        [],
        True,
    )
    walked, link = [], f"/api/{path}?limit=2"
    totals = []
    while link:
        answer = api.get(link)
        totals.append(answer.headers.get("X-Total-Count"))
        walked += [note["text"] for note in answer.json()]
        found = re.search(r'<([^>]+)>; rel="next"', answer.headers.get("Link", ""))
        link = found[1] if found else ""
    assert walked == ["note 3", "note 2", "note 1", "note 0", "never mind"]
    assert totals == ["5", None, None]
    assert api.get(f"/api/{path}", {"cursor": "x"}).status_code == 400
    other = Note.objects.create(
        conversation=session.conversation, session=session, text="hers", words="", user=ana, anchor_at=NOW
    )
    assert send(api, "PUT", f"{path}/{other.pk}", {"text": "mine"}).status_code == 403
    assert send(api, "DELETE", f"{path}/{other.pk}").status_code == 403
    assert send(api, "DELETE", f"{path}/{first['id']}").status_code == 204
    for wrong in ({}, {"text": ""}, {"text": 5}, {"text": "x" * 10_001}, "text"):
        assert send(api, "POST", path, wrong).status_code == 400


def test_tags_of_a_session(api: Client, session: Session) -> None:
    path = f"sessions/{session.pk}/tags"
    on_turn = send(api, "POST", path, {"value": "angry", "turn": turns(session)[2].pk}).json()
    whole = send(api, "POST", path, {"tag": on_turn["tag"]}).json()
    assert (on_turn["turn"], whole["turn"], whole["value"], whole["source"]) == (
        turns(session)[2].pk,
        None,
        "angry",
        "person",
    )
    assert send(api, "POST", path, {"value": "Angry"}).json() == whole
    assert len(api.get(f"/api/{path}").json()) == 2
    assert send(api, "DELETE", f"{path}/{on_turn['id']}").status_code == 204
    assert [one["id"] for one in api.get(f"/api/{path}").json()] == [whole["id"]]
    assert send(api, "DELETE", f"{path}/{10**30}").status_code == 404
    for wrong in ({}, {"tag": 987654}, {"value": ["x"]}):
        assert send(api, "POST", path, wrong).status_code == 400


def test_corrections_of_a_session(api: Client, session: Session) -> None:
    path, turn = f"sessions/{session.pk}/corrections", turns(session)[0]
    entities = [{"start": 8, "end": 9, "entity": "number", "role": "first"}]
    given = send(api, "POST", path, {"turn": turn.pk, "intent": "count", "entities": entities}).json()
    assert given == {
        **given, "turn": turn.pk, "message_timestamp": turn.timestamp, "intent": "count", "was": "greet", "by": "ben",
        "entities": [{"start": 8, "end": 9, "entity": "number", "value": "0", "role": "first"}],
    }  # fmt: skip
    assert api.get(f"/api/{path}").json() == [given]
    assert send(api, "DELETE", f"{path}/{turn.pk}").status_code == 204
    assert api.get(f"/api/{path}").json() == []
    for wrong in ({}, {"turn": turn.pk}, {"turn": turn.pk, "intent": "x", "entities": 5}):
        assert send(api, "POST", path, wrong).status_code in (400, 404)
    assert not Correction.objects.standing().exists()


def test_testers_hear_nothing_of_it(session: Session, tom: User, signed_in: Callable[[User], Client]) -> None:
    client = signed_in(tom)
    for name in ("reviews", "notes", "tags", "corrections"):
        assert client.get(f"/api/sessions/{session.pk}/{name}").status_code == 403
        assert send(client, "POST", f"sessions/{session.pk}/{name}", {}).status_code == 403
    assert client.get("/api/conversations/ada/messages").status_code == 403


def test_queries_do_not_grow_with_rows(api: Client, ben: User, ana: User) -> None:
    put(*talk("ada", NOW))

    def judge(sender: str) -> None:
        session = the(sender)
        for number, turn in enumerate(turns(session)):
            marking.note(by(ana), session.pk, f"@ben {number}", turn=turn.pk)
            marking.tag(by(ana), session.pk, value=f"tag {number}", turn=turn.pk)
            marking.correct(by(ana), session.pk, turn.pk, f"intent_{number}")
            marking.flag(by(ana), session.pk, turn.pk)
            reviewing.review(by((ana, ben)[number % 2]), session.pk, "well", newest(session))

    judge("ada")
    paths = ["conversations", "conversations/ada/messages", "conversations/ada/tags"]
    paths += [f"sessions/{the('ada').pk}/{name}" for name in ("reviews", "notes", "tags", "corrections")]

    def count(path: str) -> int:
        api.get(f"/api/{path}?limit=99")
        with CaptureQueriesContext(connection) as queries:
            assert api.get(f"/api/{path}?limit=100").status_code == 200
        return len(queries)

    few = [count(path) for path in paths]
    for number in range(6):
        put(user("ada", NOW + 50 + number, "more"), *talk(f"other {number}", NOW))
        judge(f"other {number}")
    judge("ada")
    assert [count(path) for path in paths] == few
