"""Tags and reasons: counted, renamed, merged, deleted on their page; sessions and queries follow."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from conversations.models import Reason, Review, Session, SessionValue, Tag, TagUse
from conversations.opinions import marking, reviewing, vocabulary
from conversations.tagging import put_on, read
from enterprise.models import AuditLine, User
from tests.test_opinions import by, newest, rows, told, turns
from tests.test_session_pages import NOW, begin, put, talk, the

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]
Kind = SessionValue.Kind
HOSTILE = '<img src=x onerror=alert(1)> \u202e, "x" OR y:z'


@pytest.fixture(autouse=True)
def _forget_ids() -> None:
    from conversations.store import _known

    _known.clear()


@pytest.fixture
def client(ben: User, signed_in: Callable[[User], Client]) -> Client:
    return signed_in(ben)


@pytest.fixture
def sessions(ben: User) -> list[Session]:
    """Two: the first tagged a and b, its first turn a; the second tagged a."""
    put(*talk("ada", NOW), *talk("bob", NOW))
    one, two = the("ada"), the("bob")
    for value in ("a", "b"):
        marking.tag(by(ben), one.pk, value=value)
    marking.tag(by(ben), one.pk, value="a", turn=turns(one)[0].pk)
    marking.tag(by(ben), two.pk, value="a")
    return [one, two]


def the_tag(value: str) -> Tag:
    return Tag.objects.get(value=value)


def test_an_empty_page_says_how_tags_come(client: Client) -> None:
    assert "No assistant yet" in client.get("/tags/").content.decode()
    put(*talk("ada", NOW))
    page = client.get("/tags/").content.decode()
    assert "No tags yet" in page
    assert "not understood" in page


def test_counts_open_the_sessions(client: Client, sessions: list[Session], ben: User) -> None:
    page = client.get("/tags/").content.decode()
    assert '/sessions/?q=tag%3Aa&amp;assistant=default">2<' in page
    answer = client.get("/sessions/", {"q": "tag:b"})
    assert [row.session for row in answer.context["rows"]] == [sessions[0]]


def test_renaming_keeps_what_it_is_on(client: Client, sessions: list[Session], ben: User) -> None:
    tag = the_tag("a")
    before = rows(sessions[0])
    answer = client.post(f"/tags/{tag.pk}/save/", {"value": f" {HOSTILE} ", "color": "#aabbcc"}, follow=True)
    assert "&lt;img src=x" in answer.content.decode()
    assert "<img src=x" not in answer.content.decode()
    tag.refresh_from_db()
    assert (tag.value, tag.color) == (HOSTILE, "AABBCC")
    assert rows(sessions[0]) == before
    assert AuditLine.objects.latest("pk").details == {"was": "a", "color": "AABBCC"}
    url = next(line.url for line in client.get("/tags/").context["tags"] if line.item == tag)
    assert len(client.get(url).context["rows"]) == 2
    for wrong in (
        {"value": "", "color": "#aabbcc"},
        {"value": "x", "color": "red"},
        {"value": "b", "color": "#aabbcc"},
    ):
        client.post(f"/tags/{tag.pk}/save/", wrong)
        tag.refresh_from_db()
        assert (tag.value, tag.color) == (HOSTILE, "AABBCC")


def test_merging_leaves_one_tag_where_either_was(
    client: Client, sessions: list[Session], ben: User, ana: User
) -> None:
    one, two = sessions
    a, b = the_tag("a"), the_tag("b")
    marking.tag(by(ana), one.pk, value="b", turn=turns(one)[2].pk)
    # What was taken off stays off only where the other is not on either.
    marking.untag(by(ana), one.pk, TagUse.objects.get(session=one, tag=b, is_turn=False).pk)
    client.post(f"/tags/{a.pk}/merge/", {"into": b.pk})
    assert not Tag.objects.filter(pk=a.pk).exists()
    assert {(use["value"], use["turn"]) for use in told(one, ben)["tags"]} == {
        ("b", None), ("b", turns(one)[0].pk), ("b", turns(one)[2].pk),
    }  # fmt: skip
    assert [use["value"] for use in told(two, ben)["tags"]] == ["b"]
    expected = {session.pk: rows(session) for session in sessions}
    assert expected[one.pk][Kind.TURN_TAG, str(b.pk)] == 0b1010
    SessionValue.objects.filter(kind__gte=Kind.REVIEW).delete()
    from conversations.opinions.placing import place

    for session in sessions:
        place(session.conversation_id)
    assert {session.pk: rows(session) for session in sessions} == expected
    client.post(f"/tags/{b.pk}/merge/", {"into": b.pk})
    client.post(f"/tags/{b.pk}/merge/", {"into": "x"})
    assert Tag.objects.filter(pk=b.pk).exists()


def test_deleting_takes_it_from_everything(client: Client, sessions: list[Session], ben: User) -> None:
    answer = client.post(f"/tags/{the_tag('a').pk}/delete/", follow=True)
    assert "it was on 3 sessions and turns" in answer.content.decode()
    assert [use["value"] for use in told(sessions[0], ben)["tags"]] == ["b"]
    assert not rows(sessions[1], Kind.TAG)
    assert client.post("/undo/").status_code == 400  # the tag that was put on is gone
    assert client.post(f"/tags/{2**64}/delete/").status_code == 404


def test_what_is_tagged_while_tags_are_merged_keeps_its_tag(
    sessions: list[Session], ben: User, ana: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = sessions
    into, merged = the_tag("a"), the_tag("b")
    real, late = vocabulary._conversations, [lambda: marking.tag(by(ana), two.pk, pk=merged.pk)]
    marking.untag(by(ben), two.pk, TagUse.objects.get(session=two).pk)

    def conversations(tag: Tag) -> Any:
        yield from real(tag)
        while late:
            late.pop()()

    monkeypatch.setattr(vocabulary, "_conversations", conversations)
    assert vocabulary.merge_tags(by(ben), merged, into) == 2
    assert [use["value"] for use in told(two, ben)["tags"]] == ["a"]
    assert rows(two, Kind.TAG) == {(Kind.TAG, str(into.pk)): 0}
    late.append(lambda: marking.tag(by(ana), one.pk, pk=into.pk, turn=turns(one)[1].pk))
    vocabulary.delete_tag(by(ben), into)
    assert not SessionValue.objects.filter(kind__in=[Kind.TAG, Kind.TURN_TAG]).exists()


def test_a_name_is_one_tag_however_it_is_written(client: Client, sessions: list[Session], ben: User) -> None:
    marking.tag(by(ben), sessions[0].pk, value="Refund  now")
    tag = the_tag("Refund now")
    called = put_on("default", "bob", read([{"value": " refund NOW"}, {"value": "REFUND\tnow"}]))
    assert [one.value for one in called] == ["a", "Refund now"]
    bot = put_on("default", "bob", read([{"value": "ÄRGER"}]))[-1]
    assert marking.tag(by(ben), sessions[0].pk, value="ärger").said == "Tagged “ÄRGER”."
    client.post(f"/tags/{bot.pk}/save/", {"value": "REFUND now", "color": "#aabbcc"})
    client.post(f"/tags/{tag.pk}/save/", {"value": "refund now", "color": "#aabbcc"})
    assert set(Tag.objects.values_list("value", flat=True)) == {"a", "b", "refund now", "ÄRGER"}


def test_many_conversations_are_locked_some_at_a_time(
    sessions: list[Session], ben: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vocabulary, "AT_ONCE", 1)
    assert vocabulary.merge_tags(by(ben), the_tag("b"), the_tag("a")) == 1
    assert vocabulary.delete_tag(by(ben), the_tag("a")) == 3
    assert not TagUse.objects.exists()
    assert not SessionValue.objects.filter(kind__in=[Kind.TAG, Kind.TURN_TAG]).exists()


def test_a_tag_can_be_made_before_it_is_used(client: Client, sessions: list[Session]) -> None:
    client.post("/tags/new/", {"assistant": "default", "value": "later"})
    assert [line.item.value for line in client.get("/tags/").context["tags"]] == ["a", "b", "later"]
    client.post("/tags/new/", {"assistant": "default", "value": " "})
    assert Tag.objects.count() == 3
    assert client.post("/tags/new/", {"assistant": "no\0body", "value": "x"}).status_code == 404


def test_reasons_come_with_the_assistant_not_with_who_looks(client: Client, sessions: list[Session]) -> None:
    before = list(Reason.objects.values_list("pk", "text"))
    with CaptureQueriesContext(connection) as queries:
        client.get("/tags/")
        client.get(f"/sessions/{sessions[0].pk}/choices/?for=reason")
    assert not [one["sql"] for one in queries if "INSERT" in one["sql"] and "reason" in one["sql"]]
    assert [text for _, text in before][:2] == ["not understood", "wrong intent"]
    assert list(Reason.objects.values_list("pk", "text")) == before
    put(*begin("eve", NOW, "other"))
    assert Reason.objects.filter(assistant__name="other").count() == len(before)


def test_reasons_are_a_list_of_ones_own(client: Client, sessions: list[Session], ben: User) -> None:
    assistant = sessions[0].assistant

    def offered() -> list[str]:
        return [reason.text for reason in vocabulary.reasons(assistant)]

    assert offered() == ["not understood", "wrong intent", "wrong answer", "missing feature", "loop", "tone"]
    client.post("/reasons/new/", {"assistant": "default", "text": "too slow"})
    slow = Reason.objects.get(text="too slow")
    for _ in range(9):
        client.post(f"/reasons/{slow.pk}/save/", {"move": "up"})
    client.post(f"/reasons/{slow.pk}/save/", {"text": "tone"})
    assert offered()[0] == "too slow"
    client.post(f"/reasons/{slow.pk}/save/", {"text": "far too slow"})
    reviewing.review(by(ben), sessions[0].pk, "broke", newest(sessions[0]), reason=slow.pk)
    client.post(f"/reasons/{slow.pk}/delete/")
    assert "far too slow" not in offered()
    assert told(sessions[0], ben)["reviews"][0]["reason"] == "far too slow"
    client.post("/reasons/new/", {"assistant": "default", "text": "far too slow"})
    assert offered()[-1] == "far too slow"
    for reason in vocabulary.reasons(assistant):
        client.post(f"/reasons/{reason.pk}/delete/")
    assert offered() == []
    assert Review.objects.get().reason == slow


def test_queries_do_not_grow_with_the_tags(client: Client, sessions: list[Session], ben: User) -> None:
    def count() -> int:
        client.get("/tags/")
        with CaptureQueriesContext(connection) as queries:
            assert client.get("/tags/").status_code == 200
        return len(queries)

    few = count()
    for number in range(20):
        marking.tag(by(ben), sessions[0].pk, value=f"more {number}")
    assert count() == few
