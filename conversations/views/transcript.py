"""Parts of an open transcript: pages of turns, what is new, the strip, one turn's facts, one event to the letter."""

from __future__ import annotations

from typing import Any

from django.db.models import Max, Min, Q
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from conversations.identity import Key
from conversations.models import Event, Session
from conversations.transcript import turns, values
from conversations.transcript.story import story

from . import window as windows
from .asking import Ask
from .opened import Place, turn_of, turns_of
from .opening import look, matcher_of, noted
from .opinions import badges, claims, said_of, stamp_of
from .sessions import event_of, session_detail, visible_session
from .window import BadKey, key_of, read_key, start_of, turn_start

MAX_EVENT = 2_000_000  # characters of an event that its page shows
MAX_STORY = 2_000  # events of a story


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
        return HttpResponseBadRequest(_("This is not a place in a conversation."))
    found = turns_of(window, noted(look(session, matcher_of(ask)), ask))
    context = {
        "ask": ask,
        "session": session,
        "window": window,
        "turns": found,
        "badges": badges(said_of([session], request.user)[pk], found),
        "place": None if before or after else Place(session),
        "with_older": not after,
        "with_newer": bool(after),
    }
    return render(request, "conversations/_events.html", context)


@require_GET
def transcript_poll(request: HttpRequest, pk: int) -> HttpResponse:
    """The changed part of an open transcript, whole turns, and how it is judged; 204 when nothing of it changed.

    `revision`, `stamp`, `open`: what happened, what was said and who had it open when the page looked. `seen`: the
    highest arrival number on the page. `first`, `last`: keys of the events at its ends; without `last` the page reaches
    to the session's end.
    """
    session = visible_session(request, pk)
    ask = Ask(request, session)
    asked = request.GET
    is_same = str(session.revision) == asked.get("revision", "")
    stamp = stamp_of(session)
    names = ",".join(name for _pk, name in claims([pk], request.user)) or "-"
    if is_same and stamp == asked.get("stamp", stamp) and names == asked.get("open", names):
        return HttpResponse(status=204)
    try:
        first = read_key(asked.get("first", ""))
        last = read_key(asked["last"]) if asked.get("last") else None
    except BadKey:
        return HttpResponseBadRequest(_("This is not a place in a conversation."))
    seen = asked.get("seen", "")
    known = int(seen) if seen.isdecimal() and len(seen) < 19 else 0
    newest = Event.objects.of_session(session).aggregate(newest=Max("id"))["newest"]
    context: dict[str, Any] = {
        "ask": ask,
        "session": session,
        "said": said_of([session], request.user)[pk],
        "turns": [],
        "seen": newest or 0,
        "window": None,
        # Events that left (a late boundary has split the session), or too many that came: load the page anew.
        "is_other": (newest or 0) < known,
    }
    changed = None if is_same else _changed_from(session, known)
    start = None
    if changed is not None and (last is None or changed <= last):
        start = max(turn_start(session, changed), first)
    if stamp != asked.get("stamp", stamp):
        start = first  # what was said may be of any turn
    if start is not None:
        window = windows.between(session, start, last)
        found = turns_of(window, noted(look(session, matcher_of(ask)), ask))
        context |= {
            "window": window,
            "turns": found,
            "badges": badges(said_of([session], request.user)[pk], found),
            "to_end": last is None,
        }
        context["is_other"] |= window.has_newer and changed is not None
        context["to_end"] &= not window.has_newer
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
    # Hits are drawn over trouble.
    found = sorted(look(session, matcher_of(ask)).marks(), key=lambda mark: mark[1] == "hit")
    height = min(1.2, max(0.25, 40 / (len(found) or 1)))
    shown = [
        {
            "id": fact.id,
            "kind": kind,
            "at": fact.key[0],
            "y": round((100 - height) * (fact.key[0] - session.start_at) / length, 2),
        }
        for fact, kind in found
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
    said = said_of([session], request.user)[pk]
    panel = turn_of(session, event_of(session, event_id), ask.wanted, said)
    return render(request, "conversations/_side.html", {"ask": ask, "session": session, "panel": panel})


@require_GET
def story_of(request: HttpRequest, pk: int, event_id: int) -> HttpResponse:
    """The session as a Rasa story up to the turn of an event, for the side."""
    session = visible_session(request, pk)
    event = event_of(session, event_id)
    of_turn = [turn for turn in turns(windows.turn_events(session, event)) if turn.first_key <= key_of(event)]
    last = max(key_of(event), *(turn.last_key for turn in of_turn))
    upto = Event.objects.of_session(session).between(start_of(session), last).in_order().reverse()
    found = list(upto[: MAX_STORY + 1])
    text = story(found[:MAX_STORY][::-1], session.conversation.sender_id)
    context = {"story": text, "is_cut": len(found) > MAX_STORY}
    return render(request, "conversations/_story.html", context)


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
