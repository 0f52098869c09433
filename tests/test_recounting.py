"""A fallback that a team defined is counted in all sessions: those that are there, those that come, those computed anew."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from conversations import recounting, signals
from conversations.defining import Definition
from conversations.models import Assistant, Recount, Session
from conversations.rebuild import rebuild_conversation
from enterprise.models import User
from events import house
from tests.test_session_pages import NOW, action, begin, put, the, user

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

OWN = Definition(intents=("chitchat",), actions=("utter_sorry",), slots=("lost=yes",))


@pytest.fixture
def assistant() -> Assistant:
    """Session n: n turns of small talk, in the first of which the bot is sorry too, then one that Rasa calls a fallback."""
    from conversations.store import _known

    _known.clear()
    for number in range(4):
        sender, at = f"s{number}", NOW + 100 * number
        turns = [user(sender, at + 2 * turn + 1, "la la", "chitchat") for turn in range(number)]
        sorry = [action(sender, at + 1.5, "utter_sorry")] * bool(number)
        put(*begin(sender, at), *turns, *sorry, user(sender, at + 50, "xyz", "nlu_fallback"))
    return Assistant.objects.get(name="default")


def counts() -> list[int]:
    return list(Session.objects.order_by("start_at").values_list("n_fallbacks", flat=True))


def finish() -> int:
    n = 0
    while recounting.next_piece():
        n += 1
    return n


def test_history_is_counted_anew_in_pieces(
    assistant: Assistant, ana: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recounting, "PIECE", 3)
    assert counts() == [1, 1, 1, 1]
    assert not recounting.next_piece()
    signals.define(assistant, "fallback", OWN, ana)
    assert Recount.objects.get().percent == 0
    assert recounting.next_piece()
    assert Recount.objects.get().percent == 75
    assert counts() == [0, 1, 2, 1]
    assert finish() == 1
    assert counts() == [0, 1, 2, 3]
    assert not Recount.objects.exists()
    signals.undefine(assistant, "fallback")
    finish()
    assert counts() == [1, 1, 1, 1]


def test_what_comes_and_what_is_computed_anew_is_counted_the_same(assistant: Assistant, ana: User) -> None:
    signals.define(assistant, "fallback", OWN, ana)
    finish()
    put(user("s1", NOW + 200, "la", "chitchat"), user("s1", NOW + 201, "xyz", "nlu_fallback"))
    put(
        *begin("new", NOW + 900),
        user("new", NOW + 901, "hm", "chitchat"),
        action("new", NOW + 902, "utter_sorry"),
    )
    grown = counts()
    assert grown == [0, 2, 2, 3, 1]
    for session in Session.objects.all():
        rebuild_conversation(session.conversation_id)
    assert counts() == grown


def test_other_signals_and_confirmed_guesses_count_nothing_anew(assistant: Assistant, ana: User) -> None:
    signals.define(assistant, "goal", OWN, ana)
    assert not Recount.objects.exists()
    with CaptureQueriesContext(connection) as queries:
        put(user("s1", NOW + 200, "la", "chitchat"))
    assert sum("conversations_signal" in query["sql"] for query in queries) == 1
    assert counts() == [1, 1, 1, 1]


def test_the_house_goes_on_until_all_are_counted_and_the_page_says_how_far(
    assistant: Assistant, ben: User, signed_in: Callable[[User], Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recounting, "PIECE", 2)
    client = signed_in(ben)
    assert client.post("/signals/fallback/", {"intents": "chitchat"}).status_code == 302
    recounting.next_piece()
    assert "50 % are done" in client.get("/signals/").content.decode()
    house._recount(threading.Event(), house.Pulse())
    assert counts() == [0, 1, 2, 3]
    assert "are done" not in client.get("/signals/").content.decode()
    answer: Any = client.get("/sessions/?q=sort%3Afallbacks")
    senders = [row.session.conversation.sender_id for row in answer.context["rows"]]
    assert senders == ["s3", "s2", "s1", "s0"]
    assert the("s3").n_fallbacks == 3
