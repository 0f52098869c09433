"""Counts beside names are those of the query's newest sessions; what one types is found among what exists."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from conversations import facets
from conversations.facets import counted, suggest
from conversations.filters import matching
from conversations.models import Assistant, Session
from conversations.query import parse
from conversations.query.facets import text_value
from tests.asking import expected, fill, seen
from tests.histories import NOW

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


@pytest.fixture
def assistant(monkeypatch: pytest.MonkeyPatch) -> Assistant:
    monkeypatch.setattr("conversations.store.time.time", lambda: NOW)
    fill(99, count=2, assistant="another")
    return fill(1, count=4)


def count(assistant: Assistant, text: str) -> facets.Counted:
    query = parse(text).query
    found = matching(Session.objects.all(), query, assistant=assistant, now=NOW)
    return counted(found, assistant=assistant, now=NOW)


@pytest.mark.parametrize("text", ["", "turns:>2", "intent:greet then action:utter_refund"])
def test_each_value_finds_as_many_sessions_as_it_says(assistant: Assistant, text: str) -> None:
    every = seen(assistant)
    shown = count(assistant, text)
    assert {"intent", "action", "slot", "channel", "is", "event", "loop", "unfinished"} <= set(shown.fields)
    for name, choices in shown.fields.items():
        for choice in choices:
            if name in ("review", "verdict", "assigned") or "abandoned" in choice.text or "…" in choice.text:
                continue
            assert text_value(name, choice.text) is not None, choice
            query = parse(f"{name}:{choice.text} {text}").query
            assert len(expected(every, query)) == choice.count, (name, choice)


def test_only_the_newest_sessions_are_counted(assistant: Assistant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facets, "NEWEST", 5)
    shown = count(assistant, "")
    assert (shown.looked_at, shown.goes_on) == (5, True)
    assert sum(choice.count for choice in shown.fields["verdict"]) == 5


def test_counting_takes_a_constant_number_of_statements(assistant: Assistant) -> None:
    spent = []
    for text in ("", "is:fallback turns:>1", "turns:>1000"):
        with CaptureQueriesContext(connection) as captured:
            count(Assistant.objects.get(pk=assistant.pk), text)
        spent.append(len(captured))
    assert max(spent) <= 24, spent


def test_names_are_found_by_any_part_those_that_begin_so_first(assistant: Assistant) -> None:
    names = [choice.value for choice in suggest(assistant, "action", "UTTER_re")]
    assert names == ["utter_refund"]
    found = suggest(assistant, "action", "refund")
    assert [choice.value for choice in found] == ["utter_refund"]
    assert (
        found[0].count
        == Session.objects.filter(
            assistant=assistant, value_rows__kind=3, value_rows__value="utter_refund"
        ).count()
    )
    assert [choice.field for choice in suggest(assistant, "", "gree")][:1] == ["intent"]
    assert suggest(assistant, "intent", "nothing like it") == []
    assert suggest(assistant, "turns", "1") == []


def test_values_of_a_slot_are_those_of_its_newest_sessions(assistant: Assistant) -> None:
    found = suggest(assistant, "slot", "city=p")
    assert [(choice.value, choice.text) for choice in found] == [("Paris", "city=Paris")]
    assert found[0].count > 0
    assert {choice.value for choice in suggest(assistant, "slot", "city=")} >= {"Paris", "Rome", "5"}
    assert {choice.value for choice in suggest(assistant, "unfinished", "form")} >= {"refund_form"}
