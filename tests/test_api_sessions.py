"""`/api/sessions`: the query language over HTTP, in pages by cursor."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from conversations.filters import matching
from conversations.models import Assistant, Event, Session
from conversations.query import parse
from enterprise.models import User
from tests.asking import fill
from tests.histories import NOW

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


@pytest.fixture
def api(ben: User, signed_in: Callable[[User], Client]) -> Client:
    return signed_in(ben)


@pytest.fixture
def assistant(monkeypatch: pytest.MonkeyPatch) -> Assistant:
    monkeypatch.setattr("conversations.store.time.time", lambda: NOW)
    monkeypatch.setattr("conversations.filterset.time.time", lambda: NOW)
    return fill(7, count=10)


def link(answer: Any, relation: str) -> str | None:
    found = re.search(rf'<([^>]*)>; rel="{relation}"', answer.headers.get("Link", ""))
    return found[1] if found else None


@pytest.mark.parametrize(
    "q",
    ["", "intent:greet", "turns:>1 sort:longest", "text:money sort:oldest", "is:fallback sort:confidence"],
)
def test_links_walk_every_match_once_and_back(api: Client, assistant: Assistant, q: str) -> None:
    wanted = matching(Session.objects.all(), parse(q).query, assistant=assistant, now=NOW)
    answer = api.get("/api/sessions", {"q": q, "limit": "4"})
    assert answer.headers["X-Total-Count"] == str(wanted.count())
    assert link(answer, "prev") is None
    pages = [answer.json()]
    while following := link(answer, "next"):
        answer = api.get(following)
        pages.append(answer.json())
    ids = [row["id"] for page in pages for row in page]
    assert len(ids) == len(set(ids)) > 4
    assert set(ids) == set(wanted.values_list("pk", flat=True))
    back = []
    while earlier := link(answer, "prev"):
        answer = api.get(earlier)
        back.append(answer.json())
    assert back[::-1] == pages[:-1]


def test_named_parameters_are_terms_of_the_same_query(api: Client, assistant: Assistant) -> None:
    def ids(**parameters: Any) -> list[int]:
        answer = api.get("/api/sessions", parameters)
        assert answer.status_code == 200, answer.content
        return [row["id"] for row in answer.json()]

    assert ids(intent="greet", minimumUserMessages=2) == ids(q="intent:greet turns:>=2") != []
    assert ids(text="my money", limit=500) == ids(q='text:"my money"', limit=500) != []
    assert ids(input_channels="web,phone", q="-is:fallback") == ids(q="channel:web,phone -is:fallback") != []
    assert ids(start=NOW - 90 * 86_400, limit=500) != ids(limit=500)


def test_a_session_and_its_events(api: Client, assistant: Assistant) -> None:
    session = Session.objects.filter(assistant=assistant, n_user_messages__gt=3).order_by("-n_events").first()
    assert session is not None
    row = api.get(f"/api/sessions/{session.pk}").json()
    assert (row["sender_id"], row["project"], row["n_events"]) == (
        session.conversation.sender_id,
        "default",
        session.n_events,
    )
    assert row["intents"] == sorted(row["intents"]) != []
    listed = next(one for one in api.get("/api/sessions", {"limit": 500}).json() if one["id"] == session.pk)
    assert {name: row[name] for name in listed} == listed
    wanted = [event.timestamp for event in Event.objects.of_session(session).in_order()]
    answer = api.get(f"/api/sessions/{session.pk}/events")
    assert [event["timestamp"] for event in answer.json()] == wanted
    assert answer.headers["X-Total-Count"] == str(len(wanted)) == str(session.n_events)
    part = api.get(f"/api/sessions/{session.pk}/events", {"limit": 3, "offset": 2}).json()
    assert [event["timestamp"] for event in part] == wanted[2:5]


def test_wrong_questions_are_refused(api: Client, assistant: Assistant) -> None:
    cases: list[tuple[dict[str, Any], str]] = [
        ({"q": "intent:"}, "InvalidQuery"), ({"cursor": "x"}, "InvalidCursor"), ({"limit": "x"}, "InvalidParameter"), ({"q": "(a b"}, "InvalidQuery"),
    ]  # fmt: skip
    for parameters, reason in cases:
        answer = api.get("/api/sessions", parameters)
        assert (answer.status_code, answer.json()["reason"]) == (400, reason)
    cursor = re.search("cursor=([^&>]*)", api.get("/api/sessions", {"limit": 1}).headers["Link"])
    assert cursor is not None
    assert (
        api.get("/api/sessions", {"q": "sort:oldest", "cursor": cursor[1]}).json()["reason"]
        == "InvalidCursor"
    )
    for pk in (0, 10**12, 10**30):
        assert api.get(f"/api/sessions/{pk}").status_code == 404
        assert api.get(f"/api/sessions/{pk}/events").status_code == 404


def test_a_list_costs_the_same_queries_whatever_its_length(api: Client, assistant: Assistant) -> None:
    counts: dict[str, set[int]] = {}
    for path in ("/api/sessions", "/api/conversations"):
        for limit in (1, 3, 100):
            cache.clear()  # the total is counted for some seconds
            with CaptureQueriesContext(connection) as captured:
                assert api.get(path, {"limit": limit}).status_code == 200
            counts.setdefault(path, set()).add(len(captured))
    assert all(len(found) == 1 for found in counts.values()), counts


def test_a_limit_of_nothing_is_nothing(api: Client, assistant: Assistant) -> None:
    for path in (
        "/api/sessions",
        "/api/conversations",
        f"/api/sessions/{Session.objects.latest('id').pk}/events",
    ):
        answer = api.get(path, {"limit": 0})
        assert answer.json() == []
        assert int(answer.headers["X-Total-Count"]) > 0


def test_without_an_assistant_lists_are_empty(api: Client) -> None:
    assert api.get("/api/sessions").json() == []
    assert api.get("/api/sessions").headers["X-Total-Count"] == "0"
