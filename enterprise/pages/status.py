"""System status: roles, sources, rejected messages, schema, cache, versions; and what needs somebody."""

import platform
import time
from dataclasses import dataclass, field
from typing import Any

import django
from django.conf import settings
from django.contrib import messages
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from enterprise.audit import record
from enterprise.health import STALE_SECONDS, cache_state, database_migration
from enterprise.pages.demo import demo_card
from enterprise.pages.guards import needs
from enterprise.templatetags.house import figure
from events import registry
from events.models import RejectedMessage, Source

COUNT_CAP = 1000


@dataclass(frozen=True, slots=True)
class SourceState:
    """A source as the page shows it. `level`: good, warn, bad or idle; lag and ages in seconds."""

    row: Source
    level: str
    word: str
    says: str
    lag: float | None
    facts: list[tuple[str, str]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def source_state(row: Source, *, now: float) -> SourceState:
    """What is to be said of a source. Pure."""
    alive = row.heartbeat_at is not None and now - row.heartbeat_at < STALE_SECONDS
    lag = None
    if row.last_event_at is not None and row.last_received_at is not None:
        lag = max(0.0, row.last_received_at - row.last_event_at)
    if row.state == Source.State.STOPPED:
        level, word, says = "bad", _("Stopped"), row.reason
    elif row.state == Source.State.PAUSED:
        level, word, says = "warn", _("Paused"), row.reason
    elif row.kind == Source.Kind.DEMO:
        level, word, says = "idle", _("Loaded once"), ""
    elif not alive:
        level, word = "bad", _("Not running")
        says = _("No event service reads it: start one with “manage.py consume_events” or the role “events”.")
    elif row.problem or not row.connected:
        level, word, says = "bad", _("Not connected"), row.problem or _("Connecting.")
    else:
        level, word, says = "good", _("Listening"), ""
        if row.facts.get("waiting_for") == "file":
            says = _("The file is not there yet: Rasa makes it with its first event.")
        elif row.facts.get("waiting_for") == "table":
            says = _("The table is not there yet: Rasa makes it when it starts.")
    return SourceState(row, level, word, says, lag, _facts(row.facts), _warnings(row.facts))


def _facts(facts: dict[str, Any]) -> list[tuple[str, str]]:
    names = {
        "server": _("Server"),
        "exchange": _("Exchange"),
        "queue": _("Queue"),
        "queue_depth": _("Waiting in the queue"),
        "prefetch": _("Taken ahead"),
        "top": _("Read up to row"),
        "holes": _("Rows that may still come"),
        "restarts": _("Read again after a clean-up"),
        "bytes_behind": _("Bytes behind"),
        "followed": _("Renamed logs still followed"),
    }
    known = [(label, facts[name]) for name, label in names.items() if facts.get(name) not in (None, "")]
    return [(label, figure(value) if isinstance(value, int) else str(value)) for label, value in known]


def _warnings(facts: dict[str, Any]) -> list[str]:
    found = []
    if facts.get("exchange_made_by_us"):
        found.append(
            _(
                "We made the exchange “%(name)s” ourselves: nobody had declared it. Is it the name in Rasa’s endpoints.yml?"
            )
            % {"name": facts.get("exchange", "")}
        )
    if facts.get("arrives_through"):
        found.append(
            _("Messages arrive through another exchange, “%(name)s”.") % {"name": facts["arrives_through"]}
        )
    others = facts.get("other_consumers")
    if isinstance(others, int) and others > 0:
        found.append(
            ngettext(
                "%(n)d other consumer takes from this queue: a copy of this event service, or somebody who takes events away from it.",
                "%(n)d other consumers take from this queue: copies of this event service, or somebody who takes events away from it.",
                others,
            )
            % {"n": others}
        )
    if facts.get("queue_warning"):
        found.append(str(facts["queue_warning"]))
    return found


def overview(now: float) -> dict[str, Any]:
    """Everything on the page."""
    sources = [source_state(row, now=now) for row in Source.objects.in_use(now)]
    migration = database_migration()
    cache = cache_state()
    open_messages = RejectedMessage.objects.filter(replayed_at=None)[: COUNT_CAP + 1].values("pk")
    n_rejected = len(open_messages)
    live = [state for state in sources if state.row.kind != Source.Kind.DEMO]
    running = [state for state in live if state.level == "good"]
    if not running:
        events = ("bad" if live else "idle", _("Not running") if live else _("No source yet"))
    else:
        events = ("good", _("Running"))
    return {
        "sources": sources,
        "migration": migration,
        "cache": cache,
        "n_rejected": f"{COUNT_CAP:,}+" if n_rejected > COUNT_CAP else str(n_rejected) if n_rejected else "",
        "events_role": events,
        "troubles": _troubles(sources, cache, migration),
        "newest": max((state.row.last_event_at or 0 for state in live), default=0) or None,
        "versions": versions(),
        "now": now,
    }


def _troubles(
    sources: list[SourceState], cache: dict[str, Any], migration: dict[str, Any]
) -> list[tuple[str, str]]:
    """What needs somebody: which thing, and how it is."""
    found = [(state.row.label, state.word) for state in sources if state.level == "bad"]
    if migration["status"] != "completed":
        found.append((_("Schema"), migration.get("message") or _("waits for “manage.py migrate”")))
    if not cache["connected"]:
        found.append((_("Cache"), _("does not answer (setting CACHE_URL)")))
    return found


def versions() -> list[tuple[str, str]]:
    """What runs here."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("SELECT sqlite_version()")
        else:
            cursor.execute("SHOW server_version")
        database = f"{connection.display_name} {cursor.fetchone()[0]}"
    return [
        (_("Enterprise"), settings.VERSION),
        (_("Database"), database),
        (_("Django"), django.get_version()),
        (_("Python"), platform.python_version()),
    ]


@needs("operations.view")
@require_GET
def status(request: HttpRequest) -> HttpResponse:
    """The page, or for htmx its changing part, every five seconds."""
    template = "pages/status/body.html" if getattr(request, "htmx", False) else "pages/status.html"
    return render(request, template, {**overview(time.time()), "demo": demo_card()})


@needs("operations.modify")
@require_POST
def source_resume(request: HttpRequest, pk: int) -> HttpResponse:
    """Let a stopped or paused source run again."""
    source = get_object_or_404(Source, pk=pk)
    if registry.resume(keys=[source.key]):
        record(request, "source.resume", source.label)
        messages.success(request, _("%(source)s runs again.") % {"source": source.label})
    return redirect("status")
