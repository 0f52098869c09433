"""What a request asks for: the query of its URL, in words, with what is wrong with it and how to change it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import cached_property
from typing import cast
from urllib.parse import urlencode

from django.db.models import Exists, OuterRef, QuerySet
from django.http import Http404, HttpRequest
from django.urls import reverse
from django.utils.translation import gettext

from conversations.filters import VALUE_KINDS, matching
from conversations.models import Assistant, Conversation, Session, SessionValue
from conversations.pages import capped_count
from conversations.query import (
    FIELDS,
    SORTS,
    Chip,
    Group,
    Item,
    Mistake,
    Or,
    Query,
    Sequence,
    Term,
    Word,
    explain,
    parse,
    render,
    without,
)
from conversations.query.edit import with_setting
from conversations.query.facets import State, facet, text_value, toggled
from conversations.saved_views import View, find
from conversations.spelling import did_you_mean
from conversations.summary import value_key
from conversations.transcript import Wanted, wanted
from enterprise.models import User

COUNT_CAP = 1000
MANY_STALE = 20  # conversations: as after an upgrade
MAX_LOOKED_UP = 20  # values of a query that are checked for "never seen"


@dataclass(frozen=True)
class ShownChip:
    """A chip, the address without it, and the values in it that no session has."""

    chip: Chip
    without: str
    unseen: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class ShownMistake:
    """A mistake where it stands: the query before it, the wrong part, the rest; and the address with the suggestion."""

    before: str
    wrong: str
    after: str
    sentence: str
    suggestion: str
    corrected: str
    is_warning: bool


@dataclass(frozen=True)
class Hint:
    """A field by example; the address has the example added to the query."""

    example: str
    help: str
    url: str


@dataclass(frozen=True)
class Order:
    """A way to sort the list."""

    label: str
    url: str
    is_on: bool


class Ask:
    """The query of a request. Everything is found out when it is first asked for."""

    def __init__(self, request: HttpRequest, session: Session | None = None) -> None:
        self._request = request
        self.user = request.user
        self._asked = request.GET.get("q")
        self._view_key = request.GET.get("view", "")[:20]
        self.named = request.GET.get("assistant", "").replace(
            "\x00", "\ufffd"
        )  # no assistant has it in its name
        self.technical = request.GET.get("technical") == "1"
        self._session = session
        self.now = time.time()

    def instead(self, text: str) -> Ask:
        """The same request, asking `text`."""
        other = Ask(self._request, self._session)
        other._asked = text
        return other

    @cached_property
    def assistants(self) -> list[Assistant]:
        """Those that have sessions to show, `default` and older ones first, the demo last."""
        found = Assistant.objects.filter(Exists(self.visible.filter(assistant=OuterRef("pk"))))
        return sorted(
            found, key=lambda assistant: (assistant.name == "demo", assistant.name != "default", assistant.pk)
        )

    @cached_property
    def assistant(self) -> Assistant | None:
        """The one asked about: of the open session, else named in the URL, else the first. Raises Http404."""
        if self._session is not None:
            return next((a for a in self.assistants if a.pk == self._session.assistant_id), None)
        if self.named:
            for assistant in self.assistants:
                if assistant.name == self.named:
                    return assistant
            if not Assistant.objects.filter(name=self.named).exists():
                raise Http404(gettext("There is no assistant of this name."))
            return None
        return self.assistants[0] if self.assistants else None

    @cached_property
    def view(self) -> View | None:
        """The view that this list came from."""
        if not self._view_key or self.assistant is None:
            return None
        return find(cast("User", self.user), self.assistant, self._view_key)

    @cached_property
    def text(self) -> str:
        """The query: of the address, which is the truth, else of the view it names."""
        if self._asked is None and self.view:
            return self.view.query
        return (self._asked or "").strip()

    @cached_property
    def is_changed(self) -> bool:
        """Whether something else is asked than the view means."""
        return self.view is not None and self.view.differs(self.text)

    @cached_property
    def view_url(self) -> str:
        """The list of the view as it is saved."""
        return self.list_url(self.view.query) if self.view else ""

    @cached_property
    def parsed(self) -> tuple[Query, tuple[Mistake, ...]]:
        parsed = parse(self.text)
        return parsed.query, parsed.mistakes

    @property
    def query(self) -> Query:
        return self.parsed[0]

    @cached_property
    def wanted(self) -> Wanted:
        return wanted(self.query)

    @cached_property
    def visible(self) -> QuerySet[Session]:
        return Session.objects.visible_to(self.user)

    @cached_property
    def sessions(self) -> QuerySet[Session]:
        """The sessions that the query is true of."""
        return self.matching(self.query)

    def matching(self, query: Query) -> QuerySet[Session]:
        if self.assistant is None:
            return self.visible.none()
        return matching(self.visible, query, assistant=self.assistant, now=self.now, user=self.user)

    @cached_property
    def count(self) -> int:
        """How many, up to `COUNT_CAP` + 1."""
        return capped_count(self.sessions, COUNT_CAP)

    @cached_property
    def n_stale(self) -> int:
        """How many conversations wait to be computed anew, up to `COUNT_CAP` + 1; none for a few, as late events make
        them all the time. The index holds these alone."""
        if self.assistant is None:
            return 0
        stale = Conversation.objects.filter(assistant=self.assistant, is_stale=True)
        found = stale[: COUNT_CAP + 1].count()
        return found if found >= MANY_STALE else 0

    @property
    def is_capped(self) -> bool:
        return self.count > COUNT_CAP

    @property
    def cap(self) -> int:
        return COUNT_CAP

    @cached_property
    def scope(self) -> str:
        """The assistant's name where an address needs it: as soon as there are two."""
        if self.assistant is None:
            return self.named
        return self.assistant.name if len(self.assistants) > 1 else ""

    # --- addresses -------------------------------------------------------------------------------

    def parameters(self, text: str | None = None, **more: str) -> str:
        """The query string that keeps what is asked (or asks `text` instead), with its `?`; empty if there is nothing."""
        asked = {
            "q": self.text if text is None else text,
            "view": self.view.key if self.view else "",
            "assistant": self.scope,
            "technical": "1" if self.technical else "",
        }
        asked.update(more)
        # Beside a view an empty query is said: without one the view's own would be meant.
        fields = {name: value for name, value in asked.items() if value or (name == "q" and asked["view"])}
        return f"?{urlencode(fields)}" if fields else ""

    @cached_property
    def here(self) -> str:
        """`parameters` for templates."""
        return self.parameters()

    @cached_property
    def list_here(self) -> str:
        """The address of the list."""
        return self.list_url(self.text)

    @cached_property
    def in_detail(self) -> str:
        """The same with technical events shown."""
        return self.parameters(technical="1")

    @cached_property
    def other_detail(self) -> str:
        """The same with technical events shown if they are not, and the other way round."""
        return self.parameters(technical="" if self.technical else "1")

    @cached_property
    def and_more(self) -> str:
        """The same, to go before another parameter."""
        return f"{self.here}&" if self.here else "?"

    def list_url(self, text: str, **more: str) -> str:
        return self._list + self.parameters(text, **more)

    @cached_property
    def _list(self) -> str:
        return reverse("conversations:session-list")

    @property
    def for_me(self) -> str:
        """The list of what waits for the person who asks; without that condition where it stands already."""
        return self._toggled("for", "me", "chosen")

    @property
    def not_mine(self) -> str:
        """The list without one's own conversations; with them where they are left out already."""
        return self._toggled("is", "mine", "excluded")

    def _toggled(self, name: str, text: str, state: State) -> str:
        value = text_value(name, text)
        if value is None:
            return self.list_here
        is_on = facet(self.query, name).state(value) == state
        return self.list_url(toggled(self.query, name, value, "off" if is_on else state))

    # --- in words --------------------------------------------------------------------------------

    @cached_property
    def chips(self) -> list[ShownChip]:
        unseen = self._unseen
        return [
            ShownChip(
                chip,
                self.list_url(without(self.query, chip.item)),
                [word for kind, word in _names([chip.item]) if (kind, word) in unseen],
            )
            for chip in explain(self.query, gettext)
        ]

    @cached_property
    def _unseen(self) -> set[tuple[int, str]]:
        """Values in the query that no session of the assistant has; one query for all of them."""
        asked = list(dict.fromkeys(_names(self.query.items)))[:MAX_LOOKED_UP]
        if not asked or self.assistant is None:
            return set()
        rows = SessionValue.objects.filter(assistant=self.assistant)
        looks = {
            f"seen_{number}": Exists(rows.filter(kind=kind, value=value_key(word)))
            for number, (kind, word) in enumerate(asked)
        }
        seen = Assistant.objects.filter(pk=self.assistant.pk).annotate(**looks).values_list(*looks).get()
        return {name for name, is_seen in zip(asked, seen, strict=True) if not is_seen}

    @cached_property
    def mistakes(self) -> list[ShownMistake]:
        shown = []
        for mistake in self.parsed[1]:
            start, end = mistake.span
            corrected = ""
            if mistake.suggestion is not None:
                corrected = self.list_url(self.text[:start] + mistake.suggestion + self.text[end:])
            shown.append(
                ShownMistake(
                    self.text[:start],
                    self.text[start:end],
                    self.text[end:],
                    gettext(mistake.message) % mistake.params,
                    mistake.suggestion or "",
                    corrected,
                    mistake.warning,
                )
            )
        return shown

    @cached_property
    def meant(self) -> list[tuple[str, str]]:
        """When nothing was found: words that were said and differ little from one that never was, with their lists."""
        if self.assistant is None or self.query.impossible or self.count:
            return []
        return [
            (one.word, self.list_url(render(one.query))) for one in did_you_mean(self.query, self.assistant)
        ]

    @cached_property
    def ways_out(self) -> list[tuple[ShownChip, int]]:
        """When nothing was found: each chip with how many sessions there are without it, most first."""
        if self.query.impossible:
            return []
        ways = []
        for chip in self.chips[:8]:
            if not hasattr(chip.chip.item, "negated") and not isinstance(chip.chip.item, Sequence):
                continue  # a setting: taking it off finds nothing more
            rest = parse(without(self.query, chip.chip.item)).query
            ways.append((chip, capped_count(self.matching(rest), COUNT_CAP)))
        return sorted(ways, key=lambda way: -way[1])

    @cached_property
    def orders(self) -> list[Order]:
        """The sort orders, as links."""
        return [
            Order(
                gettext(label),
                self.list_url(with_setting(self.query, "sort", None if name == "newest" else name)),
                self.query.sort == name,
            )
            for name, label in SORTS
        ]

    @property
    def order(self) -> str:
        return next((order.label for order in self.orders if order.is_on), "")

    @property
    def fields(self) -> list[Hint]:
        """An example of each field, for the help beside the bar."""
        return [
            Hint(row.example, gettext(row.help), self.list_url(f"{self.text} {row.example}".strip()))
            for row in FIELDS.values()
        ]


def _names(items: object) -> list[tuple[int, str]]:
    """(kind, value) of the names that items look up among the values of sessions."""
    found: list[tuple[int, str]] = []
    for item in items if isinstance(items, list | tuple) else []:
        if isinstance(item, Term):
            kind = VALUE_KINDS.get(item.field)
            if kind is not None and item.field != "is":
                found += [(int(kind), value.text) for value in item.values if isinstance(value, Word)]
        elif isinstance(item, Group):
            found += _names(item.terms)
        elif isinstance(item, Or):
            found += _names(item.alternatives)
        elif isinstance(item, Sequence):
            found += _names((item.left, item.right))
    return found


__all__ = ["Ask", "Item", "Order", "ShownChip", "ShownMistake"]
