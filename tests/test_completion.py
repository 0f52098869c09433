"""What the query bar offers while one types, and the drawer of conditions with counts."""

import re
import time
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from conversations.query import Query, parse
from conversations.store import _known
from conversations.views.facets import NAMES, PRESETS, changed
from enterprise.models import User
from tests.test_session_pages import action, put, talk, user

pytestmark = pytest.mark.django_db


@pytest.fixture
def get(signed_in: Callable[[User], Client], ben: User) -> Callable[..., Any]:
    _known.clear()
    at = time.time() - 3600
    put(*talk("calm", at), *talk("calmer", at + 5))
    put(
        *talk("lost", at + 10),
        user("lost", at + 20, "what", "ask, (please)", 0.3),
        action("lost", at + 21, "action_default_fallback"),
    )
    client = signed_in(ben)
    return lambda url, **query: client.get(url, query, HTTP_HX_REQUEST="true")


def offers(answer: Any) -> list[tuple[str, str]]:
    """What is offered, and the query that it makes."""
    assert answer.status_code == 200
    content = answer.content.decode()
    found = re.findall(r'data-text="([^"]*)" data-caret="\d+"><code><bdi>([^<]*)</bdi>', content)
    return [(unescape(label), unescape(text)) for text, label in found]


def test_names_come_with_their_meaning_and_values_with_counts(get: Any) -> None:
    assert offers(get("/sessions/complete/", text="turns:>1 inte"))[0] == ("intent:", "turns:>1 intent:")
    assert "was understood as this intent" in get("/sessions/complete/", text="inte").content.decode()
    answer = get("/sessions/complete/", text="intent:gr")
    assert offers(answer) == [("greet", "intent:greet ")]
    assert re.search(r'class="figures">3<', answer.content.decode())
    assert ("fallback", "is:fallback ") in offers(get("/sessions/complete/", text="is:"))


def test_a_name_with_signs_of_the_language_in_it_is_quoted(get: Any) -> None:
    ((_label, text),) = offers(get("/sessions/complete/", text="intent:ask"))
    assert text == 'intent:"ask, (please)" '
    assert parse(text).ok


def test_offers_stand_where_the_caret_is(get: Any) -> None:
    found = offers(get("/sessions/complete/", text="intent:gr turns:>1", caret="9"))
    assert found == [("greet", "intent:greet turns:>1")]


@pytest.mark.parametrize(
    "query",
    [
        {}, {"text": ""}, {"text": "a" * 20_000}, {"text": "x", "caret": "-1"}, {"text": "x", "caret": "9" * 30}, {"text": "(((" * 900},
        {"text": "\x00"}, {"text": '"'}, {"text": "nothing:of"}, {"text": "intent:greet "}, {"text": "slot:="},
        {"text": "\u202eintent:<b>"},
    ],
)  # fmt: skip
def test_nothing_to_offer_is_an_empty_part_and_never_a_failure(get: Any, query: dict[str, str]) -> None:
    assert offers(get("/sessions/complete/", **query)) == []


def test_completion_costs_the_same_for_any_number_of_values(get: Any) -> None:
    def statements() -> int:
        with CaptureQueriesContext(connection) as captured:
            get("/sessions/complete/", text="intent:")
        return len(captured)

    statements()
    before = statements()
    put(*[user("many", time.time() + n, "x", f"intent_{n}") for n in range(30)])
    assert statements() == before


def test_a_word_that_nobody_said_is_offered_as_one_that_somebody_did(
    signed_in: Any, ben: User, get: Any
) -> None:
    page = signed_in(ben).get("/sessions/?q=mesage turns:>1").content.decode()
    assert "Did you mean" in page
    assert re.search(r'href="/sessions/\?q=message\+turns%3A%3E1">\s*<bdi>message</bdi>', page)
    assert "Did you mean" not in signed_in(ben).get("/sessions/?q=message").content.decode()


def checked(answer: Any) -> dict[str, tuple[str, str, str]]:
    """Each value of the drawer: whether it is checked, excluded, and its count."""
    content = answer.content.decode()
    rows = re.findall(
        r'aria-checked="(true|false)">.*?<bdi>([^<]*)</bdi>(.*?)</button>.*?aria-pressed="(true|false)"',
        content,
        re.DOTALL,
    )
    counts = [re.search(r"facet-n\">([^<]*)<", rest) for _checked, _label, rest, _excluded in rows]
    return {
        unescape(label): (is_checked, excluded, count[1] if count else "")
        for (is_checked, label, _rest, excluded), count in zip(rows, counts, strict=True)
    }


