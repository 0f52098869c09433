"""The first minutes: from the one-time link to a conversation read, by keyboard alone; and every page, before and after."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from conversations.models import Event, Session
from enterprise.models import DemoState
from enterprise.sign_in import invite, link_path
from events.models import RejectedMessage, Source
from tests.browser.test_sessions import lively
from tests.test_session_pages import put, talk

if TYPE_CHECKING:
    from playwright.sync_api import Page
    from pytest_django.live_server_helper import LiveServer

    from enterprise.models import User

Visit = Callable[[str], "Page"]


@pytest.fixture(autouse=True)
def _forget_ids() -> None:
    from conversations.store import _known

    _known.clear()


@pytest.fixture
def complaints(page: "Page") -> list[str]:
    """Whatever a console says that is no plain message, warnings included, and every answer that is an error."""
    said: list[str] = []
    page.on(
        "console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None
    )
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on(
        "response",
        lambda answer: said.append(f"{answer.status} {answer.url}") if answer.status >= 400 else None,
    )
    return said


def _press(page: "Page", *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def _tab_to(page: "Page", name: str) -> None:
    """Tab until the element of this name has the focus, as somebody without a pointer does."""
    for _ in range(40):
        page.keyboard.press("Tab")
        focused = page.locator(":focus")
        if focused.count() and name in (focused.inner_text() or focused.get_attribute("aria-label") or ""):
            return
    raise AssertionError(f"no Tab leads to {name}")


def test_from_the_link_to_a_conversation_without_a_pointer(
    page: "Page", live_server: "LiveServer", db: None, complaints: list[str]
) -> None:
    for number in range(2):
        put(*talk(f"customer {number}", time.time() - 4000 + number))
    lively("customer 7", time.time() - 3000)
    _user, secret = invite(None, "cleo", "admin", first_name="Cleo")
    page.goto(live_server.url + link_path(secret))
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    for _ in range(5):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.name") == "password":
            break
    page.keyboard.type("quite a good one")
    page.keyboard.press("Tab")
    page.keyboard.type("quite a good one")
    page.keyboard.press("Enter")
    # Straight to what is in trouble; the worst is open at the turn that matters.
    page.wait_for_url("**/sessions/?*view=trouble")
    expect(page.locator("#rows .row")).to_have_count(1)
    expect(page.locator("#sender")).to_have_text("customer 7")
    expect(page.locator('.turn[aria-current="true"]')).to_contain_text("nobody answers the phone")
    expect(page.locator("#side")).to_contain_text("unlock")
    _press(page, "p")
    expect(page.locator('.turn[aria-current="true"]')).to_contain_text("locked out")
    _press(page, "g", "s")
    expect(page.locator("#rows .row")).to_have_count(3)
    _press(page, "j")
    expect(page.locator("#sender")).to_have_text("customer 1")
    _press(page, "/")
    page.keyboard.type("is:fallback")
    _press(page, "Enter")
    page.wait_for_url("**/sessions/?q=is*")
    expect(page.locator("#rows .row")).to_have_count(1)
    # What else there is, found by name.
    page.locator("body").press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.type("connect")
    _press(page, "Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Connect")
    _press(page, "g", "y")
    expect(page.get_by_role("heading", level=1)).to_have_text("System status")
    _press(page, "g", "s")
    expect(page.locator("#sender")).to_have_text("customer 7")
    # The link was good once.
    page.context.clear_cookies()
    assert complaints == []
    page.goto(live_server.url + link_path(secret))
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.get_by_label("New password")).to_have_count(0)


def test_whoever_knows_no_keys_comes_through_by_tab_and_enter(
    page: "Page", live_server: "LiveServer", enter: Any, ben: "User", complaints: list[str]
) -> None:
    put(*talk("customer 1", time.time() - 4000), *talk("customer 2", time.time() - 3000))
    enter(ben)
    page.goto(live_server.url)
    expect(page.locator("#sender")).to_have_text("customer 2")
    _tab_to(page, "customer 1")
    page.keyboard.press("Enter")
    expect(page.locator("#sender")).to_have_text("customer 1")
    assert complaints == []


def test_an_empty_installation_says_how_to_connect(
    page: "Page", live_server: "LiveServer", enter: Any, ana: "User", complaints: list[str]
) -> None:
    enter(ana)
    page.goto(live_server.url)
    expect(page.locator("#main h2").first).to_be_visible()
    expect(page.locator("#main")).to_contain_text("event_broker")
    expect(page.locator("#main").get_by_role("button", name="Copy").first).to_be_visible()
    page.goto(live_server.url + reverse("connect"))
    for tab in ("Same machine", "RabbitMQ", "Log file"):
        expect(page.get_by_role("main")).to_contain_text(tab)
    assert complaints == []


def test_who_may_not_connect_is_told_whom_to_ask(
    page: "Page", live_server: "LiveServer", enter: Any, ben: "User", tom: "User", complaints: list[str]
) -> None:
    enter(ben)
    page.goto(live_server.url)
    expect(page.locator("#main")).to_contain_text("No conversation yet")
    assert "event_broker" not in page.locator("#main").inner_text()
    enter(tom)
    page.goto(live_server.url)
    expect(page.get_by_role("heading", level=1)).to_have_text("My profile")
    assert complaints == []


def _live(ana: "User") -> None:
    at = time.time()
    lively("customer 7", at - 3000)
    put(*talk("customer 1", at - 4000))
    source = Source.objects.create(
        key="k", kind="file", label="file:///srv/bot/rasa_event.log", created_at=at, n_rejected=1, n_stored=12,
        connected=True, heartbeat_at=at + 600, last_event_at=at - 9, last_received_at=at - 8,
    )  # fmt: skip
    RejectedMessage.objects.create(
        source=source,
        body_hash=b"1" * 16,
        body=b"no JSON",
        size=7,
        reason="not JSON",
        first_at=at,
        last_at=at,
        count=1,
    )
    DemoState.objects.create(pk=1, state="done", position=9, total=9, paced_to=at)


def _everywhere() -> dict[str, tuple[str, str]]:
    """Address -> (title, h1). Empty when it is the data's to say."""
    found = {
        reverse("conversations:session-list"): ("Sessions", "Sessions"),
        reverse("connect"): ("Connect", "Connect"),
        reverse("people"): ("People", "People"),
        reverse("person-new"): ("", "Invite"),
        reverse("status"): ("System status", "System status"),
        reverse("rejected-list"): ("Rejected messages", "Rejected messages"),
        reverse("profile"): ("My profile", "My profile"),
        "/api/docs": ("", ""),
    }
    if session := Session.objects.order_by("-activity_at").first():
        event = Event.objects.of_session(session).filter(type="user")[0]
        base = f"/sessions/{session.pk}/"
        found |= {
            base: ("customer 7", "Sessions"),
            f"{base}turns/{event.pk}/": ("customer 7", "Sessions"),
            f"{base}events/": ("customer 7", "customer 7"),
            f"{base}events/{event.pk}/": ("user", "user"),
            "/sessions/?q=intnt:x": ("Sessions", "Sessions"),
        }
    return found


