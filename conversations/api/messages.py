"""Upstream's calls on one conversation: its review status, its messages, their flags and corrected intents."""

from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers as s
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from conversations.api import events, shapes
from conversations.api.judged import REVIEW_STATES
from conversations.api.scope import conversation_of
from conversations.identity import NotAnEvent, parse
from conversations.models import Conversation, Correction, Event, Session
from conversations.opinions import marking, reviewing
from conversations.opinions.deeds import Refused
from conversations.opinions.placing import session_at
from enterprise.api import pagination
from enterprise.api.errors import Failure

PAGE, LARGEST_PAGE = 500, 5_000
NEAR = 0.001  # seconds: scripts print timestamps with fewer decimals than Rasa
TIMESTAMP = OpenApiParameter(
    "timestamp", float, OpenApiParameter.PATH, description="Of the message, Unix seconds"
)


class NewStatus(s.Serializer):
    """What to make of a conversation."""

    review_status = s.ChoiceField(REVIEW_STATES)


class NewIntent(s.Serializer):
    """The intent that a message should have had."""

    intent = s.CharField(max_length=500)


class Intent(s.Serializer):
    """What the assistant understood."""

    name = s.CharField()
    confidence = s.FloatField(allow_null=True)


class Message(s.Serializer):
    """Something that a user or the bot said."""

    type = s.ChoiceField(["user", "bot"])
    timestamp = s.FloatField()
    text = s.CharField()
    data = s.DictField(  # type: ignore[assignment]
        allow_null=True, help_text="What a bot sent beside the text: buttons, images, …"
    )
    intent = Intent(allow_null=True)
    corrected_intent = s.CharField(allow_null=True)
    is_flagged = s.BooleanField()


def only(data: Any, name: str) -> Any:
    """One value of a body. Raises Failure (400)."""
    if not isinstance(data, dict) or name not in data:
        raise Failure(400, "InvalidBody", _("Send an object with “%(name)s”.") % {"name": name})
    return data[name]


class ReviewStatus(APIView):
    """Whether a conversation was looked at."""

    category = "conversations.judge"

    @extend_schema(
        operation_id="conversations_review_status",
        parameters=[shapes.PROJECT],
        request=NewStatus,
        responses={204: None, **shapes.ERRORS},
    )
    def put(self, request: Request, sender_id: str) -> Response:
        """`reviewed` reviews all its sessions as far as they go now, `unread` takes the reviews of all back,
        `saved_for_later` keeps the newest session for the caller."""
        conversation = conversation_of(request, sender_id)
        status = only(request.data, "review_status")
        if status not in REVIEW_STATES:
            message = _("A review status is unread, reviewed or saved_for_later.")
            raise Failure(400, "InvalidReviewStatus", message)
        sessions = Session.objects.visible_to(request.user).filter(conversation=conversation)
        ids = list(sessions.order_by("start_at", "start_rank", "pk").values_list("pk", flat=True))
        if not ids:
            raise Failure(404, "UnknownConversation", _("Nothing has been said in it yet."))
        with transaction.atomic():
            reviewing.mark_all(request, ids, status)
        return Response(status=204)


class Messages(APIView):
    """What was said in a conversation."""

    category = "conversations.view"

    @extend_schema(
        operation_id="conversation_messages",
        parameters=[shapes.PROJECT, shapes.LIMIT, shapes.OFFSET],
        responses={200: Message(many=True), **shapes.ERRORS},
    )
    def get(self, request: Request, sender_id: str) -> Response:
        """The messages of user and bot in their order. `X-Total-Count` says how many there are."""
        conversation = conversation_of(request, sender_id)
        window = pagination.window(request, default=PAGE, maximum=LARGEST_PAGE)
        found = Event.objects.filter(conversation=conversation, type__in=["user", "bot"]).in_order()
        flags = events.flagged(conversation.pk)
        given = Correction.objects.standing().filter(conversation=conversation)
        corrected = {
            (at, bytes(digest)): intent
            for at, digest, intent in given.values_list("anchor_at", "anchor_hash", "intent")
        }
        rows = [
            _message(
                event,
                (event.timestamp, bytes(event.hash)) in flags,
                corrected.get((event.timestamp, bytes(event.hash))),
            )
            for event in window.of(found)
        ]
        return pagination.respond(rows, request, total=pagination.total(found))


