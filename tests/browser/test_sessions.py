"""The sessions page in a real browser: keys, what follows them, what arrives, every size and theme."""

import re
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from tests.test_session_pages import action, begin, bot, envelope, put, talk, the, user

if TYPE_CHECKING:
    from playwright.sync_api import Page
    from pytest_django.live_server_helper import LiveServer

    from enterprise.models import User

LOST = [
    {"name": "nlu_fallback", "confidence": 0.7},
    {"name": "reset", "confidence": 0.31},
    {"name": "unlock", "confidence": 0.28},
]


@pytest.fixture(autouse=True)
def _forget_ids() -> None:
    from conversations.store import _known

    _known.clear()


def lively(sender: str, at: float) -> None:
    """A session with something of everything."""
    image = "https://img.example.org/agent.png"
    entity = {"entity": "account_type", "start": 23, "end": 30, "value": "savings", "role": "own"}
    put(
        *begin(sender, at),
        user(
            sender, at + 1, "I am locked out of my savings account", "password_reset", 0.97, entities=[entity]
        ),
        envelope(sender, at + 1.1, event="slot", name="account_type", value="savings"),
        envelope(sender, at + 1.2, event="user_featurization", use_text_for_featurization=False),
        action(sender, at + 1.3, "reset_form"),
        envelope(sender, at + 1.4, event="active_loop", name="reset_form"),
        bot(sender, at + 1.5, "Which e-mail address? See https://help.example.org."),
        action(sender, at + 1.6, "action_listen"),
        user(sender, at + 60, "nobody answers the phone", "nlu_fallback", 0.7, ranking=LOST),
        action(sender, at + 60.1, "action_default_fallback"),
        bot(sender, at + 60.2, "Sorry, I did not get that."),
        envelope(sender, at + 60.3, event="rewind"),
        user(sender, at + 90, "a human please", "human_handoff", 0.99),
        action(sender, at + 90.1, "action_handoff"),
        bot(
            sender,
            at + 90.2,
            "Shall I connect you?",
            buttons=[{"title": "Yes", "payload": "/affirm"}, {"title": "No", "payload": "/deny"}],
        ),
        user(sender, at + 95, "/affirm", "affirm", 1.0),
        bot(sender, at + 95.1, None, image=image, attachment=image, custom={"type": "card"}),
        envelope(sender, at + 95.2, event="flow_started", flow_id="transfer_money"),
        envelope(sender, at + 95.3, event="never_heard_of", what="x"),
        user(sender, at + 99, "مرحبا، لا أستطيع الدخول 42", "greet", 0.55),
    )


@pytest.fixture
def now() -> float:
    return time.time() - 3600


@pytest.fixture
def visit(page: "Page", live_server: "LiveServer", enter: Any, ben: "User") -> Callable[[str], "Page"]:
    """`visit("/sessions/")` as a reviewer."""
    enter(ben)

    def go(url: str) -> "Page":
        page.goto(live_server.url + url)
        page.wait_for_load_state("networkidle")
        return page

    return go


def sender(page: "Page") -> str:
    return page.locator("#sender").inner_text()


def chosen(page: "Page") -> str:
    return page.locator('.turn[aria-current="true"] .me .bubble').inner_text()


def expect_chosen(page: "Page", said: str) -> None:
    page.locator('.turn[aria-current="true"] .me .bubble', has_text=said).wait_for()


def test_keys_move_through_sessions_turns_and_trouble(visit: Any, now: float) -> None:
    for number in range(3):
        put(*talk(f"s{number}", now + number))
    lively("lively", now + 100)
    page = visit("/sessions/")
    assert sender(page) == "lively"
    assert chosen(page) == "nobody answers the phone"  # opened at the turn that matters
    page.keyboard.press("p")
    expect_chosen(page, "locked out")
    page.keyboard.press("n")
    page.keyboard.press("n")
    expect_chosen(page, "a human please")
    page.keyboard.press("Shift+N")
    expect_chosen(page, "مرحبا")
    page.keyboard.press("Shift+P")
    expect_chosen(page, "a human please")  # the handoff
    page.keyboard.press("Shift+P")
    expect_chosen(page, "nobody answers")
    page.locator("#side", has_text="unlock").wait_for()
    assert re.search(r"/sessions/\d+/turns/\d+/$", page.url)
    page.keyboard.press("j")
    page.locator("#sender", has_text="s2").wait_for()
    page.keyboard.press("j")
    page.locator("#sender", has_text="s1").wait_for()
    assert page.locator('#rows [aria-current="true"] b').inner_text() == "s1"
    page.keyboard.press("k")
    page.locator("#sender", has_text="s2").wait_for()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.matches('.turn[aria-current=true]')")
    page.keyboard.press("n")
    assert page.evaluate("document.activeElement.matches('.turn[aria-current=true]')")
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.matches('.row[aria-current=true]')")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "query"


