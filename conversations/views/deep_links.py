"""Upstream's address of a turn, `/conversations/<sender id>/<timestamp>`, for any sender id."""

from __future__ import annotations

from urllib.parse import urlencode

from django.db.models import F
from django.db.models.functions import Abs
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_GET

from conversations.identity import MAX_TIMESTAMP, MIN_TIMESTAMP, sender_hash
from conversations.models import Conversation, Event, Session

from .window import key_of, start_of

NEAR = 0.001  # seconds


@require_GET
def conversation_link(request: HttpRequest, rest: str) -> HttpResponse:
    """Redirect to the session, or to the turn nearest to the timestamp. An id may itself end like a timestamp."""
    sender_id, _, last = rest.rpartition("/")
    timestamp = _timestamp(last)
    if timestamp is not None:
        for conversation in _named(request, sender_id):
            if url := _turn(conversation, timestamp):
                return redirect(url)
    for conversation in _named(request, rest):
        if session := _latest(conversation):
            return redirect(reverse("conversations:session-detail", args=[session.pk]))
    if timestamp is not None:
        for conversation in _named(request, sender_id):
            if session := _latest(conversation):
                return redirect(reverse("conversations:session-detail", args=[session.pk]))
    raise Http404(gettext("There is no conversation with this id."))


def _timestamp(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if MIN_TIMESTAMP <= value <= MAX_TIMESTAMP else None


def _named(request: HttpRequest, sender_id: str) -> list[Conversation]:
    """Conversations of this sender, `project`'s (or all, `default` first)."""
    if not Session.objects.visible_to(request.user).query.is_empty():
        found = Conversation.objects.filter(sender_hash=sender_hash(sender_id)).select_related("assistant")
        if project := request.GET.get("project", "").replace("\x00", ""):
            found = found.filter(assistant__name=project)
        return sorted(found, key=lambda one: (one.assistant.name != "default", one.pk))
    return []


def _turn(conversation: Conversation, timestamp: float) -> str:
    near = Event.objects.filter(
        conversation=conversation, timestamp__range=(timestamp - NEAR, timestamp + NEAR)
    ).annotate(distance=Abs(F("timestamp") - timestamp))
    event = near.order_by("distance", "timestamp", "rank", "hash").first()
    if event is None:
        return ""
    sessions = Session.objects.filter(conversation=conversation, start_at__lte=event.timestamp)
    for session in sessions.order_by("-start_at", "-start_rank", "-start_hash")[:3]:
        if start_of(session) <= key_of(event):
            return reverse("conversations:turn-detail", args=[session.pk, event.pk])
    return ""


def _latest(conversation: Conversation) -> Session | None:
    return Session.objects.filter(conversation=conversation).order_by("-start_at").first()


@require_GET
def to_list(request: HttpRequest) -> HttpResponse:
    """`/conversations/`, as upstream called it."""
    asked = {name: value for name, value in request.GET.items() if name in ("q", "assistant")}
    return redirect(reverse("conversations:session-list") + (f"?{urlencode(asked)}" if asked else ""))
