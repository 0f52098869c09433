"""Parts of an open transcript: pages of turns, what is new, the strip, one turn's facts, one event to the letter."""

from __future__ import annotations

from typing import Any

from django.db.models import Max, Min, Q
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import render
from django.views.decorators.http import require_GET

from conversations.identity import Key
from conversations.models import Event, Session
from conversations.transcript import values

from . import window as windows
from .asking import Ask
from .opened import Place, turn_of, turns_of
from .opening import marks
from .sessions import event_of, session_detail, visible_session
from .window import BadKey, key_of, read_key, turn_start

MAX_EVENT = 2_000_000  # characters of an event that its page shows


@require_GET
def events(request: HttpRequest, pk: int) -> HttpResponse:
    """A page of turns `before` or `after` a key; without either, the session's last page, to unfold above another."""
    session = visible_session(request, pk)
    ask = Ask(request, session)
    before, after = request.GET.get("before"), request.GET.get("after")
    try:
        if before:
            window = windows.older_than(session, read_key(before))
        elif after:
            window = windows.newer_than(session, read_key(after))
        else:
            window = windows.last_of(session)
    except BadKey:
        return HttpResponseBadRequest("not a place in a conversation")
    context = {
        "ask": ask,
        "session": session,
        "window": window,
        "turns": turns_of(window, ask.wanted),
        "place": None if before or after else Place(session),
        "with_older": not after,
        "with_newer": bool(after),
    }
    return render(request, "conversations/_events.html", context)


@require_GET
def transcript_poll(request: HttpRequest, pk: int) -> HttpResponse:
    """The changed part of an open transcript, whole turns; 204 when its revision is still `revision`.

    `seen`: the highest arrival number on the page. `first`, `last`: keys of the events at its ends; without `last` the
    page reaches to the session's end.
    """
    session = visible_session(request, pk)
    revision, seen = request.GET.get("revision", ""), request.GET.get("seen", "")
    if str(session.revision) == revision:
        return HttpResponse(status=204)
    try:
        first = read_key(request.GET.get("first", ""))
        last = read_key(request.GET["last"]) if request.GET.get("last") else None
    except BadKey:
        return HttpResponseBadRequest("not a place in a conversation")
    ask = Ask(request, session)
    known = int(seen) if seen.isdecimal() and len(seen) < 19 else 0
    changed = _changed_from(session, known)
    newest = Event.objects.of_session(session).aggregate(newest=Max("id"))["newest"]
    context: dict[str, Any] = {
        "ask": ask,
        "session": session,
        "turns": [],
        "seen": newest or 0,
        "window": None,
        # Events that left (a late boundary has split the session), or too many that came: load the page anew.
        "is_other": (newest or 0) < known,
    }
    if changed is not None and (last is None or changed <= last):
        start = max(turn_start(session, changed), first)
        window = windows.between(session, start, last)
        context |= {"window": window, "turns": turns_of(window, ask.wanted), "to_end": last is None}
        context["is_other"] |= window.has_newer
    return render(request, "conversations/_transcript_poll.html", context)


def _changed_from(session: Session, seen: int) -> Key | None:
    """The first place that changed since arrival number `seen`: a new event, or one that a new event took back."""
    of_session = Event.objects.of_session(session)
    arrived = of_session.filter(id__gt=seen)
    reverts = arrived.filter(type__in=["rewind", "undo"]).values("timestamp")
    found = of_session.filter(Q(id__gt=seen) | Q(reverted_at__in=reverts)).aggregate(at=Min("timestamp"))
    if found["at"] is None:
        return None
    event = of_session.filter(timestamp=found["at"]).in_order().first()
    return key_of(event) if event else None


@require_GET
def strip(request: HttpRequest, pk: int) -> HttpResponse:
    """Where hits and trouble stand in the whole session: a thin map of links beside the transcript."""
    session = visible_session(request, pk)
    ask = Ask(request, session)
    length = max(session.last_at - session.start_at, 0.001)
    found = sorted(
        marks(session, ask.wanted), key=lambda mark: mark[1] == "hit"
    )  # hits are drawn over trouble
    height = min(1.2, max(0.25, 40 / (len(found) or 1)))
    shown = [
        {
            "id": event.pk,
            "kind": kind,
            "at": event.timestamp,
            "y": round((100 - height) * (event.timestamp - session.start_at) / length, 2),
        }
        for event, kind in found
    ]
    return render(
        request,
        "conversations/_strip.html",
        {"ask": ask, "session": session, "marks": shown, "height": round(height, 2)},
    )


@require_GET
def turn_detail(request: HttpRequest, pk: int, event_id: int) -> HttpResponse:
    """The facts of a turn for the side panel; without the page's script, the whole page at that turn."""
    if request.headers.get("HX-Target") != "side":
        return session_detail(request, pk, event_id)
    session = visible_session(request, pk)
    ask = Ask(request, session)
    panel = turn_of(session, event_of(session, event_id), ask.wanted)
    return render(request, "conversations/_side.html", {"ask": ask, "session": session, "panel": panel})


@require_GET
def event_detail(request: HttpRequest, pk: int, event_id: int) -> HttpResponse:
    """One event as it was published: indented, and with `raw` to the letter as a text file."""
    session = visible_session(request, pk)
    event = event_of(session, event_id)
    if "raw" in request.GET:
        name = f"event-{event.pk}.json"
        headers = {
            "Content-Disposition": f'attachment; filename="{name}"',
            "X-Content-Type-Options": "nosniff",
        }
        return HttpResponse(event.body, content_type="application/json; charset=utf-8", headers=headers)
    body = values.body(event.body)
    text, is_cut = values.pretty(body, MAX_EVENT) if body else (values.text(event.body, MAX_EVENT), False)
    said = body.get("text") if isinstance(body.get("text"), str) else ""
    context = {
        "ask": Ask(request, session),
        "session": session,
        "event": event,
        "said": values.text(said, MAX_EVENT),
        "text": text,
        "is_cut": is_cut,
    }
    return render(request, "conversations/event.html", context)