def test_a_reload_finds_the_chosen_turn_again(visit: Any, now: float) -> None:
    lively("lively", now)
    page = visit("/sessions/")
    page.keyboard.press("n")
    expect_chosen(page, "a human please")
    page.reload()
    expect_chosen(page, "a human please")


def test_d_shows_technical_events_in_their_place(visit: Any, now: float) -> None:
    lively("lively", now)
    page = visit("/sessions/")
    line = page.locator(".technical-line", has_text="user_featurization")
    assert not line.is_visible()
    page.keyboard.press("d")
    assert line.is_visible()
    assert page.locator(".technical-switch").get_attribute("aria-pressed") == "true"
    page.keyboard.press("d")
    assert not line.is_visible()


def test_a_turn_that_is_clicked_is_chosen_and_the_side_follows(visit: Any, now: float) -> None:
    lively("lively", now)
    page = visit("/sessions/")
    page.locator(".bubble", has_text="locked out").click()
    expect_chosen(page, "locked out")
    page.locator("#side dd .new", has_text="savings").wait_for()
    assert "reset_form" in page.locator("#side").inner_text()


def test_an_image_is_fetched_only_after_a_click(visit: Any, now: float) -> None:
    lively("lively", now)
    asked: list[str] = []
    page = visit("/sessions/")
    page.on("request", lambda request: asked.append(request.url))
    page.route("https://img.example.org/**", lambda route: route.fulfill(status=404, body=""))
    page.wait_for_timeout(200)
    assert not [url for url in asked if "img.example.org" in url]
    with page.expect_request("https://img.example.org/agent.png") as request:
        page.locator("[data-image]").click()
    assert "referer" not in request.value.headers


def test_what_arrives_is_on_screen_within_two_seconds_in_its_place(visit: Any, now: float) -> None:
    put(user("u", now, "first"))
    page = visit("/sessions/")
    start = time.monotonic()
    put(bot("u", now + 1, "answer"), user("u", now + 3, "third"))
    page.locator(".bubble", has_text="third").wait_for(timeout=10_000)
    assert time.monotonic() - start < 2
    put(user("u", now + 2, "second"))
    page.locator(".bubble", has_text="second").wait_for(timeout=10_000)
    assert page.locator(".turn .bubble").all_inner_texts() == ["first", "answer", "second", "third"]
    assert chosen(page) == "first"
    page.locator("#rows .row .chip", has_text="3 turns").wait_for()


def test_a_transcript_follows_only_at_its_end(visit: Any, now: float) -> None:
    put(*talk("u", now, n_turns=20))
    page = visit("/sessions/")
    top = page.evaluate("document.getElementById('script').scrollTop")
    put(user("u", now + 60, "news"))
    page.locator(".bubble", has_text="news").wait_for(state="attached", timeout=10_000)
    assert page.evaluate("document.getElementById('script').scrollTop") == top
    page.locator("#to-end").click()
    put(user("u", now + 61, "more news"))
    page.locator(".bubble", has_text="more news").wait_for(timeout=10_000)
    page.wait_for_function(
        "(box => box.scrollHeight - box.scrollTop - box.clientHeight < 48)(document.getElementById('script'))"
    )
    assert not page.locator("#to-end").is_visible()


def test_new_sessions_wait_until_they_are_asked_for(visit: Any, now: float) -> None:
    put(*talk("a", now))
    page = visit("/sessions/")
    put(*talk("b", now + 100))
    page.locator("#news", has_text="1 new session").wait_for(timeout=10_000)
    assert page.locator("#rows .row").count() == 1
    page.keyboard.press("r")
    page.wait_for_function("document.querySelectorAll('#rows .row').length === 2")
    assert not page.locator("#news").is_visible()


def test_older_and_newer_turns_come_while_one_scrolls(visit: Any, now: float) -> None:
    put(*talk("u", now, n_turns=120), user("u", now + 60.5, "lost", "nlu_fallback", 0.7, ranking=LOST))
    page = visit("/sessions/")
    assert chosen(page) == "lost"
    box = page.locator(".turn[aria-current=true]").bounding_box()
    assert box is not None
    for position in ("0", "1e6") * 4:
        page.evaluate(f"document.getElementById('script').scrollTop = {position}")
        page.wait_for_timeout(400)
    said = page.locator(".turn .me .bubble").all_inner_texts()
    assert [text for text in said if text != "lost"] == [f"message {n}" for n in range(120)]


