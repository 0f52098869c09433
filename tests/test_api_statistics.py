"""`/api/statistics` and the words of upstream's drop-downs: what there is, counted and sorted."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from conversations.models import Session
from enterprise.models import User
from tests.test_session_pages import NOW, action, begin, bot, envelope, put, user

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


@pytest.fixture
def api(ben: User, signed_in: Callable[[User], Client]) -> Client:
    from conversations.store import _known

    _known.clear()
    return signed_in(ben)


def fill() -> None:
    for number in range(5):
        sender, at = f"s{number}", NOW + 10 * number
        put(
            *begin(sender, at),
            user(sender, at + 1, "hi", "greet", entities=[{"entity": "name", "start": 0, "end": 2}]),
            bot(sender, at + 2, "hello"), bot(sender, at + 2.1, "there"),
            user(sender, at + 3, "pay", "pay" if number else "nlu_fallback"),
            action(sender, at + 4, "utter_it"),
            envelope(sender, at + 5, event="slot", name="city", value=["Bonn", "Köln", "x" * 300, 3, None][number]),
            envelope(sender, at + 6, event="slot", name="city_2", value="Ulm"),
        )  # fmt: skip


def get(api: Client, path: str) -> Any:
    answer = api.get(path)
    assert answer.status_code == 200, answer.content
    return answer.json()


def test_statistics_count_messages_and_say_what_most_sessions_have(api: Client) -> None:
    nothing = {
        "user_messages": 0,
        "bot_messages": 0,
        "top_intents": [],
        "top_actions": [],
        "top_entities": [],
        "top_policies": [],
    }
    assert get(api, "/api/statistics") == nothing
    fill()
    with CaptureQueriesContext(connection) as queries:
        found = get(api, "/api/statistics")
    assert found == {
        "user_messages": 10,
        "bot_messages": 10,
        "top_intents": ["greet", "pay", "nlu_fallback"],
        "top_actions": ["utter_it"],
        "top_entities": ["name"],
        "top_policies": ["RulePolicy"],
    }
    with CaptureQueriesContext(connection) as again:
        assert get(api, "/api/statistics") == found
    assert len(again) == len(queries) - 5, "totals are kept for a minute"


def test_values_of_a_slot_are_those_that_can_be_filtered_by(api: Client) -> None:
    assert get(api, "/api/conversations/slotValues?slot=city") == []
    fill()
    assert get(api, "/api/conversations/slotValues?slot=city") == ["3", "Bonn", "Köln"]
    assert get(api, "/api/conversations/slotValues?slot=nothing") == []
    refused = api.get("/api/conversations/slotValues")
    assert (refused.status_code, refused.json()["details"]) == (400, {"parameter": "slot"})
    assert api.get("/api/conversations/slotValues?slot=%00").status_code == 200
    assert api.get("/api/statistics?project=none").status_code == 404


def test_every_drop_down_has_its_words(api: Client) -> None:
    fill()
    assert Session.objects.count() == 5
    assert get(api, "/api/conversationIntents") == ["greet", "nlu_fallback", "pay"]
    assert get(api, "/api/conversationActions") == ["utter_it"]
    assert get(api, "/api/conversationEntities") == ["name"]
    assert get(api, "/api/conversationPolicies") == ["RulePolicy"]
    assert get(api, "/api/conversations/slotNames") == ["city", "city_2"]
    assert get(api, "/api/conversations/inputChannels") == ["rest"]
