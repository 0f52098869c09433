"""What a request asks for never widens by being wrong, and tells nobody what they may not see."""

import pytest
from django.http import Http404
from django.test import RequestFactory

from conversations.store import store
from conversations.views.asking import Ask
from enterprise.models import User
from tests.histories import History
from tests.test_store_histories import clock, envelopes

__all__ = ["clock"]

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


def ask(user: User, **parameters: str) -> Ask:
    request = RequestFactory().get("/sessions/", parameters)
    request.user = user
    return Ask(request)


def test_a_nul_is_a_mistake_and_not_an_empty_query(ana: User) -> None:
    store(envelopes("default", History(1).conversations(2)))
    assert ask(ana).sessions.count() > 0
    asked = ask(ana, q="\x00")
    assert asked.mistakes
    assert asked.sessions.count() == 0


def test_an_assistant_with_a_nul_is_not_the_one_without(ana: User) -> None:
    store(envelopes("default", History(1).conversations(1)))
    assert ask(ana, assistant="default").assistant is not None
    with pytest.raises(Http404):
        _ = ask(ana, assistant="default\x00").assistant


def test_who_may_not_see_sessions_learns_neither_assistants_nor_values(tom: User, ana: User) -> None:
    store(envelopes("default", History(1).conversations(2)))
    assert [assistant.name for assistant in ask(ana).assistants] == ["default"]
    assert ask(tom).assistants == []
    known, unknown = ask(tom, q="intent:greet"), ask(tom, q="intent:never_heard_of")
    assert [chip.unseen for chip in known.chips] == [chip.unseen for chip in unknown.chips] == [[]]