def _message(event: Event, is_flagged: bool, corrected: str | None) -> dict[str, Any]:
    body: Any
    try:
        body = parse(event.body)
    except NotAnEvent:
        body = {}
    is_user = event.type == "user"
    text, data = body.get("text"), body.get("data")
    return {
        "type": event.type,
        "timestamp": event.timestamp,
        "text": text if isinstance(text, str) else event.text,
        "data": data if isinstance(data, dict) and not is_user else None,
        "intent": {"name": event.predicted or event.name, "confidence": event.confidence}
        if is_user
        else None,
        "corrected_intent": corrected,
        "is_flagged": is_flagged,
    }


def message_at(conversation: Conversation, timestamp: str, *, types: tuple[str, ...] = ()) -> tuple[int, int]:
    """(session id, event id) of the message at a timestamp: the user's before the bot's. Raises Failure (404)."""
    found: list[Event] = []
    try:
        at = float(timestamp)
    except ValueError:
        at = -1.0
    if 0 <= at < 1e12:
        near = Event.objects.filter(conversation=conversation, timestamp__range=(at - NEAR, at + NEAR))
        found = list(near.filter(type__in=types) if types else near)
    if not found:
        raise Failure(404, "UnknownMessage", _("There is no message at %(time)s.") % {"time": timestamp[:40]})
    event = min(
        found, key=lambda one: (one.type not in ("user", "bot"), one.type != "user", abs(one.timestamp - at))
    )
    session = session_at(conversation.pk, (event.timestamp, event.rank, bytes(event.hash)))
    if session is None:
        raise Failure(404, "UnknownMessage", _("There is no message at %(time)s.") % {"time": timestamp[:40]})
    return session.pk, event.pk


class MessageFlag(APIView):
    """The flag of a message."""

    category = "conversations.judge"

    @extend_schema(
        operation_id="message_flag",
        parameters=[TIMESTAMP, shapes.PROJECT],
        request=None,
        responses={204: None, **shapes.ERRORS},
    )
    def put(self, request: Request, sender_id: str, timestamp: str) -> Response:
        """Flag it."""
        return self._set(request, sender_id, timestamp, on=True)

    @extend_schema(
        operation_id="message_unflag",
        parameters=[TIMESTAMP, shapes.PROJECT],
        responses={204: None, **shapes.ERRORS},
    )
    def delete(self, request: Request, sender_id: str, timestamp: str) -> Response:
        """Take the flag off."""
        return self._set(request, sender_id, timestamp, on=False)

    def _set(self, request: Request, sender_id: str, timestamp: str, *, on: bool) -> Response:
        session, event = message_at(conversation_of(request, sender_id), timestamp)
        marking.flag(request, session, event, on=on)
        return Response(status=204)


class MessageIntent(APIView):
    """The intent of a user message as a person says."""

    category = "conversations.judge"

    @extend_schema(
        operation_id="message_correct",
        parameters=[TIMESTAMP, shapes.PROJECT],
        request=NewIntent,
        responses={204: None, **shapes.ERRORS},
    )
    def put(self, request: Request, sender_id: str, timestamp: str) -> Response:
        """Correct it."""
        session, event = message_at(conversation_of(request, sender_id), timestamp, types=("user",))
        intent = only(request.data, "intent")
        if isinstance(intent, dict):  # as in an event's parse_data
            intent = only(intent, "name")
        try:
            marking.correct(request, session, event, intent if isinstance(intent, str) else "")
        except Refused as refusal:
            raise Failure(400, "InvalidIntent", str(refusal)) from refusal
        return Response(status=204)

    @extend_schema(
        operation_id="message_uncorrect",
        parameters=[TIMESTAMP, shapes.PROJECT],
        responses={204: None, **shapes.ERRORS},
    )
    def delete(self, request: Request, sender_id: str, timestamp: str) -> Response:
        """Take the correction back."""
        session, event = message_at(conversation_of(request, sender_id), timestamp, types=("user",))
        marking.uncorrect(request, session, event)
        return Response(status=204)
