"""The query bar in a real browser: completion, the drawer of conditions, views; by keyboard alone, every size and theme."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from tests.test_session_pages import action, put, talk, user

if TYPE_CHECKING:
    from playwright.sync_api import Page
    from pytest_django.live_server_helper import LiveServer

    from enterprise.models import User

Visit = Callable[[str], "Page"]


@pytest.fixture
def visit(page: "Page", live_server: "LiveServer", enter: Any, ben: "User") -> Visit:
    """`visit("/sessions/")` as a reviewer, with two calm sessions and one in trouble."""
    from conversations.store import _known

    _known.clear()
    at = time.time() - 3600
    put(*talk("calm", at), *talk("calmer", at + 5))
    put(
        *talk("lost", at + 10),
        user("lost", at + 20, "<b>what</b>", "nlu_fallback", 0.3),
        action("lost", at + 21, "action_default_fallback"),
    )
    enter(ben)

    def go(url: str) -> "Page":
        page.goto(live_server.url + url)
        page.wait_for_load_state("load")
        return page

    return go


def focused(page: "Page") -> str:
    return str(page.evaluate("document.activeElement.id"))


def expect_query(page: "Page", text: str) -> None:
    from playwright.sync_api import expect

    expect(page.locator("#query")).to_have_value(text)


def query(page: "Page") -> str:
    return page.locator("#query").input_value()


def test_a_query_is_completed_by_keyboard_and_never_in_the_way(visit: Visit, axe: Any) -> None:
    page = visit("/sessions/")
    page.keyboard.press("/")
    assert focused(page) == "query"
    page.keyboard.type("inte")
    page.locator("#completion [role=option]").first.wait_for()
    assert page.locator("#query").get_attribute("aria-expanded") == "true"
    assert (
        page.locator("#query").get_attribute("aria-activedescendant") is None
    )  # nothing is chosen by itself
    axe(page)
    page.keyboard.press("Tab")
    assert query(page) == "intent:"
    values = page.locator("#completion [role=option]", has_text="greet")
    values.wait_for()
    assert values.locator(".figures").inner_text().split()[0] == "3"
    page.keyboard.press("ArrowDown")
    assert page.locator("#completion [aria-selected=true]").count() == 1
    while "greet" not in page.locator("#completion [aria-selected=true]").inner_text():
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert query(page).strip() == "intent:greet"
    page.keyboard.press("Control+z")  # the browser's own undo
    assert query(page) == "intent:"
    page.keyboard.press("Escape")
    assert (focused(page), page.locator("#completion").is_hidden()) == ("query", True)
    page.locator("#query").fill("")
    page.keyboard.type("hel")
    page.keyboard.press("Enter")  # runs what is written, whatever is offered
    page.wait_for_url("**/sessions/?q=hel*")


def test_the_drawer_adds_takes_off_and_excludes_and_the_bar_says_so(
    visit: Visit, axe: Any, shoot: Any
) -> None:
    page = visit("/sessions/?q=turns:>1")
    page.keyboard.press("/")
    page.keyboard.press("ArrowDown")
    fallback = page.locator("#facets [role=checkbox]", has_text="fallback").first
    fallback.wait_for()
    axe(page)
    fallback.focus()
    page.keyboard.press("Space")
    expect_query(page, "turns:>1 is:fallback")
    page.locator("#facets-show", has_text="Show 1 session").wait_for()
    assert page.evaluate("document.activeElement.getAttribute('aria-checked')") == "true"  # the focus stayed
    page.keyboard.press("-")
    expect_query(page, "turns:>1 -is:fallback")
    page.locator("#facets-show", has_text="Show 2 sessions").wait_for()
    shoot(page, "bar-drawer")
    page.keyboard.press("-")
    expect_query(page, "turns:>1")
    page.keyboard.press("Space")
    expect_query(page, "turns:>1 is:fallback")
    page.keyboard.press("Escape")
    assert focused(page) == "query"
    page.keyboard.press("Enter")
    page.wait_for_url("**/sessions/?q=turns*fallback*")
    assert page.locator("#rows .row").count() == 1


def test_a_view_is_saved_changed_reset_starred_and_deleted_with_undo(
    visit: Visit, axe: Any, shoot: Any
) -> None:
    page = visit("/sessions/?q=turns:>2")
    page.keyboard.press("v")
    name = page.locator("#view-save input[name=name]")
    name.wait_for()
    assert page.evaluate("document.activeElement.name") == "name"
    axe(page)
    page.keyboard.type("Long <i>ones</i>")
    page.keyboard.press("Enter")
    page.locator(".view-pick", has_text="Long <i>ones</i>").wait_for()
    page.keyboard.press("/")
    page.keyboard.press("End")
    page.keyboard.type(" hello")
    page.keyboard.press("Escape")
    page.keyboard.press("Enter") if focused(page) == "query" else page.locator("#query").press("Enter")
    page.locator(".view-pick .chip", has_text="changed").wait_for()
    page.locator('[data-action="view-reset"]').click()
    expect_query(page, "turns:>2")
    page.keyboard.press("o")
    page.locator("#views .view-row").first.wait_for()
    page.locator("#view-n-unread", has_text="3").wait_for()  # the counts came
    axe(page)
    shoot(page, "bar-views")
    page.keyboard.type("long")
    assert page.locator("#views .view-row:visible").count() == 1
    mine = page.locator("#views .view-row:visible")
    mine.locator(".star").click()
    page.locator('#views .view-row:visible .star[aria-pressed="true"]').wait_for()
    mine.locator("summary").click()
    mine.locator(".danger").click()
    page.locator("#views .views-news", has_text="is deleted").wait_for()
    assert focused(page) == "view-back"  # not lost with the row
    axe(page)
    page.keyboard.press("Enter")
    page.locator("#views .views-news", has_text="is back").wait_for()
    page.wait_for_function("document.querySelectorAll('#views .view-row:not([hidden])').length === 1")
    page.locator("#views .view-row:visible a").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**view=*")


@pytest.mark.parametrize(("theme_name", "width"), [("light", 320), ("dark", 760)])
def test_drawer_and_switcher_fit_every_size_and_theme(
    visit: Visit, theme: Any, theme_name: str, width: int, axe: Any, fits: Any, roomy: Any, shoot: Any
) -> None:
    theme(theme_name)
    page = visit("/sessions/?view=random&q=is:fallback,handoff+review:unread+turns:>1")
    page.set_viewport_size({"width": width, "height": 640})
    for opener, inside in (("facets", "#facets-show"), ("views", "#views .view-row")):
        page.locator(f'[data-action="{opener}"]').first.click()
        page.locator(inside).first.wait_for()
        axe(page)
        fits(page)
        roomy(page)
        shoot(page, f"bar-{opener}-{theme_name}-{width}")
        page.keyboard.press("Escape")
