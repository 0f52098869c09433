"""A real browser: the machine's Chromium, a live server, people signed in, and the rules of accessibility.

Skipped visibly where there is no Chromium; in CI (variable CI) that is a failure. With SCREENSHOTS=<folder> every `shoot` is
kept there.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page
    from pytest_django.live_server_helper import LiveServer

    from enterprise.models import User

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]

PATIENCE = 60_000  # ms; only a machine that does much else at the same time needs it

# Playwright's own loop runs in this thread; Django would take it for asynchronous code.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder is a browser test."""
    folder = Path(__file__).parent
    for item in items:
        if folder in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Debian's Chromium instead of a download."""
    from playwright.sync_api import expect

    expect.set_options(timeout=PATIENCE // 4)
    if not CHROMIUM:
        if os.environ.get("CI"):
            pytest.fail("no Chromium: apt-get install chromium")
        pytest.skip("no Chromium: apt-get install chromium")
    return {**browser_type_launch_args, "executable_path": CHROMIUM, "args": FLAGS}


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    """The same for everybody: language, zone, no animation."""
    return {
        **browser_context_args,
        "locale": "en-GB",
        "timezone_id": "Europe/Berlin",
        "reduced_motion": "reduce",
        "viewport": {"width": 1440, "height": 900},
    }


@pytest.fixture
def enter(live_server: "LiveServer", context: "BrowserContext") -> "Callable[[User], None]":
    """`enter(ana)`: this browser is hers from now on."""

    def enter_as(person: "User") -> None:
        from django.conf import settings
        from django.test import Client

        client = Client()
        client.force_login(person)
        value = client.cookies[settings.SESSION_COOKIE_NAME].value
        context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": value, "url": live_server.url}])

    return enter_as


@pytest.fixture
def theme(live_server: "LiveServer", context: "BrowserContext") -> Callable[[str], None]:
    """`theme("dark")`, before the page is opened."""

    def choose(name: str) -> None:
        context.add_cookies([{"name": "theme", "value": name, "url": live_server.url}])

    return choose


@pytest.fixture(autouse=True)
def _no_errors(page: "Page") -> Iterator[None]:
    """Nothing is said on the console as an error, and no script of ours stumbles."""
    page.set_default_timeout(PATIENCE)
    said: list[str] = []
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    yield
    # Answers that a test provokes are news of the browser and of htmx, not mistakes of ours.
    assert [text for text in said if not text.startswith(("Failed to load resource", "htmx:"))] == []


@pytest.fixture
def axe() -> "Callable[[Page], None]":
    """`axe(page)`: no violation of WCAG 2.2 A and AA, nor of axe's own best practices."""
    from axe_playwright_python.sync_playwright import Axe

    def check(page: "Page") -> None:
        results = Axe().run(page)
        assert results.violations_count == 0, results.generate_report()

    return check


@pytest.fixture
def fits() -> "Callable[[Page], None]":
    """`fits(page)`: nothing scrolls sideways but what is made for it."""

    def check(page: "Page") -> None:
        over = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        culprits = page.evaluate(
            """[...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1)
            .map(e => `${e.tagName}.${e.className}`).slice(0, 5)"""
        )
        assert over <= 0, culprits

    return check


@pytest.fixture
def roomy() -> "Callable[[Page], None]":
    """`roomy(page)`: whatever can be pressed is at least 24 by 24 pixels; links inside sentences are exempt."""

    def check(page: "Page") -> None:
        small = page.evaluate(
            """[...document.querySelectorAll('button, a, summary, input, select, [role=option]')].filter(e => {
              if (!e.checkVisibility({visibilityProperty: true}) || e.closest('.visually-hidden, .skip, p, dd, dialog:not([open])')) return false;
              if (e.matches('input[type=radio], input[type=checkbox], input[type=hidden]')) e = e.closest('label') ?? e;
              const box = e.getBoundingClientRect();
              return box.width > 0 && (box.width < 24 || box.height < 24);
            }).map(e => e.outerHTML.slice(0, 120))"""
        )
        assert small == []

    return check


@pytest.fixture
def shoot() -> "Callable[[Page, str], None]":
    """`shoot(page, name)`: a picture for people, where SCREENSHOTS says."""

    def take(page: "Page", name: str) -> None:
        if folder := os.environ.get("SCREENSHOTS"):
            Path(folder).mkdir(parents=True, exist_ok=True)
            page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)

    return take
