"""What every template may use: `house.theme`, `house.navigation`, `house.client`, `house.version`."""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.html import json_script
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from enterprise.access import may
from enterprise.pages.actions import ACTIONS

THEMES = ("auto", "light", "dark")
THEME_COOKIE = "theme"


@dataclass(frozen=True, slots=True)
class Section:
    """An entry of the rail. `views` are the names of the pages that light it up; `needs` a category of access."""

    action: str
    label: str | Promise
    icon: str
    url_name: str
    views: frozenset[str]
    needs: str
    is_wide: bool = False  # left out of the bar of small screens: another section's tabs lead there


SECTIONS = (
    Section(
        "go-sessions",
        _("Sessions"),
        "messages-square",
        "conversations:session-list",
        frozenset({"conversations"}),
        "conversations.view",
    ),
    Section(
        "go-week",
        _("Week"),
        "calendar",
        "conversations:week",
        frozenset({"conversations:week"}),
        "conversations.view",
    ),
    Section(
        "go-corrections",
        _("Corrections"),
        "text-quote",
        "conversations:corrections",
        frozenset({"conversations:corrections"}),
        "conversations.view",
        is_wide=True,
    ),
    Section(
        "go-signals",
        _("What counts as"),
        "sliders-horizontal",
        "conversations:signals",
        frozenset({"conversations:signals", "conversations:signal"}),
        "conversations.judge",
        is_wide=True,
    ),
    Section(
        "go-tags",
        _("Tags and reasons"),
        "tag",
        "conversations:tags",
        frozenset({"conversations:tags"}),
        "conversations.judge",
        is_wide=True,
    ),
    Section("go-connect", _("Connect"), "plug", "connect", frozenset({"connect"}), "operations.view"),
    Section("go-people", _("People"), "users", "people", frozenset({"people", "person-new"}), "users.modify"),
    Section(
        "go-status",
        _("Status"),
        "activity",
        "status",
        frozenset({"status", "rejected-list", "rejected-detail"}),
        "operations.view",
    ),
)

# What scripts say; kept here so that it is translated with everything else.
CLIENT_TEXT: dict[str, str | Promise] = {
    "undo": _("Undo"),
    "dismiss": _("Dismiss"),
    "copied": _("Copied"),
    "not_copied": _("The browser did not let us copy. The text is selected: copy it by hand."),
    "offline": _("The server does not answer. Trying again."),
    "refused": _("You may not do that."),
    "failed": _("That did not work. Nothing was changed; try again."),
    "keys_off": _("Keys are off. Your profile turns them on."),
    "theme_auto": _("Theme: as the system"),
    "theme_light": _("Theme: light"),
    "theme_dark": _("Theme: dark"),
    "key_taken": _("Already used by “%s”."),
    "press_key": _("Press a key"),
}


class House:
    """The shell around one page. Everything is computed when a template first asks for it."""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request

    @cached_property
    def theme(self) -> str:
        """`auto`, `light` or `dark`, from a cookie: set on the root element by the server, so nothing flashes."""
        theme = self._request.COOKIES.get(THEME_COOKIE, "auto")
        return theme if theme in THEMES else "auto"

    @cached_property
    def navigation(self) -> list[dict[str, Any]]:
        """The sections that this person may open."""
        match = self._request.resolver_match
        # A page that has a section of its own, else the section of all pages of its app.
        here = {match.view_name} if match else set()
        if match and not any(section.views & here for section in SECTIONS):
            here = {match.namespace}
        return [
            {
                "action": section.action,
                "label": section.label,
                "icon": section.icon,
                "url": reverse(section.url_name),
                "current": bool(section.views & here),
                "is_wide": section.is_wide,
            }
            for section in SECTIONS
            if may(self._request.user, section.needs)
        ]

    @property
    def client(self) -> SafeString:
        """What scripts read from the page: actions with their keys, and their words."""
        return _client(get_language())

    @property
    def version(self) -> str:
        """The installed version."""
        return settings.VERSION


@lru_cache(maxsize=32)
def _client(_language: str | None) -> SafeString:
    """Kept: it is the same for everybody who reads this language."""
    return json_script({"actions": [action.as_dict() for action in ACTIONS], "text": CLIENT_TEXT}, "house")


def house(request: HttpRequest) -> dict[str, Any]:
    """The context processor."""
    return {"house": House(request)}
