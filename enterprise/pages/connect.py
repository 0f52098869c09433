"""Connect: how a Rasa server sends its events here, and whether they arrive."""

import time
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from enterprise.pages.demo import demo_card
from enterprise.pages.guards import needs
from enterprise.pages.recipes import Recipe, recipes
from events.models import Source
from events.service import default_urls

SILENCE = 60.0  # seconds after which the usual causes are named
ALIVE = 30.0  # seconds: an event service that runs says so more often


@dataclass(frozen=True, slots=True)
class Listening:
    """What the live line says. `state`: missing, away, problem, stopped, waiting, quiet (silent too long), arrived."""

    state: str
    source: Source | None = None
    arrived_at: float | None = None
    is_first: bool = False


def listening(recipe: Recipe, *, opened: float, now: float) -> Listening:
    """How the source of this recipe is doing, for a page that was opened at `opened` (Unix seconds)."""
    if recipe.address is None:
        return Listening("missing")
    source = Source.objects.filter(key=recipe.address.key).first()
    if source is None or source.heartbeat_at is None or source.heartbeat_at < now - ALIVE:
        return Listening("away", source)
    if source.state != Source.State.RUNNING:
        return Listening("stopped", source)
    if source.problem or not source.connected:
        return Listening("problem", source)
    arrived = source.last_received_at
    if arrived is not None:
        # Arrived before the page was opened: it works, and is no news.
        return Listening("arrived", source, arrived, is_first=arrived >= opened)
    return Listening("quiet" if now - opened > SILENCE else "waiting", source)


def panel(kind: str, opened: float | None = None) -> dict[str, Any]:
    """What the partial `pages/connect/panel.html` shows: the three recipes, and the live line of the chosen one."""
    now = time.time()
    opened = min(opened or now, now)
    known = recipes(default_urls(), embedded=settings.EMBEDDED_EVENTS_DB, folder=settings.DATA_DIR)
    chosen = next((recipe for recipe in known if recipe.kind == kind), known[0])
    return {
        "recipes": known,
        "recipe": chosen,
        "live": listening(chosen, opened=opened, now=now),
        "opened": str(int(opened)),  # rounded down: what arrives in this very second is news
    }


def _opened(request: HttpRequest) -> float | None:
    text = request.GET.get("opened", "")
    return float(text) if text.isdecimal() and len(text) < 12 else None


@needs("operations.view")
@require_GET
def connect(request: HttpRequest) -> HttpResponse:
    """The page. `?via=rabbitmq` chooses the tab."""
    context = {**panel(request.GET.get("via", ""), _opened(request)), "demo": demo_card()}
    return render(request, "pages/connect.html", context)


@needs("operations.view")
@require_GET
def connect_panel(request: HttpRequest) -> HttpResponse:
    """Tabs, text and live line alone: for the page, and for a sessions list that has nothing to show yet."""
    return render(request, "pages/connect/panel.html", panel(request.GET.get("via", ""), _opened(request)))


@needs("operations.view")
@require_GET
def connect_live(request: HttpRequest) -> HttpResponse:
    """The live line alone, asked every other second."""
    return render(request, "pages/connect/live.html", panel(request.GET.get("via", ""), _opened(request)))
