"""What a bot or a stranger made hostile, in a real browser: it runs nothing, asks nobody, and stays in its place."""

import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from django.urls import reverse

from conversations.models import Event, Session
from conversations.store import store
from tests.test_hostile_content import HOSTILE, bots, envelopes, publish, users

if TYPE_CHECKING:
    from playwright.sync_api import Dialog, Page, Request
    from pytest_django.live_server_helper import LiveServer

    from enterprise.models import User

# Where a bidi override or an unclosed isolate of the data would reach over to what stands beside it.
LEAKS = """() => {
  const isolated = (box) => /isolate|plaintext/.test(getComputedStyle(box).unicodeBidi);
  const block = (box) => !/^(inline|contents)/.test(getComputedStyle(box).display);
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  while (walker.nextNode()) {
    const text = walker.currentNode;
    if (!text.data.includes('\\u202e') || text.parentElement.closest('script, title')) continue;
    let box = text.parentElement;
    while (!isolated(box) && !block(box)) box = box.parentElement;
    // A block ends what its text has opened; other words in the same block are reached.
    if (!isolated(box) && box.textContent.trim() !== text.data.trim() && box.tagName !== 'PRE')
      found.push(`${box.tagName}.${box.className} > ${text.parentElement.tagName}.${text.parentElement.className}`);
  }
  return [...new Set(found)];
}"""


@pytest.fixture
def watched(page: "Page", live_server: "LiveServer") -> dict[str, list[str]]:
    """What must not happen: dialogs, popups, requests to others, broken rules of the content security policy."""
    seen: dict[str, list[str]] = {"dialogs": [], "foreign": [], "violations": [], "popups": []}

    def dialog(shown: "Dialog") -> None:
        seen["dialogs"].append(shown.message)
        shown.dismiss()

    def request(asked: "Request") -> None:
        # Our own policy allows pictures of any host: a browser that loads one would show up here.
        if urlsplit(asked.url).netloc != urlsplit(live_server.url).netloc and not asked.url.startswith(
            "data:"
        ):
            seen["foreign"].append(asked.url)

    page.on("dialog", dialog)
    page.on("request", request)
    page.on("popup", lambda popup: seen["popups"].append(popup.url))
    page.expose_function("xss", lambda *_: seen["dialogs"].append("xss() ran"))
    page.add_init_script("""addEventListener('securitypolicyviolation',
        (event) => console.error('CSP', event.violatedDirective, event.blockedURI))""")
    page.on(
        "console",
        lambda said: (
            seen["violations"].append(said.text)
            if "CSP" in said.text or "Content Security" in said.text
            else None
        ),
    )
    return seen


def _addresses() -> list[str]:
    found = [
        "/sessions/",
        "/sessions/?q=xss",
        *(reverse(name) for name in ("status", "rejected-list", "connect", "people")),
    ]
    for session in Session.objects.order_by("start_at"):
        base = f"/sessions/{session.pk}/"
        events = list(Event.objects.of_session(session).in_order().values_list("pk", flat=True))
        found += [
            f"{base}?technical=1&q=xss",
            f"{base}events/",
            f"{base}turns/{events[0]}/",
            f"{base}events/{events[-1]}/",
        ]
    return found


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_nothing_of_it_runs_asks_or_leaks(
    page: "Page", live_server: "LiveServer", enter: Any, ana: "User", watched: dict[str, list[str]], text: str
) -> None:
    publish(text)
    enter(ana)
    for url in _addresses():
        page.goto(live_server.url + url)
        if url.startswith("/sessions/") and "events" not in url:
            page.wait_for_function("document.documentElement.classList.contains('js')")
        marked = page.evaluate(
            "document.querySelectorAll('xss-el, [xss], [onerror], [onload], [onmouseover], iframe, object').length"
        )
        assert marked == 0, url
        assert "xss" not in page.evaluate("document.cookie"), url
        assert page.evaluate(LEAKS) == [], url
        assert urlsplit(page.url).path == urlsplit(url).path
    assert watched == {"dialogs": [], "foreign": [], "violations": [], "popups": []}


def test_what_scripts_put_together_is_text_as_well(
    page: "Page", live_server: "LiveServer", enter: Any, ana: "User", watched: dict[str, list[str]]
) -> None:
    """Moving through sessions and turns, unfolding, polling: the parts that a script fetches and inserts."""
    publish(HOSTILE["breaks out of attributes"])
    enter(ana)
    page.goto(f"{live_server.url}/sessions/?q=xss")
    page.locator("#sender").wait_for()
    for key in ("d", "n", "n", "p", "j", "n", "j", "N", "k", "Enter", "n", "Escape"):
        page.keyboard.press(key)
        page.wait_for_timeout(100)
    for details in page.locator("#script details").all():
        details.evaluate("details => { details.open = true; }")
    # A new event, and a new session, come by polling.
    more = envelopes(
        "new " + HOSTILE["script"], users(HOSTILE["breaks out of elements"]), "", time.time() - 60
    )
    sender = Session.objects.order_by("-activity_at")[0].conversation.sender_id
    more += envelopes(sender, bots(HOSTILE["breaks out of elements"]), "", time.time() - 120)
    assert store(more).refused == []
    page.wait_for_timeout(2500)
    page.keyboard.press("?")
    page.get_by_role("dialog").wait_for()
    page.keyboard.press("Escape")
    assert (
        page.evaluate("document.querySelectorAll('xss-el, [xss], [onerror], [onload], [onmouseover]').length")
        == 0
    )
    assert watched == {"dialogs": [], "foreign": [], "violations": [], "popups": []}


def test_only_a_click_leaves_the_house_and_it_tells_nobody_from_where(
    page: "Page", live_server: "LiveServer", enter: Any, ana: "User", watched: dict[str, list[str]]
) -> None:
    publish("https://xss.example/picture.png")
    enter(ana)
    page.route("https://xss.example/**", lambda route: route.fulfill(status=404, body=""))
    session = Session.objects.get(conversation__sender_id__startswith="bots")
    page.goto(f"{live_server.url}/sessions/{session.pk}/")
    page.wait_for_load_state("networkidle")
    assert watched["foreign"] == []
    for link in page.locator("a[href^='https://xss.example']").all():
        assert {"noopener", "noreferrer"} <= set((link.get_attribute("rel") or "").split())
    with page.expect_request("https://xss.example/picture.png") as request:
        page.locator("[data-image]").first.click()
    assert "referer" not in request.value.headers
