"""Views of the sessions: six to begin with, one's own, shared ones; changed and reset; undo; the API; the landing."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from conversations import saved_views
from conversations.models import Assistant, SavedView, Star
from conversations.query import parse
from conversations.saved_views import STARTERS, BadQuery, NameTaken
from conversations.store import _known
from enterprise.models import AuditLine, User
from tests.test_session_pages import action, put, talk, user

pytestmark = pytest.mark.django_db

HTMX: dict[str, Any] = {"HTTP_HX_REQUEST": "true"}


@pytest.fixture
def assistant() -> Assistant:
    _known.clear()
    at = time.time() - 3600
    put(*talk("calm", at))
    put(
        *talk("lost", at + 10),
        user("lost", at + 20, "what", "nlu_fallback", 0.3),
        action("lost", at + 21, "action_default_fallback"),
    )
    return Assistant.objects.get()


@pytest.fixture
def get(signed_in: Callable[[User], Client], ben: User, assistant: Assistant) -> Client:
    return signed_in(ben)


def text_of(answer: Any) -> str:
    return " ".join(answer.content.decode().split())


def test_the_six_starters_are_queries_without_a_mistake() -> None:
    assert [starter.key for starter in STARTERS] == [
        "unread",
        "trouble",
        "handoffs",
        "abandoned",
        "changed",
        "random",
    ]
    wrong = {starter.key: parse(starter.query).mistakes for starter in STARTERS}
    assert {key: [mistake.code for mistake in mistakes] for key, mistakes in wrong.items() if mistakes} == {}


def test_the_address_names_the_view_and_its_text_is_the_truth(get: Client) -> None:
    alone = text_of(get.get("/sessions/?view=handoffs"))
    assert 'value="is:handoff"' in alone
    assert 'data-action="view-reset"' not in alone
    changed = text_of(get.get("/sessions/?view=handoffs&q=is:handoff+turns:>2"))
    assert 'value="is:handoff turns:&gt;2"' in changed
    assert 'data-action="view-reset"' in changed
    assert 'data-action="view-save"' in changed
    emptied = text_of(get.get("/sessions/?view=handoffs&q="))
    assert 'id="row-' in emptied
    # Rows lead on with the empty query, so that the view's own does not come back.
    assert "?q=&amp;view=handoffs" in emptied


@pytest.mark.parametrize("key", ["nowhere", "99999", "9" * 30, "\x00", "²", "-1"])
def test_a_view_that_is_not_there_changes_nothing(get: Client, key: str) -> None:
    answer = get.get("/sessions/", {"view": key, "q": "turns:>1"})
    assert answer.status_code == 200
    assert 'data-action="view-reset"' not in text_of(answer)


def test_another_spelling_of_the_same_query_is_no_change(ben: User, assistant: Assistant) -> None:
    view = saved_views.find(ben, assistant, "handoffs")
    assert view is not None
    assert not view.differs("  is:handoff  ")
    assert not view.differs("IS:HANDOFF")
    assert view.differs("is:handoff hello")
    assert view.differs("is:handof")


def test_a_view_is_saved_found_renamed_shared_and_deleted_with_a_way_back(
    get: Client, ben: User, ana: User, signed_in: Any
) -> None:
    answer = get.post("/views/?q=turns:>2", {"name": "Long ones", "q": "turns:>2"})
    saved = SavedView.objects.get()
    assert answer["Location"] == f"/sessions/?q=turns%3A%3E2&view={saved.pk}"
    assert (saved.name, saved.query, saved.owner, saved.is_shared) == ("Long ones", "turns:>2", ben, False)
    assert "Long ones" in text_of(get.get("/views/"))
    hers = signed_in(ana)
    assert "Long ones" not in text_of(hers.get("/views/"))
    assert hers.post(f"/views/{saved.pk}/change/", {"name": "Stolen"}).status_code == 404
    assert "Longest" in text_of(get.post(f"/views/{saved.pk}/change/", {"name": "Longest", "shared": "on"}))
    assert "Longest" in text_of(hers.get("/views/"))
    gone = text_of(get.post(f"/views/{saved.pk}/delete/", **HTMX))
    assert "Longest" not in gone.split("<ul")[1]
    assert f'hx-post="/views/{saved.pk}/restore/' in gone
    assert 'data-action="view-reset"' not in text_of(get.get(f"/sessions/?view={saved.pk}&q=hello"))
    assert "Longest" not in text_of(hers.get("/views/"))
    assert "is back" in text_of(get.post(f"/views/{saved.pk}/restore/", **HTMX))
    assert "Longest" in text_of(hers.get("/views/"))
    actions = list(AuditLine.objects.order_by("id").values_list("action", flat=True))
    assert actions == ["view.create", "view.change", "view.delete", "view.restore"]


def test_a_shared_view_changed_by_somebody_else_becomes_a_private_copy(
    get: Client, ben: User, ana: User, assistant: Assistant, signed_in: Any
) -> None:
    carl = User.objects.create_user("carl", role="annotator")
    shared = saved_views.create(ben, assistant, "Long ones", "turns:>2", shared=True)
    his = signed_in(carl)
    page = text_of(his.get(f"/sessions/?view={shared.pk}&q=turns:>5"))
    assert "Save my copy" in page
    answer = his.post(f"/views/{shared.pk}/save/", {"q": "turns:>5"})
    copy = SavedView.objects.get(owner=carl)
    assert answer["Location"].endswith(f"view={copy.pk}")
    assert (copy.query, copy.is_shared, copy.name) == ("turns:>5", False, "Long ones")
    shared.refresh_from_db()
    assert shared.query == "turns:>2"
    assert his.post(f"/views/{shared.pk}/delete/").status_code == 403
    # Its owner and an admin change the view itself.
    for person, query in ((ben, "turns:>6"), (ana, "turns:>7")):
        signed_in(person).post(f"/views/{shared.pk}/save/", {"q": query})
        shared.refresh_from_db()
        assert shared.query == query
    # A second copy gets a name of its own.
    his.post(f"/views/{shared.pk}/save/", {"q": "turns:>8"})
    assert set(SavedView.objects.filter(owner=carl).values_list("name", flat=True)) == {
        "Long ones",
        "Long ones (my copy)",
    }


def test_what_cannot_be_saved_says_why(get: Client, ben: User, assistant: Assistant) -> None:
    saved_views.create(ben, assistant, "Long ones", "turns:>2")
    taken = get.post("/views/", {"name": "Long ones", "q": "hello"})
    assert (taken.status_code, "of this name already" in text_of(taken)) == (422, True)
    wrong = get.post("/views/", {"name": "Wrong", "q": "intnt:greet"})
    assert (wrong.status_code, "no field intnt" in text_of(wrong)) == (422, True)
    assert 'data-action="view-save"' not in text_of(get.get("/sessions/?q=intnt:greet"))
    nameless = get.post("/views/", {"name": "  ", "q": "hello"})
    assert nameless.status_code == 422
    assert get.post("/views/", {"name": "x" * 81, "q": "hello"}).status_code == 422
    assert SavedView.objects.count() == 1
    with pytest.raises(BadQuery):
        saved_views.change(ben, SavedView.objects.get(), query="(")
    second = saved_views.create(ben, assistant, "Other", "hello")
    with pytest.raises(NameTaken):
        saved_views.change(ben, second, name="Long ones")
    assert "of this name already" in text_of(get.post(f"/views/{second.pk}/change/", {"name": "Long ones"}))


def test_stars_come_first_and_belong_to_one_person(
    get: Client, ana: User, ben: User, assistant: Assistant
) -> None:
    mine = saved_views.create(ben, assistant, "Mine", "hello")
    for key in ("changed", str(mine.pk)):
        for _ in range(2):  # twice is once
            assert get.post(f"/views/{key}/star/", {"on": "1"}).status_code == 200
    assert [view.name for view in saved_views.views_of(ben, assistant)][:3] == [
        "Changed since review",
        "Mine",
        "Unread",
    ]
    assert [view.key for view in saved_views.views_of(ana, assistant)] == [
        starter.key for starter in STARTERS
    ]
    get.post("/views/changed/star/", {"on": "0"})
    assert Star.objects.get().view == mine
    assert get.post("/views/nothing/star/", {"on": "1"}).status_code == 404


def test_counts_cost_two_statements_a_view_at_most(get: Client, ben: User, assistant: Assistant) -> None:
    def statements() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert get.get("/views/counts/", **HTMX).status_code == 200
        return len(captured)

    statements()
    before = statements()
    for number in range(5):
        saved_views.create(ben, assistant, f"view {number}", f"intent:greet turns:>{number}")
    assert statements() - before <= 2 * 5  # choosing the rarer condition, counting
    content = get.get("/views/counts/", **HTMX).content.decode()
    assert f'id="view-n-{SavedView.objects.get(name="view 1").pk}" hx-swap-oob="true">2<' in content


def test_of_many_views_only_the_first_and_starred_ones_are_counted(
    get: Client, ben: User, assistant: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    from conversations.views import saved_views as pages

    monkeypatch.setattr(pages, "MOST_COUNTED", 2)
    made = [saved_views.create(ben, assistant, f"view {number}", "turns:>1") for number in range(4)]
    get.post(f"/views/{made[3].pk}/star/", {"on": "1"})
    content = get.get("/views/counts/", **HTMX).content.decode()

    def is_counted(key: object) -> bool:
        assert f'id="view-n-{key}"' in content  # else it would look as if it were still under way
        return f'id="view-n-{key}" hx-swap-oob="true"></span>' not in content

    assert [is_counted(view.pk) for view in made] == [False, False, False, True]
    assert all(is_counted(starter.key) for starter in STARTERS)


def test_the_day_begins_with_trouble_and_with_everything_where_there_is_none(
    get: Client, monkeypatch: Any
) -> None:
    answer = get.get("/")
    assert answer["Location"].startswith("/sessions/?q=is%3Afallback")
    assert answer["Location"].endswith("&view=trouble")
    page = get.get(answer["Location"]).content.decode()
    assert ("lost" in page, 'id="row-' in page) == (True, True)
    calm = saved_views.Starter("trouble", "Trouble", "", "intent:never_seen")
    monkeypatch.setitem(saved_views.BY_KEY, "trouble", calm)
    assert get.get("/")["Location"] == "/sessions/"


def test_scripts_read_save_change_and_delete_views(get: Client, ben: User, signed_in: Any) -> None:
    body = {"name": "Long ones", "query": "turns:>2", "is_shared": True}
    made = get.post("/api/views", body, "application/json")
    assert made.status_code == 201
    row = made.json()
    assert row == {
        "id": row["id"], "name": "Long ones", "query": "turns:>2", "kind": "own", "is_shared": True,
        "is_starred": False, "owner": "ben",
    }  # fmt: skip
    assert get.post("/api/views", body, "application/json").status_code == 409
    assert (
        get.post("/api/views", {**body, "name": "x", "query": "intnt:a"}, "application/json").status_code
        == 400
    )
    carl = signed_in(User.objects.create_user("carl", role="annotator"))
    assert [one["kind"] for one in carl.get("/api/views").json()] == ["starter"] * 6 + ["shared"]
    copy = carl.patch(f"/api/views/{row['id']}", {"query": "turns:>9"}, "application/json").json()
    assert (copy["id"] == row["id"], copy["kind"], copy["query"]) == (False, "own", "turns:>9")
    assert carl.delete(f"/api/views/{row['id']}").status_code == 403
    assert get.get(f"/api/views/{copy['id']}").status_code == 404
    assert get.delete(f"/api/views/{row['id']}").status_code == 204
    assert [one["id"] for one in carl.get("/api/views").json()][6:] == [copy["id"]]
