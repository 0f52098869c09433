"""What a query is asked in: whose assistant, when, by whom; and the few things that are looked up once for it."""

import zoneinfo
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from conversations.models import Assistant, Reason, Tag
from enterprise.models import User


@dataclass(frozen=True)
class Context:
    """What conditions are asked in. `user`: who `me` is (None: nobody)."""

    assistant: Assistant
    now: datetime
    zone: zoneinfo.ZoneInfo
    user: Any = None

    @cached_property
    def tags(self) -> dict[str, list[str]]:
        """Ids of the assistant's tags by folded name, as value rows have them."""
        return _by_name(Tag.objects.filter(assistant=self.assistant).values_list("value", "pk"))

    @cached_property
    def reasons(self) -> dict[str, list[str]]:
        """Ids of the assistant's reasons by folded text."""
        return _by_name(Reason.objects.filter(assistant=self.assistant).values_list("text", "pk"))

    @cached_property
    def people(self) -> dict[str, list[str]]:
        """Ids of users by folded name."""
        return _by_name(User.objects.values_list("username", "pk"))

    @property
    def me(self) -> list[str]:
        """The id of who asks."""
        return [] if self.user is None or self.user.pk is None else [str(self.user.pk)]


def _by_name(rows: Any) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, pk in rows:
        found.setdefault(name.casefold(), []).append(str(pk))
    return found


def context_of(assistant: Assistant, now: float, user: Any = None) -> Context:
    """The assistant at this moment (UTC seconds), for `condition`."""
    return Context(assistant, datetime.fromtimestamp(now, UTC), zone_of(assistant), user)


def zone_of(assistant: Assistant) -> zoneinfo.ZoneInfo:
    """The assistant's time zone; UTC when this machine does not know it."""
    try:
        return zoneinfo.ZoneInfo(assistant.time_zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        return zoneinfo.ZoneInfo("UTC")