def test_the_drawer_shows_values_with_counts_for_the_query(get: Any) -> None:
    all_of_them = checked(get("/sessions/facets/", q=""))
    assert all_of_them["greet"] == ("false", "false", "3")
    assert all_of_them["a fallback"] == ("false", "false", "1")
    narrowed = checked(get("/sessions/facets/", q="is:fallback -intent:gone"))
    assert narrowed["greet"] == ("false", "false", "1")
    assert narrowed["a fallback"] == ("true", "false", "1")
    assert narrowed["gone"][:2] == ("false", "true")  # what no session has is there to be taken off


@pytest.mark.parametrize(
    ("before", "change", "after"),
    [
        ("", "chosen intent greet", "intent:greet"),
        ("hello", "chosen is fallback", "hello is:fallback"),
        ("hello is:fallback", "off is fallback", "hello"),
        ("is:fallback", "excluded is fallback", "-is:fallback"),
        ("-is:fallback", "chosen is fallback", "is:fallback"),
        ("", "chosen for me", "for:me"),
        ("", "excluded is mine", "-is:mine"),
        ("", "chosen date 7d", "date:7d"),
        ("", "chosen intent a b", None),
        ("hello", "chosen nothing x", None),
        ("hello", "", None),
        ("hello", "explode is fallback", None),
        ("hello", "chosen is nonsense", None),
    ],
)
def test_each_press_is_an_edit_of_the_text(before: str, change: str, after: str | None) -> None:
    found = changed(parse(before).query, change)
    assert (found[0] if found else None) == after


def test_every_preset_of_the_drawer_is_of_the_language() -> None:
    for name, texts in PRESETS.items():
        for text in texts:
            assert changed(Query(), f"chosen {name} {text}") == (f"{name}:{text}",)
    assert set(PRESETS) <= set(NAMES)


def test_what_a_button_sends_comes_back_as_its_state(get: Any) -> None:
    content = get("/sessions/facets/", q="turns:>1").content.decode()
    sent = [
        unescape(value) for value in re.findall(r'name="set" value="(chosen [^"]*)" role="checkbox"', content)
    ]
    assert len(sent) > 12
    for value in sent:
        answer = get("/sessions/facets/", q="turns:>1", set=value).content.decode()
        opposite = value.replace("chosen ", "off ", 1)
        assert f'value="{opposite}" role="checkbox" aria-checked="true"' in unescape(answer), value
        text = re.search(r'name="q" value="([^"]*)"', answer)
        assert text
        assert parse(unescape(text[1])).ok


def test_the_drawer_finds_values_folds_and_stands_alone(get: Any, signed_in: Any, ben: User) -> None:
    found = checked(get("/sessions/facets/", q="", find="DEFAULT_FALL"))
    assert list(found) == ["action_default_fallback"]
    assert "No value has this in it" in get("/sessions/facets/", find="zzz").content.decode()
    folded = get("/sessions/facets/", q="", open="intent", unfold="intent").content.decode()
    assert 'role="checkbox"' not in folded
    alone = signed_in(ben).get("/sessions/facets/?q=is:fallback").content.decode()
    assert ("<h1" in alone, "Show 1 session" in alone) == (True, True)
    wrong = get("/sessions/facets/", q="intnt:greet").content.decode()
    assert "Show what is wrong" in wrong


def test_the_drawer_costs_the_same_for_any_number_of_values(get: Any) -> None:
    def statements() -> int:
        with CaptureQueriesContext(connection) as captured:
            get("/sessions/facets/", q="turns:>0", open=",".join(NAMES))
        return len(captured)

    statements()
    before = statements()
    for number in range(5):
        put(
            *talk(f"more{number}", time.time() - 100),
            user(f"more{number}", time.time(), "x", f"intent_{number}"),
        )
    assert statements() == before


@pytest.mark.parametrize(
    "value", ["\x00", "chosen intent \x00", "x" * 20_000, "chosen date yesterdy", "chosen turns >"]
)
def test_a_press_that_nobody_could_make_changes_nothing(get: Any, value: str) -> None:
    answer = get("/sessions/facets/", q="hello", set=value)
    assert answer.status_code == 200
    assert 'name="q" value="hello"' in answer.content.decode()
