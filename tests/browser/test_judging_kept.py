"""What one says is done once and not lost: an answer that never came, a long note, an ended login. And what counts as seen."""

import time
from typing import TYPE_CHECKING, Any

import pytest
from django.conf import settings

from conversations.models import Deed, Event, Flag, Note, Review
from tests.browser.test_review_fifty import say, until
from tests.browser.test_sessions import visit
from tests.test_session_pages import begin, bot, put, talk, the, user

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

    from enterprise.models import User

__all__ = ["visit"]


@pytest.fixture(autouse=True)
def _forget_ids() -> None:
    from conversations.store import _known

    _known.clear()


def write(page: "Page", text: str) -> None:
    say(page, "c")
    page.locator("#noter-text").fill(text)


def test_nothing_is_lost_and_nothing_done_twice(visit: Any, context: Any, enter: Any, ben: "User") -> None:
    put(*talk("ada", time.time() - 3600))
    page = visit(f"/sessions/{the('ada').pk}/")
    page.locator("#judge").wait_for()
    keys: list[str] = []

    def loses_its_answer(route: "Route") -> None:
        keys.append((route.request.post_data or "").split("key=")[-1])
        route.fetch()  # done, and then:
        route.fulfill(status=503)

    page.route("**/judge/note/", loses_its_answer, times=1)
    write(page, "said once")
    say(page, "Enter")
    page.locator(".toast", has_text="Not saved yet: said once").wait_for()
    with page.expect_response("**/judge/note/") as again:
        pass  # by itself
    assert (again.value.request.post_data or "").split("key=")[-1] == keys[0]
    page.locator(".toast", has_text="Noted.").wait_for()
    assert Note.objects.get().text == "said once"
    # Its undo takes back what it says, also when something else was said since.
    Deed.objects.create(**{name: getattr(Deed.objects.get(), name) for name in DEED}, kind="later")
    page.locator(".toast button", has_text="Undo").click()
    until(lambda: Note.objects.get().is_removed)
    # Longer than what browsers let outlive a page.
    long = "長い文章" * 2500
    write(page, long)
    say(page, "Enter")
    until(lambda: Note.objects.standing().filter(text=long).exists())
    # The login ends while one writes: it is said, kept, and sent after signing in.
    write(page, "before the login ended")
    context.clear_cookies(name=settings.SESSION_COOKIE_NAME)
    say(page, "Enter")
    told = page.locator(".toast", has_text="You are signed out")
    told.wait_for()
    say(page, "f")
    told.locator("button", has_text="Sign in").click()
    page.locator("input[type=password]").wait_for()
    assert not Flag.objects.exists()
    enter(ben)
    page.goto(page.url.split("/sign-in")[0] + f"/sessions/{the('ada').pk}/")
    page.locator(".toast", has_text="Kept from before, and sent now").wait_for()
    until(lambda: Flag.objects.filter(is_removed=False).exists())
    assert Note.objects.standing().filter(text="before the login ended").count() == 1
    # Signing in elsewhere makes the page's token old: it takes the new one.
    page.locator(".turn[data-flagged]").wait_for()
    context.clear_cookies(name=settings.CSRF_COOKIE_NAME)
    say(page, "f")
    until(lambda: Flag.objects.filter(is_removed=True).exists())
    until(lambda: page.evaluate("sessionStorage.getItem('enterprise.unsent.ben')") is None)


DEED = ("conversation_id", "session_id", "anchor_at", "anchor_rank", "anchor_hash", "user_id", "topic")


def test_a_review_covers_what_was_on_the_screen(visit: Any) -> None:
    now = time.time() - 3600
    put(*begin("long", now), *(event for turn in range(120) for event in (
        user("long", now + 1 + turn, f"message {turn}"), bot("long", now + 1.5 + turn, f"answer {turn}"))))  # fmt: skip
    page = visit(f"/sessions/{the('long').pk}/")
    page.locator("#judge").wait_for()
    on_page = page.evaluate(
        "Math.max(...[...document.querySelectorAll('.turn')].map((turn) => turn.dataset.seen))"
    )
    say(page, "e")
    until(Review.objects.exists)
    assert Review.objects.get().watermark == on_page < Event.objects.latest("pk").pk
    page.locator("#judged", has_text="new turns since").wait_for()
    # What comes below the fold counts when one has scrolled there.
    put(*begin("live", now), *(user("live", now + 1 + turn, f"message {turn}") for turn in range(30)))
    page = visit(f"/sessions/{the('live').pk}/")
    page.locator("#judge").wait_for()
    before = Event.objects.latest("pk").pk
    put(user("live", now + 60, "below the fold"))
    page.locator("#to-end").wait_for()
    say(page, "e")
    until(lambda: Review.objects.count() == 2)
    assert Review.objects.latest("pk").watermark == before
    page.locator("#to-end").click()
    page.locator(".turn:not([data-counts])", has_text="below the fold").wait_for()
    say(page, "e")
    until(lambda: Review.objects.count() == 3)
    assert Review.objects.latest("pk").watermark == Event.objects.latest("pk").pk