@pytest.mark.parametrize("lived_in", [False, True], ids=["empty", "lived in"])
@pytest.mark.parametrize("look", ["light", "dark"])
def test_every_page_has_its_name_and_nothing_to_complain_of(
    page: "Page", live_server: "LiveServer", enter: Any, theme: Any, fits: Any, ana: "User", complaints: list[str],
    look: str, lived_in: bool,
) -> None:  # fmt: skip
    if lived_in:
        _live(ana)
    theme(look)
    page.goto(live_server.url + reverse("sign-in"))
    expect(page).to_have_title("Sign in · Enterprise")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    enter(ana)
    titles = {}
    for url, (title, heading) in _everywhere().items():
        page.set_viewport_size({"width": 1440, "height": 900})
        page.goto(live_server.url + url)
        titles[url] = page.title()
        assert title in page.title()
        if not url.startswith("/api/"):
            assert page.title().endswith(" · Enterprise")
            assert page.locator("h1").count() == 1, url
            assert heading in page.locator("h1").inner_text(), url
            assert page.locator("html").get_attribute("data-theme") == look
            assert page.locator("main").count() == 1, url
            for width in (1440, 760, 320):
                page.set_viewport_size({"width": width, "height": 900})
                fits(page)
        assert complaints == [], url
    plain = [
        title
        for url, title in titles.items()
        if "?" not in url and "/turns/" not in url and "/events/" not in url
    ]
    assert len(set(plain)) == len(plain), titles
