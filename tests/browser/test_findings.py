"""This week, Corrections and What counts as in a real browser: accessible, in place at every size, by keyboard alone."""

import re
import time
from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from conversations.models import Event, Session, Signal
from enterprise.models import User
from tests.test_session_pages import action, begin, put, user

WIDTHS = {1440: 900, 320: 640}


@pytest.fixture
def found(ana: User) -> list[str]:
    """Sessions with a handoff, a fallback and a correction; the addresses of the pages about them."""
    from conversations.models import Correction
    from conversations.store import _known

    _known.clear()
    now = time.time()
    put(
        *begin("handed", now - 60), user("handed", now - 59, "I want a <b>person</b>", "speak_to_human"),
        action("handed", now - 58, "action_handoff_with_a_name_that_is_longer_than_most_screens_are_wide"),
        *begin("lost", now - 50),
        user("lost", now - 49, "from Berlin 🙂 שלום", "nlu_fallback",
             entities=[{"start": 5, "end": 11, "entity": "city", "value": "BER", "role": "from"}]),
        *begin("plain", now - 40), user("plain", now - 39, "hello", "greet"),
    )  # fmt: skip
    event = Event.objects.get(text__startswith="from")
    Correction.objects.create(
        conversation_id=event.conversation_id, session=Session.objects.get(conversation=event.conversation_id),
        anchor_at=event.timestamp, anchor_rank=event.rank, anchor_hash=event.hash, is_turn=True,
        user=ana, intent="travel_with_a_name_that_is_longer_than_most_screens", was="nlu_fallback",
    )  # fmt: skip
    return ["/week/", "/corrections/", "/corrections/?intent=nothing", "/signals/", "/signals/handoff/"]


@pytest.mark.parametrize("look", ["light", "dark"])
def test_every_page_is_accessible_and_fits(
    page: Page, live_server: Any, ana: User, found: list[str], enter: Any, theme: Any, axe: Any, fits: Any, roomy: Any,
    shoot: Any, look: str,
) -> None:  # fmt: skip
    theme(look)
    enter(ana)
    for address in found:
        page.goto(live_server.url + address)
        for width, height in WIDTHS.items():
            page.set_viewport_size({"width": width, "height": height})
            expect(page.locator("html")).to_have_class(re.compile(r"\bjs\b"))
            for check in (axe, fits, roomy):
                check(page)
            shoot(page, f"{address.strip('/').replace('/', '-').replace('?', '-')}-{look}-{width}")


def test_a_signal_is_tried_as_one_chooses_and_saved_by_key(
    page: Page, live_server: Any, ana: User, found: list[str], enter: Any
) -> None:
    enter(ana)
    page.goto(live_server.url + "/week/")
    page.keyboard.press("g")
    page.keyboard.press("d")
    expect(page).to_have_url(live_server.url + reverse("conversations:signals"))
    page.get_by_role("link", name="Change Complaint").click()
    expect(page.get_by_text("No session matches.")).to_be_visible()
    box = page.get_by_label("Add to Intents", exact=True)
    box.fill("greet")
    box.press("Enter")
    expect(page.get_by_text("tried, not saved")).to_be_visible()
    expect(page.get_by_role("checkbox", name="greet")).to_be_checked()
    expect(
        page.get_by_role("region", name="What it matches").get_by_role("link", name="plain", exact=True)
    ).to_be_visible()
    page.get_by_role("checkbox", name="greet").uncheck()
    expect(page.get_by_text("No session matches.")).to_be_visible()
    box.fill("greet")
    box.press("Enter")
    expect(page.get_by_role("checkbox", name="greet")).to_be_checked()
    page.keyboard.press("Escape")
    page.keyboard.press("s")
    expect(page.get_by_text("means this from now on")).to_be_visible()
    assert Signal.objects.get().intents == ["greet"]


def test_the_chosen_message_is_copied_as_an_example(
    page: Page, context: Any, live_server: Any, ana: User, found: list[str], enter: Any
) -> None:
    enter(ana)
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=live_server.url)
    event = Event.objects.get(text__startswith="from")
    session = Session.objects.get(conversation=event.conversation_id)
    page.goto(f"{live_server.url}/sessions/{session.pk}/turns/{event.pk}/?q=text%3Aberlin")
    expect(page.locator("html")).to_have_class(re.compile(r"\bjs\b"))
    page.keyboard.press("Shift+y")
    line = '- from [Berlin]{"entity": "city", "role": "from", "value": "BER"} 🙂 שלום'
    expect(page.locator(".toast")).to_contain_text(line)
    assert page.evaluate("navigator.clipboard.readText()") == f"{line}\n"
