"""The shell in a real browser: sign-in without a pointer, keys, palette, themes, sheets, narrow screens."""

import re
import time

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from enterprise.models import DemoState
from enterprise.sign_in import invite, link_path
from events.models import RejectedMessage, Source
from tests.conftest import PASSWORD

PAGES = {
    "people": "people",
    "person-new": "person-new",
    "connect": "connect",
    "status": "status",
    "rejected": "rejected-list",
    "profile": "profile",
}
WIDTHS = {1440: 900, 760: 900, 320: 640}


@pytest.fixture
def lived_in(ana, ben, tom):
    """An installation with something on every page, trouble included."""
    now = time.time()
    common = {"created_at": now, "heartbeat_at": now + 600}
    Source.objects.create(
        key="1",
        kind="file",
        label="file:///srv/bot/a-long-path/rasa_event.log",
        connected=True,
        n_stored=12_873,
        last_event_at=now - 3,
        last_received_at=now - 2,
        **common,
    )
    stopped = Source.objects.create(
        key="2",
        kind="rabbitmq",
        label="amqp://rabbit.internal:5672/%2F?exchange=rasa-exchange&queue=enterprise_events",
        state="stopped",
        reason="215 of the last 220 messages were rejected.",
        n_rejected=3,
        facts={
            "exchange": "rasa-exchange",
            "exchange_made_by_us": True,
            "other_consumers": 1,
            "queue_depth": 1204,
        },
        **common,
    )
    for number, body in enumerate((b"no JSON", b"\xff" * 3000, b"")):
        RejectedMessage.objects.create(
            source=stopped,
            body_hash=bytes([number]) * 16,
            body=body,
            size=len(body),
            reason="not JSON at character 1",
            first_at=now - 90,
            last_at=now - number,
            count=number + 1,
        )
    DemoState.objects.create(pk=1, state="done", position=9, total=9, paced_to=now)
    invite(ana, "a-name-as-long-as-somebody-may-want-it-to-be", "annotator")
    return ana


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("look", ["light", "dark"])
def test_every_page_is_accessible_and_fits(
    page, live_server, lived_in, enter, theme, axe, fits, roomy, shoot, width, look
):
    theme(look)
    page.set_viewport_size({"width": width, "height": WIDTHS[width]})
    page.goto(live_server.url + reverse("sign-in"))
    for check in (axe, fits, roomy):
        check(page)
    shoot(page, f"sign-in-{look}-{width}")
    enter(lived_in)
    for name, url_name in PAGES.items():
        page.goto(live_server.url + reverse(url_name))
        expect(page.locator("html")).to_have_class(re.compile(r"\bjs\b"))
        for check in (axe, fits, roomy):
            check(page)
        shoot(page, f"{name}-{look}-{width}")


@pytest.mark.parametrize("look", ["light", "dark"])
def test_open_parts_are_accessible_too(page, live_server, lived_in, enter, theme, axe, shoot, look):
    theme(look)
    enter(lived_in)
    page.goto(live_server.url + reverse("people"))
    page.locator("summary").first.click()
    axe(page)
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    axe(page)
    shoot(page, f"palette-{look}")