def test_earlier_sessions_unfold_above_and_nothing_jumps(visit: Any, now: float) -> None:
    for number in range(3):
        put(*talk("u", now - 86_400 * number))
    page = visit("/sessions/")
    before = page.locator('.turn[aria-current="true"]').bounding_box()
    page.locator("a.sep", has_text="2 earlier sessions").click()
    page.locator("a.sep", has_text="1 earlier session").wait_for()
    after = page.locator('.turn[aria-current="true"]').bounding_box()
    assert page.locator(".turn").count() == 6
    assert before is not None
    assert after is not None
    assert page.evaluate("document.getElementById('script').scrollHeight") > 600


def test_the_list_scrolls_on_and_on(visit: Any, now: float) -> None:
    put(*(event for number in range(120) for event in begin(f"s{number}", now + number)))
    page = visit("/sessions/")
    for _ in range(4):
        page.evaluate("document.getElementById('rows').scrollTop = 1e6")
        page.wait_for_timeout(300)
    assert page.locator("#rows .row").count() == 120


def test_the_link_of_a_turn_is_copied(visit: Any, now: float, context: Any, live_server: Any) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=live_server.url)
    lively("lively", now)
    page = visit("/sessions/")
    page.keyboard.press("y")
    page.wait_for_function("navigator.clipboard.readText().then(text => /turns\\/\\d+\\/$/.test(text))")


def test_without_scripts_links_lead_everywhere(
    browser: Any, live_server: Any, ben: "User", now: float
) -> None:
    from django.conf import settings
    from django.test import Client

    for number in range(2):
        put(*talk("u", now - 86_400 * number, n_turns=30))
    client = Client()
    client.force_login(ben)
    cookie = {
        "name": settings.SESSION_COOKIE_NAME,
        "value": client.cookies[settings.SESSION_COOKIE_NAME].value,
    }
    context = browser.new_context(java_script_enabled=False)
    context.add_cookies([{**cookie, "url": live_server.url}])
    page = context.new_page()
    page.goto(live_server.url + "/sessions/")
    page.locator("#rows .row").nth(1).click()
    assert page.locator(".turn[aria-current=true]").count() == 1
    page.locator(".turn .meta a.at").nth(3).click()
    assert chosen(page) == "message 3"
    page.locator("a", has_text="Later in this session").click()
    assert page.locator(".bubble", has_text="message 29").is_visible()
    page.goto(live_server.url + "/sessions/")
    page.locator("a", has_text="1 earlier session").click()
    assert page.locator(".turn").count() >= 20
    page.goto(live_server.url + "/sessions/")
    page.locator(".technical-switch").click()
    assert page.locator(".technical-line").first.is_visible()
    page.locator("#query").fill("nothinglikethis")
    page.keyboard.press("Enter")
    page.locator("#session", has_text="Nothing found").wait_for()
    context.close()


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_the_page_is_accessible_and_fits_at_every_size(
    visit: Any, now: float, theme: Any, axe: Any, fits: Any, roomy: Any, shoot: Any, colours: str
) -> None:
    lively("+49 151 2345 6789", now - 86_400)
    lively("+49 151 2345 6789", now)
    put(*talk("web/user 88 Zoë " + "x" * 80, now + 50), *talk("c", now + 10))
    theme(colours)
    session = the("+49 151 2345 6789")
    for name, url in (
        ("list", "/sessions/"),
        ("session", f"/sessions/{session.pk}/"),
        ("query", "/sessions/?q=locked+intent:password_reset,nowhere"),
        ("mistake", "/sessions/?q=locked+intnt:x"),
        ("nothing", "/sessions/?q=intent:nowhere+turns:>1"),
    ):
        page = visit(url)
        for width in (1440, 1000, 760, 320):
            page.set_viewport_size({"width": width, "height": 900})
            fits(page)
            roomy(page)
            shoot(page, f"sessions-{name}-{width}-{colours}")
            if width in (1440, 320):
                axe(page)


def test_on_a_narrow_screen_list_transcript_and_side_take_turns(visit: Any, now: float, axe: Any) -> None:
    lively("lively", now)
    page = visit("/sessions/")
    page.set_viewport_size({"width": 375, "height": 740})
    assert page.locator("#rows .row").is_visible()
    assert not page.locator("#sender").is_visible()
    page.locator("#rows .row").click()
    page.locator("#sender").wait_for()
    assert not page.locator("#rows").is_visible()
    page.locator("[data-sheet=side]").click()
    page.locator("#side", has_text="unlock").wait_for()
    axe(page)
    page.keyboard.press("Escape")
    assert not page.locator("#side").is_visible()
    page.locator("[data-back]").click()
    assert page.locator("#rows .row").is_visible()


def test_the_first_event_ever_brings_the_list(visit: Any, now: float) -> None:
    page = visit("/sessions/")
    assert "No conversation yet" in page.locator("#main").inner_text()
    put(user("u", now, "hello world"))
    page.locator(".bubble", has_text="hello world").wait_for(timeout=10_000)
