"""The demo's invented colleagues: they judge as people do, twice is once, nobody signs in as them, and they go with it."""

import threading
from typing import Any

import pytest
from django.contrib.auth import authenticate
from django.db.models import Count

from conversations.models import (
    Assignment,
    Correction,
    Deed,
    Flag,
    Later,
    Mention,
    Note,
    Review,
    Session,
    SessionValue,
    TagUse,
)
from enterprise.models import DemoState, User
from events.demo import load, opinions
from tests.test_session_pages import NOW, action, begin, put, user

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

KINDS: tuple[Any, ...] = (Review, TagUse, Flag, Note, Mention, Correction, Assignment, Later, Deed)


def sessions(n: int = 40) -> None:
    """What occurs in the recording, in short: fallbacks, handoffs, goals, complaints, and plain talk."""
    from conversations.store import _known

    _known.clear()
    unclear = [text.capitalize() for text in opinions.MEANT]
    for number in range(n):
        sender, at = f"customer-{number}", NOW + 100 * number
        events = [*begin(sender, at, "demo"), _said(sender, at + 1, "hello", "check_bill")]
        match number % 5:
            case 0:
                ranking = [{"name": "nlu_fallback", "confidence": 0.6}, {"name": "greet", "confidence": 0.3}]
                events.append(
                    _said(sender, at + 2, unclear[number % len(unclear)], "nlu_fallback", ranking=ranking)
                )
            case 1:
                events.append(action(sender, at + 2, "action_handoff", "demo"))
            case 2:
                events.append(action(sender, at + 2, "action_submit_topup", "demo"))
            case 3:
                events.append(_said(sender, at + 2, "this is bad", "complain"))
        put(*events, _said(sender, at + 3, "bye", "goodbye"))


def _said(sender: str, at: float, text: str, intent: str, **more: Any) -> Any:
    return user(sender, at, text, intent, **more)._replace(assistant="demo")


def counts() -> dict[str, int]:
    return {kind.__name__: kind.objects.count() for kind in KINDS}


def test_there_is_something_of_everything_and_work_is_left(ana: User) -> None:
    sessions()
    opinions.give("demo", threading.Event())
    assert {row["verdict"] for row in Session.objects.values("verdict")} == {0, 1, 2, 3}
    assert Review.objects.filter(verdict=3).exclude(reason=None).count() > 1
    assert all(counts().values()), counts()
    reviews = SessionValue.objects.filter(kind=SessionValue.Kind.REVIEW)
    states = {row["value"]: row["n"] for row in reviews.values("value").annotate(n=Count("*"))}
    assert states["unread"] > opinions.UNREAD
    assert states["reviewed"] > 5
    assert states["changed"] == 1
    newest = Session.objects.order_by("-activity_at")[: opinions.UNREAD]
    assert all(session.verdict == 0 for session in newest)
    assert [mention.user for mention in Mention.objects.all()] == [ana]
    assert Correction.objects.filter(intent="note_for_technician").exists()
    canada = Correction.objects.get(intent="activate_roaming")
    assert canada.entities == [{"start": 9, "end": 15, "entity": "country", "value": "canada"}]


def test_given_again_or_after_a_kill_nothing_is_there_twice(
    ana: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions()
    monkeypatch.setattr(opinions, "_correct", _killed)
    with pytest.raises(Killed):
        opinions.give("demo", threading.Event())
    half = counts()
    monkeypatch.undo()
    opinions.give("demo", threading.Event())
    whole = counts()
    assert half != whole
    opinions.give("demo", threading.Event())
    assert counts() == whole


class Killed(BaseException):
    """A kill at this instant."""


def _killed(*_arguments: Any) -> None:
    raise Killed


def test_nobody_signs_in_as_them_and_they_go_with_the_demo(ana: User) -> None:
    sessions(20)
    DemoState.objects.create(pk=1, state="done", position=9, total=9, paced_to=NOW)
    opinions.give("demo", threading.Event())
    people = User.objects.filter(username__in=[name for name, _ in opinions.COLLEAGUES])
    assert [(person.is_active, person.has_usable_password()) for person in people] == [(False, False)] * 2
    assert authenticate(username=opinions.MAYA[0], password="") is None
    load.remove()
    assert list(User.objects.all()) == [ana]
    assert not any(counts().values())


def test_without_an_admin_or_a_demo_there_is_no_error() -> None:
    opinions.give("demo", threading.Event())
    assert not User.objects.exists()
    sessions(20)
    opinions.give("demo", threading.Event())
    assert not Mention.objects.exists()
    assert Note.objects.exists()


def test_told_to_stop_they_stop(ana: User) -> None:
    sessions(20)
    stop = threading.Event()
    stop.set()
    opinions.give("demo", stop)
    assert not Review.objects.exists()