def test_signing_in_needs_no_pointer(page, live_server, ana):
    page.goto(live_server.url + reverse("profile"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    page.keyboard.type("ana")
    page.keyboard.press("Tab")
    page.keyboard.type("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("Name or password is not right.")
    page.get_by_label("Password").focus()
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("My profile")


def test_the_skip_link_comes_first_and_leads_to_the_content(page, live_server, ana, enter):
    enter(ana)
    page.goto(live_server.url + reverse("status"))
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Skip to the content")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_an_invited_person_chooses_a_password_and_is_in(page, live_server, ana, axe):
    _user, secret = invite(ana, "cleo", "tester")
    page.goto(live_server.url + link_path(secret))
    axe(page)
    page.get_by_label("New password").fill("quite a good one")
    page.get_by_label("The same again").fill("quite a good one")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("My profile")


@pytest.mark.parametrize("url_name", PAGES.values())
def test_whatever_can_be_done_with_the_mouse_is_in_the_palette_with_its_key(
    page, live_server, lived_in, enter, url_name
):
    enter(lived_in)
    page.goto(live_server.url + reverse(url_name))
    expect(page.locator("html")).to_have_class(re.compile(r"\bjs\b"))
    on_page = set(
        page.evaluate(
            """[...document.querySelectorAll('[data-action]')].filter(e => e.checkVisibility()).map(e => e.dataset.action)"""
        )
    )
    page.keyboard.press("?")
    options = page.get_by_role("option")
    offered = {
        option.get_attribute("data-id"): option.locator("kbd").all_inner_texts() for option in options.all()
    }
    assert on_page - {"palette"} <= set(offered)
    assert all(offered[action] for action in on_page - {"palette"})


def test_the_palette_filters_runs_and_gives_the_focus_back(page, live_server, ana, enter):
    enter(ana)
    page.goto(live_server.url + reverse("people"))
    page.get_by_role("link", name="Invite", exact=True).focus()
    page.keyboard.press("?")
    page.keyboard.type("nothing like this")
    expect(page.get_by_text("No action has that name.")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.locator(":focus")).to_have_attribute("data-action", "new-person")
    page.keyboard.press("?")
    page.keyboard.type("profi")
    page.keyboard.press("Enter")
    expect(page).to_have_url(live_server.url + reverse("profile"))


@pytest.mark.parametrize(
    ("keys", "url_name"), [("gp", "people"), ("gy", "status"), ("gc", "connect"), ("gm", "profile")]
)
def test_g_and_a_letter_go_to_a_page(page, live_server, ana, enter, keys, url_name):
    enter(ana)
    page.goto(live_server.url + reverse("profile" if url_name != "profile" else "status"))
    for key in keys:
        page.keyboard.press(key)
    expect(page).to_have_url(live_server.url + reverse(url_name))


def test_keys_are_left_alone_in_fields_with_modifiers_and_after_a_while(page, live_server, ana, enter):
    enter(ana)
    here = live_server.url + reverse("profile")
    page.goto(here)
    field = page.get_by_label("Name to show")
    field.click()
    page.keyboard.type("?gp")
    expect(field).to_have_value("Ana?gp")
    page.keyboard.press("Escape")
    for modifier in ("Control", "Alt", "Meta"):
        page.keyboard.press(f"{modifier}+g")
        page.keyboard.press(f"{modifier}+p")
    page.keyboard.press("g")
    page.wait_for_timeout(1700)
    page.keyboard.press("p")
    page.wait_for_timeout(200)
    expect(page).to_have_url(here)
    expect(page.get_by_role("dialog")).to_be_hidden()


PRESS = """([key, code, shiftKey]) => document.body.dispatchEvent(
  new KeyboardEvent('keydown', {key, code, shiftKey, bubbles: true, cancelable: true}))"""


@pytest.mark.parametrize(
    ("presses", "url_name"),
    [
        ([("п", "KeyG", False), ("з", "KeyP", False)], "people"),  # Russian: by place
        ([("γ", "KeyG", False), ("π", "KeyP", False)], "people"),  # Greek
        ([("g", "KeyI", False), ("p", "KeyR", False)], "people"),  # Dvorak: by what is printed
        ([("G", "KeyG", False), ("P", "KeyP", False)], "people"),  # Caps Lock is not Shift
    ],
)
def test_letters_are_found_on_every_layout(page, live_server, ana, enter, presses, url_name):
    enter(ana)
    page.goto(live_server.url + reverse("status"))
    expect(page.locator("html")).to_have_class(re.compile(r"\bjs\b"))
    for press in presses:
        page.evaluate(PRESS, list(press))
    expect(page).to_have_url(live_server.url + reverse(url_name))


def test_digits_are_found_by_place(page, live_server, ana, enter):
    enter(ana)
    page.goto(live_server.url + reverse("connect"))
    expect(page.locator("html")).to_have_class(re.compile(r"\bjs\b"))
    page.evaluate(PRESS, ["é", "Digit2", False])  # the second key of a French keyboard
    expect(page.locator("#via-rabbitmq")).to_have_attribute("aria-current", "true")
    page.keyboard.press("3")
    expect(page.locator("#via-file")).to_have_attribute("aria-current", "true")


def test_keys_can_be_changed_taken_away_and_turned_off(page, live_server, ana, enter):
    enter(ana)
    profile = live_server.url + reverse("profile")
    page.goto(profile)
    page.locator("[data-remap=go-people]").click()
    page.keyboard.press("u")
    expect(page.locator("[data-remap=go-people]")).to_have_text("g u")
    page.locator("[data-remap=go-status]").click()
    page.keyboard.press("u")
    expect(page.locator(".toast")).to_contain_text("Already used by “People”.")
    page.locator("[data-remap=palette]").click()
    page.keyboard.press("Backspace")
    expect(page.locator("[data-remap=palette]")).to_have_text("–")
    page.reload()
    page.keyboard.press("?")
    page.wait_for_timeout(100)
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.keyboard.press("g")
    page.keyboard.press("u")
    expect(page).to_have_url(live_server.url + reverse("people"))
    page.goto(profile)
    page.get_by_label("Keys are on").uncheck()
    page.keyboard.press("g")
    page.keyboard.press("u")
    page.wait_for_timeout(200)
    expect(page).to_have_url(profile)
    page.get_by_role("button", name="All as they were").click()
    page.get_by_label("Keys are on").check()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()


def test_the_theme_changes_at_once_and_stays_without_a_flash(page, live_server, ana, enter):
    enter(ana)
    page.goto(live_server.url + reverse("profile"))
    background = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(background)
    page.get_by_text("Dark", exact=True).click()
    dark = page.evaluate(background)
    assert dark != light
    answer = page.request.get(live_server.url + reverse("status"))
    assert 'data-theme="dark"' in answer.text()
    page.goto(live_server.url + reverse("status"))
    assert page.evaluate(background) == dark


def test_without_a_choice_the_theme_is_the_systems(page, live_server, ana, enter):
    enter(ana)
    page.emulate_media(color_scheme="dark")
    page.goto(live_server.url + reverse("profile"))
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.emulate_media(color_scheme="light")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != dark


def test_the_browsers_zone_is_told_once(page, live_server, ana, enter, context):
    enter(ana)
    page.goto(live_server.url + reverse("profile"))
    expect(page.locator("html")).to_have_class(re.compile(r"\bjs\b"))
    zones = [cookie["value"] for cookie in context.cookies() if cookie["name"] == "zone"]
    assert zones == ["Europe/Berlin"]


def test_copying_gives_the_very_text_and_says_so(page, live_server, ana, enter, context):
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    enter(ana)
    page.goto(live_server.url + reverse("connect"))
    page.keyboard.press("y")
    expect(page.get_by_text("Copied").first).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == page.locator("#endpoints").text_content()
    assert copied.startswith("event_broker:\n  type: sql\n")


def test_the_first_event_appears_by_itself(page, live_server, ana, enter, settings):
    from events.service import embedded_url
    from events.sources import from_url

    address = from_url(embedded_url())
    now = time.time()
    row = Source.objects.create(
        key=address.key,
        kind="sql",
        label=address.label,
        connected=True,
        heartbeat_at=now + 600,
        created_at=now,
    )
    enter(ana)
    page.goto(live_server.url + reverse("connect"))
    expect(page.get_by_text("Listening, nothing yet")).to_be_visible()
    Source.objects.filter(pk=row.pk).update(last_received_at=time.time(), n_stored=1)
    expect(page.locator("#listening")).to_contain_text("First event from default")
    expect(page.locator("#announce")).to_contain_text("First event from default")
    expect(page.get_by_role("link", name="Open the sessions")).to_be_visible()


def test_an_ended_session_sends_the_page_to_sign_in_not_a_part_of_it(page, live_server, ana, enter, context):
    enter(ana)
    page.goto(live_server.url + reverse("connect"))
    context.clear_cookies(name="enterprise_session")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    assert page.url.endswith("?next=%2Fconnect%2F")


def test_a_server_that_is_away_is_announced_once(page, live_server, ana, enter):
    enter(ana)
    page.goto(live_server.url + reverse("connect"))
    page.route("**/connect/live/**", lambda route: route.abort())
    expect(page.locator(".toast")).to_contain_text("The server does not answer")
    page.wait_for_timeout(2500)
    expect(page.locator(".toast")).to_have_count(1)
    page.unroute("**/connect/live/**")
    expect(page.locator(".toast")).to_have_count(0)


@pytest.mark.parametrize("url_name", [*PAGES.values(), "sign-in"])
def test_pages_work_without_scripts(browser, live_server, lived_in, url_name):
    from django.conf import settings
    from django.test import Client

    client = Client()
    client.force_login(lived_in)
    context = browser.new_context(java_script_enabled=False, viewport={"width": 320, "height": 640})
    if url_name != "sign-in":
        value = client.cookies[settings.SESSION_COOKIE_NAME].value
        context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": value, "url": live_server.url}])
    page = context.new_page()
    page.goto(live_server.url + reverse(url_name))
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    if url_name == "people":
        page.locator("summary").first.click()
        page.get_by_role("button", name=re.compile("^Disable ")).first.click()
        expect(page.get_by_text("disabled").first).to_be_visible()
    context.close()


def test_nothing_is_hidden_behind_the_bars_at_four_hundred_percent(page, live_server, ana, enter):
    enter(ana)
    page.set_viewport_size({"width": 320, "height": 256})  # 1280 by 1024 at 400 %
    page.goto(live_server.url + reverse("profile"))
    assert page.evaluate("getComputedStyle(document.querySelector('.rail')).position") == "static"
    assert page.evaluate("getComputedStyle(document.querySelector('.bar')).position") == "static"
