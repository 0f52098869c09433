"""The demo: a card on Connect and System status."""

from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from enterprise.audit import record
from enterprise.models import DemoState
from enterprise.pages.guards import needs
from events.demo import load, play


@dataclass(frozen=True, slots=True)
class DemoCard:
    """What the card shows: how much is loaded (percent), or that all of it is there."""

    is_loading: bool
    percent: int


def demo_card() -> DemoCard | None:
    """The card, or None where there is no demo, or no longer."""
    state = load.state()
    if state is None or state.state == DemoState.State.REMOVED:
        return None
    is_loading = state.state == DemoState.State.LOADING
    return DemoCard(is_loading, 100 * state.position // state.total if state.total else 0)


@needs("demo.modify")
@require_GET
def card(request: HttpRequest) -> HttpResponse:
    """The card alone, asked while the demo is being loaded."""
    return render(request, "pages/demo/card.html", {"demo": demo_card()})


@needs("demo.modify")
@require_POST
def play_one(request: HttpRequest) -> HttpResponse:
    """Let an invented customer talk to the demo bot, now."""
    if play.start():
        record(request, "demo.play")
        messages.success(request, _("A customer starts to talk: watch the newest session."))
        return redirect("conversations:session-list")
    messages.error(request, _("One is being played already, or the demo is gone."))
    return _back(request)


@needs("demo.modify")
@require_POST
def remove(request: HttpRequest) -> HttpResponse:
    """Delete the demo for good."""
    count = load.remove()
    record(request, "demo.remove", conversations=count)
    messages.success(
        request,
        ngettext(
            "The demo is gone, with %(n)d conversation.", "The demo is gone, with %(n)d conversations.", count
        )
        % {"n": count},
    )
    return _back(request)


def _back(request: HttpRequest) -> HttpResponse:
    wanted = request.POST.get("back", "")
    is_ours = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, request.is_secure())
    return redirect(wanted if is_ours and wanted.startswith("/") else "status")
