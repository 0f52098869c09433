"""What a query is asked in: whose assistant, when, by whom; and the few things that are looked up once for it."""

import zoneinfo
from collections.abc import Iterable
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
    def tag_names(self) -> dict[str, str]:
        """The assistant's tags by id, as value rows have them."""
        return _names(Tag.objects.filter(assistant=self.assistant).values_list("pk", "value"))

    @cached_property
    def reason_names(self) -> dict[str, str]:
        """The assistant's reasons by id."""
        return _names(Reason.objects.filter(assistant=self.assistant).values_list("pk", "text"))

    @cached_property
    def people_names(self) -> dict[str, str]:
        """Names of users by id."""
        return _names(User.objects.values_list("pk", "username"))

    @cached_property
    def tags(self) -> dict[str, list[str]]:
        """Ids of the assistant's tags by folded name."""
        return _by_name(self.tag_names)

    @cached_property
    def reasons(self) -> dict[str, list[str]]:
        """Ids of the assistant's reasons by folded text."""
        return _by_name(self.reason_names)

    @cached_property
    def people(self) -> dict[str, list[str]]:
        """Ids of users by folded name."""
        return _by_name(self.people_names)

    @property
    def me(self) -> list[str]:
        """The id of who asks."""
        return [] if self.user is None or self.user.pk is None else [str(self.user.pk)]


def _names(rows: Iterable[tuple[int, str]]) -> dict[str, str]:
    return {str(pk): name for pk, name in rows}


def _by_name(names: dict[str, str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for pk, name in names.items():
        found.setdefault(name.casefold(), []).append(pk)
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
