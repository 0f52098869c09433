"""What counts as fallback, handoff, goal reached, abandoned form and complaint: one page per assistant, tried before it is saved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods

from conversations import signals
from conversations.defining import PARTS, Definition, as_query, guess
from conversations.models import Conversation, Recount, Session, Signal
from conversations.pages import capped_count
from conversations.query import parse
from enterprise.access import may
from enterprise.audit import record
from enterprise.models import User
from enterprise.pages.guards import needs

from .asking import Ask

LAST = 1000  # sessions that a definition is tried on
DAYS = "date:30d"
EXAMPLES = 3
MOST_LISTED = 1000  # values that a browser is given to complete
MOST_TYPED = 500  # characters of a name that somebody adds

SAYS: dict[str, str | Promise] = {
    "fallback": gettext_lazy("The assistant did not understand, or gave up."),
    "handoff": gettext_lazy("A person took over, or was called."),
    "goal": gettext_lazy("The customer got what the assistant is for."),
    "abandoned": gettext_lazy("The session ended while a form or flow was still open."),
    "complaint": gettext_lazy("The customer complained, or was rude."),
}
PART_LABELS: dict[str, tuple[str | Promise, str | Promise]] = {
    "intents": (gettext_lazy("Intents"), gettext_lazy("a user message was understood as one of them")),
    "actions": (gettext_lazy("Actions"), gettext_lazy("the bot ran one of them")),
    "slots": (gettext_lazy("Slots"), gettext_lazy("one of them was set: a name, or name=value")),
    "loops": (gettext_lazy("Forms and flows"), gettext_lazy("the session ended inside one of them")),
}


@dataclass(frozen=True)
class Part:
    """One kind of names in a definition. `unseen`: chosen, but no session has them."""

    name: str
    label: str | Promise
    help: str | Promise
    chosen: Sequence[str]
    unseen: Sequence[str]
    others: Sequence[str]


class Shown:
    """A signal with what it matches. `definition` may be one that is only being tried."""

    def __init__(self, ask: Ask, name: str, definition: Definition, *, is_tried: bool = False) -> None:
        self.ask = ask
        self.name = name
        self.label = Signal.Name(name).label
        self.says = SAYS[name]
        self.definition = definition
        self.is_tried = is_tried

    @property
    def parts(self) -> list[tuple[str | Promise, Sequence[str]]]:
        """Its names, by kind, where it has any."""
        return [
            (PART_LABELS[part][0], getattr(self.definition, part))
            for part in PARTS
            if getattr(self.definition, part)
        ]

    @cached_property
    def query(self) -> str:
        """Its sessions in the query language: by its name, or by all that it is tried with."""
        return as_query(self.definition) if self.is_tried else f"is:{self.name}"

    @cached_property
    def lately(self) -> int:
        """How many of the last 1,000 sessions match; 0 when nothing could."""
        if not self.definition:
            return 0
        newest = self.ask.visible.filter(assistant=self.ask.assistant).order_by("-activity_at", "-id")
        ids = list(newest.values_list("pk", flat=True)[:LAST])
        query = parse(self.query).query
        return self.ask.matching(query).order_by().filter(pk__in=ids).count()

    @cached_property
    def in_days(self) -> int:
        """How many sessions of 30 days match, counted to LAST + 1."""
        if not self.definition:
            return 0
        return capped_count(self.ask.matching(parse(f"{self.query} {DAYS}").query), LAST)

    @property
    def is_capped(self) -> bool:
        return self.in_days > LAST

    @property
    def url(self) -> str:
        """The list of those of 30 days."""
        return self.ask.list_url(f"{self.query} {DAYS}".strip())

    @cached_property
    def examples(self) -> list[Session]:
        """The newest that match."""
        if not self.definition:
            return []
        found = self.ask.matching(parse(self.query).query).select_related("conversation")
        return list(found.order_by("-activity_at", "-id")[:EXAMPLES])


def _assistant(ask: Ask) -> Any:
    if ask.assistant is None:
        raise Http404(_("There is no assistant yet."))
    return ask.assistant


@needs("conversations.judge")
@require_GET
def signal_list(request: HttpRequest) -> HttpResponse:
    """All five, with what each matches."""
    ask = Ask(request)
    shown: list[Shown] = []
    n_sessions = n_stale = 0
    recount = None
    if ask.assistant is not None:
        shown = [Shown(ask, name, one) for name, one in signals.definitions(ask.assistant).items()]
        n_sessions = capped_count(ask.visible.filter(assistant=ask.assistant), LAST)
        n_stale = Conversation.objects.filter(assistant=ask.assistant, is_stale=True).count()
        recount = Recount.objects.filter(assistant=ask.assistant).first()
    context = {
        "ask": ask,
        "signals": shown,
        "n_sessions": min(n_sessions, LAST),
        "n_stale": n_stale,
        "recount": recount,
        "may_define": may(request.user, "conversations.define"),
    }
    return render(request, "conversations/signals.html", context)


@needs("conversations.judge")
@require_http_methods(["GET", "POST"])
def signal(request: HttpRequest, name: str) -> HttpResponse:
    """One signal: GET tries what the address says (`intents=…&add-intents=…`), POST saves it, or with `guess` lets it go.

    Raises PermissionDenied for those who may look but not change.
    """
    if name not in Signal.Name.values:
        raise Http404
    ask = Ask(request)
    assistant = _assistant(ask)
    if request.method == "POST":
        return _save(request, ask, name)
    own = signals.definition(assistant, name)
    tried = _tried(request.GET) if "try" in request.GET else own
    shown = Shown(ask, name, tried, is_tried="try" in request.GET and not tried.same(own))
    occurring = signals.occurring(assistant, slots=True)
    context = {
        "ask": ask,
        "signal": shown,
        "own": own,
        "parts": [_part(part, getattr(tried, part), getattr(occurring, part)) for part in PARTS],
        "guess": guess(occurring)[name],
        "n_sessions": min(LAST, capped_count(ask.visible.filter(assistant=assistant), LAST)),
        "may_define": may(request.user, "conversations.define"),
    }
    return render(request, "conversations/signal.html", context)


def _part(name: str, chosen: Sequence[str], occurring: Iterable[str]) -> Part:
    known = set(occurring)
    label, says = PART_LABELS[name]
    unseen = [one for one in chosen if one.partition("=")[0] not in known and one not in known]
    others = sorted(known - set(chosen))[:MOST_LISTED]
    return Part(name, label, says, chosen, unseen, others)


def _tried(data: Any) -> Definition:
    """A definition as the form sends it: ticked names, and those that were typed, several between commas."""
    parts: Mapping[str, set[str]] = {part: set(data.getlist(part)) for part in PARTS}
    for part, names in parts.items():
        typed = data.get(f"add-{part}", "")
        names |= set(typed.split(","))
    return Definition.of({part: _clean(names) for part, names in parts.items()})


def _clean(names: Iterable[str]) -> tuple[str, ...]:
    stripped = {name.replace("\x00", "").strip()[:MOST_TYPED] for name in names}
    return tuple(sorted(stripped - {""})[: signals.MOST_NAMES])


def _save(request: HttpRequest, ask: Ask, name: str) -> HttpResponse:
    if not may(request.user, "conversations.define"):
        raise PermissionDenied
    assistant = _assistant(ask)
    label = Signal.Name(name).label
    if "guess" in request.POST:
        if signals.undefine(assistant, name):
            record(request, "signal.undefine", f"{assistant.name}: {name}")
        messages.success(request, _("“%(signal)s” is guessed again.") % {"signal": label})
    else:
        wanted = _tried(request.POST)
        by = request.user if isinstance(request.user, User) else None
        if signals.define(assistant, name, wanted, by):
            details = {part: list(getattr(wanted, part)) for part in PARTS}
            record(request, "signal.define", f"{assistant.name}: {name}", **details)
        messages.success(
            request, _("“%(signal)s” means this from now on, in all sessions.") % {"signal": label}
        )
    return redirect(reverse("conversations:signals") + ask.parameters())
