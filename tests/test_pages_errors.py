"""Pages of errors, and what holds for every page: no inline code, one h1, translated, keys that exist."""

import re
from html.parser import HTMLParser

import pytest
from django.template.loader import render_to_string
from django.urls import reverse

from enterprise.pages.actions import ACTIONS, BY_ID

PAGES = [
    "people", "person-new", "connect", "status", "rejected-list", "profile",
    "conversations:week", "conversations:corrections", "conversations:signals",
]  # fmt: skip


class Outline(HTMLParser):
    """What a test asks of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def check(text: str) -> Outline:
    outline = Outline(text)
    assert len(outline.all("h1")) == 1
    assert len(outline.all("main")) == 1
    assert outline.all("html")[0]["lang"] == "en"
    assert outline.all("style") == []
    for attributes in outline.all("script"):
        assert attributes.get("src") or attributes.get("type") == "application/json"
    for _tag, attributes in outline.tags:
        assert "style" not in attributes
        assert not [name for name in attributes if name.startswith(("on", "hx-on"))]
    ids = [attributes["id"] for _tag, attributes in outline.tags if attributes.get("id")]
    assert len(ids) == len(set(ids))
    return outline


@pytest.mark.django_db
@pytest.mark.parametrize("name", PAGES)
def test_every_page_has_landmarks_one_heading_and_no_inline_code(signed_in, ana, name):
    answer = signed_in(ana).get(reverse(name))
    outline = check(answer.content.decode())
    assert len(outline.all("nav")) >= 1
    assert outline.all("a")[0]["href"] == "#main"
    assert "'unsafe" not in answer.headers["Content-Security-Policy"]


@pytest.mark.django_db
@pytest.mark.parametrize("name", PAGES)
def test_every_action_on_a_page_is_in_the_table_with_a_key(signed_in, ana, name):
    outline = Outline(signed_in(ana).get(reverse(name)).content.decode())
    used = {
        str(attributes["data-action"]) for _tag, attributes in outline.tags if "data-action" in attributes
    }
    assert used
    assert all(BY_ID[action].key for action in used)


def test_no_two_actions_that_can_meet_have_the_same_key():
    shared = {str(BY_ID[action].group) for action in ("palette", "go-sessions")}
    for group in {str(action.group) for action in ACTIONS}:
        keys = [action.key for action in ACTIONS if str(action.group) in shared | {group} and action.key]
        # "This page" gathers several pages; only Connect and System status have more than one of them.
        assert len(keys) == len(set(keys))


@pytest.mark.django_db
def test_the_sign_in_page_is_whole(client):
    check(client.get(reverse("sign-in")).content.decode())


@pytest.mark.django_db
def test_an_unknown_address_is_explained_in_the_houses_look(signed_in, ben):
    answer = signed_in(ben).get("/nothing/here/")
    assert answer.status_code == 404
    check(answer.content.decode())
    assert "There is nothing at this address" in answer.content.decode()


@pytest.mark.django_db
def test_a_page_for_others_says_whom_to_ask(signed_in, ben):
    answer = signed_in(ben).get(reverse("people"))
    assert answer.status_code == 403
    check(answer.content.decode())
    assert "ask an admin" in answer.content.decode()


@pytest.mark.parametrize(
    ("template", "context"),
    [
        ("400.html", {}),
        ("403_csrf.html", {}),
        ("500.html", {}),
        ("unavailable.html", {"title": "One moment", "message": "Half done.", "percent": 50.0, "retry": 2}),
        ("unavailable.html", {"title": "One moment", "message": "No answer.", "percent": None, "retry": 2}),
    ],
)
def test_pages_for_bad_times_need_no_database_and_no_request(template, context):
    # No django_db mark: a query would fail the test.
    check(render_to_string(template, context))


@pytest.mark.django_db
def test_the_rail_shows_only_what_a_person_may_open(signed_in, ana, ben, tom):
    def rail(person) -> set[str]:
        text = signed_in(person).get(reverse("profile")).content.decode()
        return set(re.findall(r'data-action="go-(\w+)"', text))

    reading = {"sessions", "week", "corrections", "signals", "tags", "profile"}
    assert rail(ana) == reading | {"connect", "people", "status"}
    assert rail(ben) == reading
    assert rail(tom) == {"profile"}
