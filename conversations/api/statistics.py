"""`/api/statistics`: upstream's totals, and the names that most sessions have; and the values of a slot."""

from typing import Any

from django.core.cache import cache
from django.db.models import Count, Sum
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from conversations.api import shapes
from conversations.api.scope import assistant_of
from conversations.identity import shown
from conversations.models import Assistant, Session, SessionValue
from conversations.summary import VALUE_LIMIT, value_key
from enterprise.api.errors import Failure

Kind = SessionValue.Kind
TOP = 10
NEWEST = 2_000  # sessions in which the values of a slot are looked for
SECONDS = 60  # that totals are believed: they read every session
TOPS = {
    "top_intents": Kind.PREDICTED,
    "top_actions": Kind.ACTION,
    "top_entities": Kind.ENTITY,
    "top_policies": Kind.POLICY,
}


class Statistics(APIView):
    """Totals of an assistant."""

    category = "conversations.view"

    @extend_schema(
        operation_id="statistics_retrieve",
        parameters=[shapes.PROJECT],
        responses={200: shapes.Statistics, **shapes.ERRORS},
    )
    def get(self, request: Request) -> Response:
        """Messages of users and bots, and what occurs in most sessions, most frequent first; at most a minute old."""
        assistant = assistant_of(request)
        if assistant is None:
            return Response({"user_messages": 0, "bot_messages": 0, **{name: [] for name in TOPS}})
        key = f"statistics:{assistant.pk}"
        known: dict[str, Any] | None = cache.get(key)
        if known is None:
            known = _statistics(assistant)
            cache.set(key, known, SECONDS)
        return Response(known)


def _statistics(assistant: Assistant) -> dict[str, Any]:
    totals = Session.objects.filter(assistant=assistant).aggregate(
        user_messages=Sum("n_user_messages", default=0), bot_messages=Sum("n_bot_messages", default=0)
    )
    rows = SessionValue.objects.filter(assistant=assistant)
    for name, kind in TOPS.items():
        found = rows.filter(kind=kind).values("value").annotate(n=Count("*")).order_by("-n", "value")
        totals[name] = [row["value"] for row in found[:TOP]]
    return totals


class SlotValues(APIView):
    """The values of one slot."""

    category = "conversations.view"

    @extend_schema(
        operation_id="conversations_slot_values",
        parameters=[
            OpenApiParameter("slot", str, required=True, description="The slot's name"),
            shapes.PROJECT,
        ],
        responses={200: {"type": "array", "items": {"type": "string"}}, **shapes.ERRORS},
    )
    def get(self, request: Request) -> Response:
        """What it was set to in the newest sessions that have it, sorted; other values than texts as JSON, and none
        that is longer than a filter takes."""
        slot = shown(request.GET.get("slot", ""))
        if not slot:
            raise Failure(400, "InvalidParameter", _("Say which slot."), {"parameter": "slot"})
        assistant = assistant_of(request)
        if assistant is None:
            return Response([])
        rows = SessionValue.objects.filter(assistant=assistant)
        newest = rows.filter(kind=Kind.SLOT, value=value_key(slot)).order_by("-period", "-session")
        before = f"{slot}="
        found = SessionValue.objects.filter(
            session__in=list(newest.values_list("session_id", flat=True)[:NEWEST]),
            kind=Kind.SLOT_VALUE,
            value__startswith=before,
        )
        names = found.order_by().values_list("value", flat=True).distinct()
        # The longest are cut, and end in a hash: no value of anything.
        return Response(sorted(name.removeprefix(before) for name in names if len(name) < VALUE_LIMIT))
