"""`/api/sessions`: our own unit, by the query language, in pages by cursor."""

from collections.abc import Sequence
from typing import Any

from django.db.models import F
from django.http import HttpResponse
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from conversations import signals
from conversations.api import events, shapes
from conversations.api.scope import assistant_of, filters_of
from conversations.models import Event, Session, SessionValue
from conversations.pages import BadCursor, countable, key_page
from enterprise.api import pagination
from enterprise.api.errors import Failure

PAGE, LARGEST_PAGE = 50, 500
EVENTS_PAGE, LARGEST_EVENTS_PAGE = 500, 5_000
Kind = SessionValue.Kind
_COLUMNS = {
    "sender_id": F("conversation__sender_id"),
    "started_at": F("start_at"),
    "latest_event_time": F("last_at"),
    "minimum_intent_confidence": F("min_intent_confidence"),
    "maximum_intent_confidence": F("max_intent_confidence"),
    "minimum_action_confidence": F("min_action_confidence"),
    "maximum_action_confidence": F("max_action_confidence"),
    "latest_input_channel": F("channel"),
    "model": F("model_id"),
}
_SAME_NAMES = (
    "id", "activity_at", "n_events", "n_user_messages", "n_bot_messages", "n_fallbacks", "n_reverts", "environment",
    "opening_text", "trouble_text",
)  # fmt: skip
_LISTS = {
    Kind.INTENT: "intents",
    Kind.ACTION: "actions",
    Kind.ENTITY: "entities",
    Kind.SLOT: "slots",
    Kind.POLICY: "policies",
    Kind.CHANNEL: "input_channels",
    Kind.ENVIRONMENT: "environments",
    Kind.MODEL: "models",
    Kind.IS: "signals",
}


def _rows(ids: Sequence[int]) -> list[dict[str, Any]]:
    found = Session.objects.filter(pk__in=ids).values(*_SAME_NAMES, **_COLUMNS)
    by_id = {row["id"]: row for row in found}
    return [by_id[pk] for pk in ids if pk in by_id]


class Sessions(APIView):
    """The sessions of an assistant."""

    category = "conversations.view"

    @extend_schema(
        operation_id="sessions_list",
        parameters=[*shapes.FILTERS, shapes.PROJECT, shapes.LIMIT, shapes.CURSOR],
        responses={200: shapes.SessionRow(many=True), **shapes.ERRORS},
    )
    def get(self, request: Request) -> Response:
        """Newest activity first, or as `sort:` in `q` says. `Link` headers lead to the next and the previous page;
        the first page has `X-Total-Count`."""
        size = pagination.window(request, default=PAGE, maximum=LARGEST_PAGE).limit
        filters = filters_of(request)
        assistant = assistant_of(request)
        if assistant is None:
            return pagination.respond([], request, total=0)
        found = filters.matching(Session.objects.visible_to(request.user), assistant, request.user)
        cursor = request.GET.get("cursor")
        try:
            page = key_page(found, filters.parsed.query, cursor=cursor, size=PAGE if size is None else size)
        except BadCursor as error:
            raise Failure(400, "InvalidCursor", str(error), {"parameter": "cursor"}) from error
        return pagination.respond(
            _rows(page.rows),
            request,
            total=None if cursor else pagination.total(countable(found)),
            next_cursor=page.next_cursor,
            previous_cursor=page.previous_cursor,
        )


def visible_session(request: Request, pk: int) -> Session:
    """The session, if this person may see it. Raises Failure (404)."""
    visible = Session.objects.visible_to(request.user)
    found: Session | None = visible.select_related("assistant").filter(pk=pk).first() if pk < 2**63 else None
    if found is None:
        raise Failure(404, "UnknownSession", _("There is no session %(id)d.") % {"id": pk})
    return found


class SessionDetail(APIView):
    """One session."""

    category = "conversations.view"

    @extend_schema(operation_id="sessions_retrieve", responses={200: shapes.Session, **shapes.ERRORS})
    def get(self, request: Request, pk: int) -> Response:
        """Its row, and what occurs in it."""
        session = visible_session(request, pk)
        lists: dict[str, list[str]] = {name: [] for name in _LISTS.values()}
        values = SessionValue.objects.filter(session=session, kind__in=_LISTS).order_by("kind", "value")
        for kind, value in values.values_list("kind", "value"):
            lists[_LISTS[Kind(kind)]].append(value)
        # What the team named, in place of what the machine calls a fallback.
        shown = signals.of_sessions([session], signals.definitions(session.assistant)).get(session.pk, ())
        lists["signals"] = sorted({*shown, *(value for value in lists["signals"] if value != "fallback")})
        return Response({**_rows([session.pk])[0], "project": session.assistant.name, **lists})


class SessionEvents(APIView):
    """The events of one session."""

    category = "conversations.view"

    @extend_schema(
        operation_id="sessions_events",
        parameters=[shapes.LIMIT, shapes.OFFSET],
        responses={200: shapes.PublishedEvent(many=True), **shapes.ERRORS},
    )
    def get(self, request: Request, pk: int) -> HttpResponse:
        """As they were published, in their order, each with `is_flagged`. `X-Total-Count` says how many there are."""
        window = pagination.window(request, default=EVENTS_PAGE, maximum=LARGEST_EVENTS_PAGE)
        session = visible_session(request, pk)
        found = Event.objects.of_session(session).in_order()
        answer = events.answer(events.published(window.of(found), events.flagged(session.conversation_id)))
        answer["X-Total-Count"] = str(session.n_events)
        return answer
