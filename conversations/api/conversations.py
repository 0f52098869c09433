"""`/api/conversations`: upstream's rows, aggregated from sessions, and one conversation's events as published."""

import time
from collections.abc import Iterator
from typing import Any

from django.db.models import Exists, Min, OuterRef, Q, QuerySet, Sum
from django.forms import ValidationError
from django.http import HttpResponse
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from conversations.api import events, shapes
from conversations.api.judged import PARAMETERS, by_people, opinions_of
from conversations.api.scope import assistant_of, conversation_of, filters_of
from conversations.filters import NUMBERS, between, condition, context_of
from conversations.filterset import Moment, SessionFilterSet
from conversations.identity import shown
from conversations.models import Assistant, Conversation, Event, Session, SessionValue
from conversations.pages import gathered
from conversations.query import Range, Term, Text
from enterprise.api import pagination
from enterprise.api.errors import Failure
from enterprise.api.renderers import dumps

PAGE, LARGEST_PAGE = 100, 1_000
FEW = 20_000  # conversations that are sooner gathered and sorted than met one by one in order
Kind = SessionValue.Kind
_LISTS = {Kind.PREDICTED: "intents", Kind.ACTION: "actions", Kind.POLICY: "policies"}


class Conversations(APIView):
    """The conversations of an assistant, newest activity first."""

    category = "conversations.view"

    @extend_schema(
        operation_id="conversations_list",
        parameters=[
            *shapes.FILTERS,
            *PARAMETERS,
            shapes.PROJECT, shapes.LIMIT, shapes.OFFSET,
        ],
        responses={200: shapes.ConversationRow(many=True), **shapes.ERRORS},
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """A filter is true of a conversation when it is true of one of its sessions. `X-Total-Count` is exact."""
        window = pagination.window(request, default=PAGE, maximum=LARGEST_PAGE)
        filters = filters_of(request)
        _no_settings(filters)
        assistant = assistant_of(request)
        if assistant is None:
            return pagination.respond([], request, total=0)
        found = by_people(request, matching(filters, assistant, request.user))
        total = pagination.total(found)
        rows = list(_rows(_page(found, window, total), request.user))
        return pagination.respond(rows, request, total=total)


def _page(
    found: QuerySet[Conversation], window: pagination.Window, total: int
) -> list[tuple[int, str, float | None]]:
    """(id, sender, time of the last event) of the window, newest first. Few matches are gathered, many met in order."""
    size = PAGE if window.limit is None else window.limit
    if total < FEW:
        keys = gathered(found, "activity_at", descending=True, n=size, skip=window.offset)
        ids = [key.id for key in keys]
    else:
        in_order = found.order_by("-activity_at", "-id").values_list("id", flat=True)
        ids = list(in_order[window.offset : window.offset + size])
    known = {
        row[0]: row
        for row in Conversation.objects.filter(pk__in=ids).values_list("id", "sender_id", "last_at")
        if row[2] is not None
    }
    return [known[pk] for pk in ids if pk in known]


def _no_settings(filters: SessionFilterSet) -> None:
    """Raise Failure (400) for a query that says how to list sessions: leaving that out would answer another question."""
    names = [f"{setting.name}:" for setting in filters.parsed.query.settings]
    if names:
        message = _(
            "“%(name)s” is for lists of sessions (/api/sessions); conversations come newest first, all of them."
        ) % {"name": names[0]}
        raise Failure(400, "InvalidQuery", message, {"parameter": "q", "settings": names})


def matching(filters: SessionFilterSet, assistant: Assistant, user: Any) -> QuerySet[Conversation]:
    """Conversations of which each parameter is true: somewhere in them, or of their sum, lowest, or latest activity.

    `user`: who `me` is.
    """
    context = context_of(assistant, time.time(), user)
    found = Conversation.objects.filter(assistant=assistant, n_events__gt=0)
    sessions = Session.objects.filter(conversation=OuterRef("pk"))
    for item in filters.parsed.query.items:
        field = item.field if isinstance(item, Term | Text) else ""
        if field == "date":
            # The conversation's column has the name of the session's.
            found = found.filter(condition(item, context))
        elif isinstance(item, Term) and field in NUMBERS:
            numbers = Session.objects.filter(assistant=assistant).order_by().values("conversation")
            numbers = numbers.annotate(number=(Sum if field == "turns" else Min)(NUMBERS[field]))
            inside = Q()
            for value in item.values:
                inside |= between("number", value) if isinstance(value, Range) else Q()
            among = Q(pk__in=numbers.filter(inside).values("conversation"))
            found = found.filter(~among if item.negated else among)
        else:
            found = found.filter(Exists(sessions.filter(condition(item, context))))
    return found


def _rows(page: list[tuple[int, str, float | None]], user: Any) -> Iterator[dict[str, Any]]:
    """Rows for conversations given as (id, sender, time of the last event), in nine queries however many they are."""
    ids = [pk for pk, _, _ in page]
    sums: dict[int, dict[str, Any]] = {}
    channels: dict[int, tuple[float, str]] = {}
    columns = ("conversation_id", "channel_at", "channel", "n_user_messages", *_CONFIDENCES)
    for row in Session.objects.filter(conversation__in=ids).values(*columns):
        pk = row["conversation_id"]
        known = sums.setdefault(pk, {"n_user_messages": 0})
        known["n_user_messages"] += row["n_user_messages"]
        for column, (name, extreme) in _CONFIDENCES.items():
            known[name] = extreme((n for n in (known.get(name), row[column]) if n is not None), default=None)
        if row["channel_at"] is not None:
            channels[pk] = max(channels.get(pk, (0.0, "")), (row["channel_at"], row["channel"]))
    values = SessionValue.objects.filter(session__conversation__in=ids, kind__in=_LISTS)
    lists: dict[tuple[int, str], list[str]] = {}
    for pk, kind, value in (
        values.values_list("session__conversation_id", "kind", "value").distinct().order_by("value")
    ):
        lists.setdefault((pk, _LISTS[Kind(kind)]), []).append(value)
    judged = opinions_of(ids, user)
    for pk, sender_id, last_at in page:
        yield {
            "sender_id": sender_id,
            "sender_name": sender_id,
            "latest_event_time": last_at,
            "latest_input_channel": channels[pk][1] if pk in channels else None,
            **{name: lists.get((pk, name), []) for name in _LISTS.values()},
            **dict.fromkeys((name for name, _ in _CONFIDENCES.values()), None),
            "in_training_data": None,
            "n_user_messages": 0,
            **sums.get(pk, {}),
            **judged[pk],
            "interactive": False,
            "created_by": None,
        }


_CONFIDENCES: dict[str, tuple[str, Any]] = {
    "min_action_confidence": ("minimum_action_confidence", min),
    "max_action_confidence": ("maximum_action_confidence", max),
    "min_intent_confidence": ("minimum_intent_confidence", min),
    "max_intent_confidence": ("maximum_intent_confidence", max),
}


class ConversationDetail(APIView):
    """One conversation."""

    category = "conversations.view"

    @extend_schema(
        operation_id="conversations_retrieve",
        parameters=[
            OpenApiParameter("since", str, description="Events from this time on: Unix seconds or ISO-8601"),
            OpenApiParameter("until", str, description="Events up to this time: Unix seconds or ISO-8601"),
            OpenApiParameter("history", bool, description="false: only what came after the last restart"),
            OpenApiParameter("environment", str, description="Events of this environment"),
            shapes.PROJECT,
        ],
        responses={200: shapes.Conversation, **shapes.ERRORS},
    )
    def get(self, request: Request, sender_id: str) -> HttpResponse:
        """Its events as they were published, in their order, each with `is_flagged`."""
        conversation = conversation_of(request, sender_id)
        if not conversation.n_events:
            message = _("Nothing has been said in “%(id)s” yet.") % {"id": sender_id}
            raise Failure(404, "UnknownConversation", message)
        found = _part(request, Event.objects.filter(conversation=conversation))
        before = b'{"sender_id":' + dumps(conversation.sender_id) + b',"events":['
        return events.answer(events.published(found, events.flagged(conversation.pk)), before, b"]}")


def _part(request: Request, found: QuerySet[Event]) -> QuerySet[Event]:
    """The events that are asked for, in order. Raises Failure (400)."""
    if request.GET.get("history", "").lower() in ("false", "0", "no"):
        restart = found.filter(type="restart").order_by("timestamp", "rank", "hash").last()
        if restart is not None:
            key = (restart.timestamp, restart.rank, bytes(restart.hash))
            found = Event.objects.filter(conversation_id=restart.conversation_id).after(key)
    if environment := request.GET.get("environment"):
        found = found.filter(environment=shown(environment))
    for name, lookup in (("since", "timestamp__gte"), ("until", "timestamp__lte")):
        if text := request.GET.get(name):
            found = found.filter(**{lookup: _moment(name, text)})
    return found.order_by("timestamp", "rank", "hash")


def _moment(name: str, text: str) -> Any:
    try:
        return Moment().clean(text)
    except ValidationError as error:
        raise Failure(
            400, "InvalidParameter", error.messages[0], {"parameter": name, "value": text}
        ) from error
