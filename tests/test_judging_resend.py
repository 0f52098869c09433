"""What is sent again, because its answer was lost, is answered again and done once; and old screens take nothing away."""

import threading
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client

from conversations.models import Correction, Deed, Flag, Note, Review, Session, TagUse
from enterprise.models import AuditLine, User
from tests.test_opinions import newest, turns
from tests.test_session_pages import NOW, put, talk, the

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


@pytest.fixture
def session(db: None) -> Session:
    from conversations.store import _known

    _known.clear()
    put(*talk("ada", NOW))
    return the("ada")


Post = Callable[..., dict[str, Any]]


@pytest.fixture
def post(session: Session, client: Client, ben: User) -> Post:
    """`post("note", text="…", key="…")`: what Ben's screen sends; the answer."""
    client.force_login(ben)

    def send(deed: str, /, **data: Any) -> dict[str, Any]:
        url = "/undo/" if deed == "undo" else f"/sessions/{session.pk}/judge/{deed}/"
        response = client.post(url, data)
        assert response.status_code == 200, response.content
        answer = response.json()
        return {name: answer[name] for name in ("deed", "said", "kind")}

    return send


def test_what_comes_twice_is_done_once_and_answered_alike(session: Session, post: Post) -> None:
    turn = turns(session)[0].pk
    cases: dict[str, dict[str, Any]] = {
        "note": {"text": "ask @ben"},
        "flag": {"turn": turn, "on": "1"},
        "tag": {"value": "odd"},
        "correct": {"turn": turn, "intent": "other", "seen": ""},
        "review": {"verdict": "well", "watermark": newest(session)},
        "unreview": {},
        "later": {},
        "assign": {"user": "me", "seen": ""},
    }
    for deed, data in cases.items():
        key = uuid4().hex
        before = Deed.objects.count(), AuditLine.objects.count()
        assert post(deed, **data, key=key) == post(deed, **data, key=key), deed
        assert (Deed.objects.count(), AuditLine.objects.count()) == (before[0] + 1, before[1] + 1), deed
    assert [model.objects.count() for model in (Note, Flag, TagUse, Correction, Review)] == [1, 1, 1, 1, 1]
    assert not Flag.objects.get().is_removed


def test_without_a_key_each_is_a_deed_of_its_own(post: Post) -> None:
    assert post("note", text="twice") != post("note", text="twice")
    assert post("note", text="twice", key=uuid4().hex) != post("note", text="twice", key=uuid4().hex)
    assert Note.objects.count() == 4


def test_an_undo_that_comes_twice_takes_one_back(post: Post) -> None:
    first, second = post("note", text="first"), post("note", text="second")
    key = uuid4().hex
    assert post("undo", key=key) == post("undo", key=key) == {**second, "said": "Note taken back."}
    assert list(Note.objects.standing().values_list("text", flat=True)) == ["first"]
    assert post("undo", deed=first["deed"], key=uuid4().hex)["deed"] == first["deed"]
    assert not Note.objects.standing().exists()


def test_a_deed_that_was_taken_back_since_is_not_done_again(post: Post) -> None:
    key = uuid4().hex
    noted = post("note", text="once", key=key)
    post("undo", deed=noted["deed"], key=uuid4().hex)
    assert post("note", text="once", key=key) == noted
    assert not Note.objects.standing().exists()


def test_a_key_is_a_persons_own(session: Session, post: Post, ana: User) -> None:
    key = uuid4().hex
    post("note", text="same", key=key)
    other = Client()
    other.force_login(ana)
    answer = other.post(f"/sessions/{session.pk}/judge/note/", {"text": "same", "key": key})
    assert answer.status_code == 200
    assert set(Note.objects.values_list("user__username", flat=True)) == {"ana", "ben"}


@pytest.mark.parametrize("key", ["x", "0" * 31, "\0", "0" * 400])
def test_a_key_is_a_uuid(session: Session, client: Client, ben: User, key: str) -> None:
    client.force_login(ben)
    answer = client.post(f"/sessions/{session.pk}/judge/note/", {"text": "hello", "key": key})
    assert (answer.status_code, answer.json()["said"]) == (400, "“key” must be a UUID.")
    assert not Note.objects.exists()


def test_what_was_done_is_told_to_nobody_who_may_no_longer_see_it(
    session: Session, client: Client, post: Post, ben: User
) -> None:
    key = uuid4().hex
    post("note", text="hello", key=key)
    Session.objects.all().delete()
    answer = client.post(f"/sessions/{session.pk}/judge/note/", {"text": "hello", "key": key})
    assert answer.status_code == 404


def test_a_key_pressed_on_an_old_screen_takes_no_flag_of_a_colleague_off(
    session: Session, post: Post, ana: User
) -> None:
    turn = turns(session)[0].pk
    other = Client()
    other.force_login(ana)
    assert other.post(f"/sessions/{session.pk}/judge/flag/", {"turn": turn, "on": "1"}).status_code == 200
    # Ben's screen shows no flag yet: his key sets it.
    assert post("flag", turn=turn, on="1") == {"deed": None, "said": "Flagged.", "kind": ""}
    assert (Flag.objects.get().is_removed, Flag.objects.get().user) == (False, ana)
    assert post("flag", turn=turn, on="0")["kind"] == "unflag"
    assert post("flag", turn=turn, on="0")["deed"] is None
    assert Flag.objects.get().is_removed


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite has one writer at a time")
@pytest.mark.parametrize("deed", ["note", "undo"])
def test_the_same_sent_twice_at_once_is_done_once(session: Session, ben: User, deed: str) -> None:
    clients, answers = [Client(), Client()], []
    for one in clients:
        one.force_login(ben)
    url = f"/sessions/{session.pk}/judge/note/"
    for text in ("first", "second"):
        clients[0].post(url, {"text": text})
    together, key = threading.Barrier(2), uuid4().hex

    def send(one: Client) -> None:
        together.wait(30)
        answers.append(one.post("/undo/" if deed == "undo" else url, {"text": "third", "key": key}).json())
        connection.close()

    threads = [threading.Thread(target=send, args=[one]) for one in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(answers) == 2
    assert answers[0]["deed"] == answers[1]["deed"] is not None
    assert Note.objects.standing().count() == (1 if deed == "undo" else 3)
