"""`/api/sessions/{id}/corrections`: what messages should have been understood as."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers as s
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from conversations.api import shapes
from conversations.api.said import JUDGE, Resource, Said, body, judged, text, whole
from conversations.models import Correction, Event
from conversations.opinions import marking


class Entity(s.Serializer):
    """A part of a message. Places are code points."""

    start = s.IntegerField(min_value=0)
    end = s.IntegerField(min_value=1)
    entity = s.CharField()
    value = s.CharField(required=False)
    role = s.CharField(required=False)
    group = s.CharField(required=False)


class CorrectionRow(Said):
    """What a user message should have been understood as."""

    message_timestamp = s.FloatField()
    intent = s.CharField()
    was = s.CharField()
    entities = Entity(many=True, allow_null=True)


class NewCorrection(s.Serializer):
    """A message's intent, and its entities where they were wrong too."""

    turn = s.IntegerField()
    intent = s.CharField(max_length=500)
    entities = Entity(many=True, required=False)


def _shape(row: Correction) -> dict[str, Any]:
    return {
        "message_timestamp": row.anchor_at,
        "intent": row.intent,
        "was": row.was,
        "entities": row.entities,
    }


CORRECTIONS = Resource(Correction, _shape)


class Corrections(APIView):
    """The corrected messages of a session."""

    category = "conversations.view"
    categories = JUDGE

    @extend_schema(
        operation_id="session_corrections_list",
        parameters=[shapes.LIMIT, shapes.CURSOR],
        responses={200: CorrectionRow(many=True), **shapes.ERRORS},
    )
    def get(self, request: Request, pk: int) -> Response:
        """The newest first."""
        return CORRECTIONS.page(request, pk)

    @extend_schema(
        operation_id="session_corrections_create",
        request=NewCorrection,
        responses={201: CorrectionRow, **shapes.ERRORS},
    )
    def post(self, request: Request, pk: int) -> Response:
        """Say what a message should have been understood as; of two people the later one counts."""
        data = body(request)
        turn = whole(data, "turn") or 0
        done = judged(
            lambda: marking.correct(request, pk, turn, text(data, "intent"), entities=data.get("entities"))
        )
        event = Event.objects.get(pk=turn)
        return CORRECTIONS.newest(done, anchor_at=event.timestamp, anchor_hash=bytes(event.hash))


class CorrectionDetail(APIView):
    """One corrected message, by the id of its event."""

    category = "conversations.judge"

    @extend_schema(operation_id="session_corrections_destroy", responses={204: None, **shapes.ERRORS})
    def delete(self, request: Request, pk: int, turn: int) -> Response:
        """Take the correction back."""
        judged(lambda: marking.uncorrect(request, pk, turn))
        return Response(status=204)
