"""A search that finds nothing offers what was said, one slip away."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from conversations.filters import matching
from conversations.models import Assistant, Session
from conversations.query import parse
from conversations.spelling import did_you_mean, slips
from tests.asking import fill
from tests.histories import NOW

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


@pytest.fixture
def assistant(monkeypatch: pytest.MonkeyPatch) -> Assistant:
    monkeypatch.setattr("conversations.store.time.time", lambda: NOW)
    return fill(1, count=2)


def offers(assistant: Assistant, text: str) -> list[str]:
    return [str(one.query) for one in did_you_mean(parse(text).query, assistant)]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("text:mony", "text:money"),
        ("monney turns:>0", "money turns:>0"),
        ("text:moneu", "text:money"),
        ("text:mnoey", "text:money"),
        ('text:"my Mony back"', 'text:"my money back"'),
        ("(intent:greet text:helo)", "(intent:greet text:hello)"),
        ("text:doonde*", "text:donde*"),
        ("text:كمم", "text:كم"),
        ("intent:greet then bot:momen", "intent:greet then bot:moment"),
    ],
)
def test_a_slip_is_mended_where_it_stands(assistant: Assistant, written: str, meant: str) -> None:
    offered = offers(assistant, written)
    assert meant in offered
    found = matching(Session.objects.all(), parse(meant).query, assistant=assistant, now=NOW)
    assert found.exists() or "then" in meant or "(" in meant


def test_what_was_said_or_is_unlike_all_that_was_is_left_alone(assistant: Assistant) -> None:
    assert offers(assistant, "text:money") == []
    assert offers(assistant, "-text:mony") == []
    assert offers(assistant, "text:zzzzzzzz") == []
    assert offers(assistant, "intent:mony") == []


def test_another_assistants_words_are_not_told(assistant: Assistant) -> None:
    stranger = Assistant.objects.create(name="stranger")
    assert did_you_mean(parse("text:mony").query, stranger) == []


def test_it_takes_few_statements_whatever_is_asked(assistant: Assistant) -> None:
    for text in (
        "text:mony",
        "mony helo crad hlelo",
        "text:" + "q" * 400,
        " ".join(f"{c}xyzzy" for c in "abcdefghij"),
    ):
        with CaptureQueriesContext(connection) as captured:
            offers(assistant, text)
        assert len(captured) <= 7, text


def test_slips_are_one_letter_away() -> None:
    found = set(slips("card"))
    assert {"cad", "crad", "cards", "cord", "ard"} <= found
    assert "card" not in found
    assert len(list(slips("card"))) == len(found)
