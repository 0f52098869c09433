"""This week beside the week before: each figure is the length of the list that it opens."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote_plus

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from conversations.models import Assistant, Session
from conversations.query import parse
from conversations.views.week import KINDS, WEEKS, Counted, Figure
from enterprise.models import User
from tests.test_session_pages import action, begin, put, user

pytestmark = [pytest.mark.django_db]

# A Wednesday; its week began on Monday the 16th, at midnight in the assistant's zone.
NOW = datetime(2026, 11, 18, 12, tzinfo=UTC).timestamp()
MONDAY_UTC = datetime(2026, 11, 16, tzinfo=UTC).timestamp()
DAY = 86_400.0


@pytest.fixture(autouse=True)
def _wednesday(monkeypatch: pytest.MonkeyPatch) -> None:
    from conversations.store import _known

    _known.clear()
    monkeypatch.setattr("conversations.views.asking.time.time", lambda: NOW)


def session(sender: str, at: float, intent: str = "greet", *actions: str) -> None:
    events = [*begin(sender, at), user(sender, at + 1, "hello", intent)]
    put(*events, *(action(sender, at + 2 + number, name) for number, name in enumerate(actions)))


@pytest.fixture
def two_weeks() -> Assistant:
    """This week five sessions, two with a fallback, one handed over; the week before two, one with a fallback."""
    for number in range(5):
        session(f"now-{number}", MONDAY_UTC + number * 3600 + 60, "nlu_fallback" if number < 2 else "greet",
                *(["action_handoff"] if number == 4 else []))  # fmt: skip
    session("before-1", MONDAY_UTC - 60, "nlu_fallback")
    session("before-2", MONDAY_UTC - 6 * DAY)
    session("older", MONDAY_UTC - 8 * DAY)
    return Assistant.objects.get(name="default")


def figures(client: Client) -> dict[str, Figure]:
    answer: Any = client.get("/week/")
    assert answer.status_code == 200
    return {figure.kind.name: figure for figure in answer.context["week"].figures}


def length(client: Client, url: str) -> int:
    answer: Any = client.get(url)
    assert answer.status_code == 200
    ask = answer.context["ask"]
    assert not ask.mistakes, unquote_plus(url)
    assert len(answer.context["rows"]) == ask.count
    return int(ask.count)


@pytest.mark.both_databases
def test_each_figure_is_the_length_of_its_list(
    two_weeks: Assistant, ben: User, signed_in: Callable[[User], Client]
) -> None:
    reviewed = list(Session.objects.filter(conversation__sender_id__startswith="now-").order_by("id")[:3])
    client = signed_in(ben)
    for one, verdict in zip(reviewed, ("well", "broke", "reviewed"), strict=True):
        newest = one.conversation.events.order_by("-id")[0].pk
        turn = {"turn": one.newest_turn} if verdict == "broke" else {}
        answer = client.post(
            f"/sessions/{one.pk}/judge/review/", {"verdict": verdict, "watermark": newest, **turn}
        )
        assert answer.status_code == 200, answer.content
    found = figures(client)
    assert {name: (one.now.n, one.before.n) for name, one in found.items()} == {
        "sessions": (5, 2), "fallback": (2, 1), "handoff": (1, 0), "reviewed": (3, 0), "judged": (2, 0),
    }  # fmt: skip
    assert [(part.kind.name, part.now.n, part.now.of) for part in found["judged"].parts] == [
        ("well", 1, 2),
        ("broke", 1, 2),
    ]
    for figure in (*found.values(), *found["judged"].parts):
        for counted in (figure.now, figure.before):
            assert length(client, counted.url) == counted.n, figure.kind.name


@pytest.mark.both_databases
def test_weeks_begin_at_midnight_of_the_assistants_monday(
    two_weeks: Assistant, ben: User, signed_in: Callable[[User], Client]
) -> None:
    # In Auckland, 13 hours ahead, Monday began while it was Sunday in London.
    Assistant.objects.update(time_zone="Pacific/Auckland")
    found = figures(signed_in(ben))
    assert (found["sessions"].now.n, found["sessions"].before.n) == (6, 1)
    Assistant.objects.update(time_zone="America/Los_Angeles")
    found = figures(signed_in(ben))
    assert (found["sessions"].now.n, found["sessions"].before.n) == (0, 7)


def test_shares_say_of_how_many_and_changes_are_points() -> None:
    kind = next(kind for kind in KINDS if kind.name == "fallback")
    figure = Figure(kind, Counted(2, 5, ""), Counted(1, 2, ""))
    assert (figure.now.rate, figure.before.rate, figure.change, figure.size) == (40.0, 50.0, -10.0, 10.0)
    assert Figure(kind, Counted(0, 0, ""), Counted(1, 2, "")).change is None
    assert Figure(KINDS[0], Counted(3, None, ""), Counted(5, None, "")).change == -2


def test_all_its_queries_can_be_read() -> None:
    for kind in KINDS:
        for week in WEEKS:
            assert parse(f"{kind.query} date:{week}").ok, kind.query


def test_the_page_asks_as_much_for_many_sessions_as_for_few(
    two_weeks: Assistant, ben: User, signed_in: Callable[[User], Client]
) -> None:
    client = signed_in(ben)

    def asked() -> int:
        with CaptureQueriesContext(connection) as queries:
            figures(client)
        return len(queries)

    asked()
    few = asked()
    for number in range(20):
        session(f"more-{number}", MONDAY_UTC + 100 * number, "nlu_fallback", "action_handoff")
    assert asked() == few


def test_nothing_to_count_is_said(ben: User, signed_in: Callable[[User], Client]) -> None:
    client = signed_in(ben)
    for _ in range(2):
        answer = client.get("/week/")
        assert answer.status_code == 200
        assert "Two quiet weeks" in answer.content.decode()
        session("older", MONDAY_UTC - 30 * DAY)
