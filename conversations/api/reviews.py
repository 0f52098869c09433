"""`/api/sessions/{id}/reviews`: who found what in a session."""

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers as s
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from conversations.api import shapes
from conversations.api.said import JUDGE, Resource, Said, body, judged, text, whole
from conversations.api.sessions import visible_session
from conversations.models import VERDICTS, Review
from conversations.opinions import reviewing
from conversations.opinions.vocabulary import reasons
from enterprise.api.errors import Failure


class ReviewRow(Said):
    """A review."""

    verdict = s.ChoiceField(list(VERDICTS.values()))
    reason = s.CharField(allow_null=True)
    watermark = s.IntegerField(help_text="Arrival number of the last event that was seen")


class NewReview(s.Serializer):
    """A review to give."""

    verdict = s.ChoiceField(list(VERDICTS.values()))
    watermark = s.IntegerField(
        required=False, help_text="Id of the last event that was seen; else all there are now"
    )
    turn = s.IntegerField(required=False, help_text="Where it broke: the id of an event")
    reason = s.CharField(required=False, help_text="Why it broke: one of the assistant's reasons")


def _shape(row: Review) -> dict[str, Any]:
    return {
        "verdict": VERDICTS[row.verdict],
        "reason": row.reason.text if row.reason else None,
        "watermark": row.watermark,
    }


REVIEWS = Resource(Review, _shape, ("user", "reason"))


class Reviews(APIView):
    """The reviews of a session."""

    category = "conversations.view"
    categories = JUDGE

    @extend_schema(
        operation_id="session_reviews_list",
        parameters=[shapes.LIMIT, shapes.CURSOR],
        responses={200: ReviewRow(many=True), **shapes.ERRORS},
    )
    def get(self, request: Request, pk: int) -> Response:
        """All that stand, the newest first: the first one is the session's."""
        return REVIEWS.page(request, pk)

    @extend_schema(
        operation_id="session_reviews_create", request=NewReview, responses={201: ReviewRow, **shapes.ERRORS}
    )
    def post(self, request: Request, pk: int) -> Response:
        """Review it."""
        data, session = body(request), visible_session(request, pk)
        watermark = whole(data, "watermark")
        given, why = text(data, "reason"), None
        if given:
            why = next((one.pk for one in reasons(session.assistant) if one.text == given), None)
            if why is None:
                raise Failure(400, "Refused", _("There is no such reason."))
        done = judged(
            lambda: reviewing.review(
                request,
                pk,
                text(data, "verdict"),
                2**63 - 1 if watermark is None else watermark,
                turn=whole(data, "turn"),
                reason=why,
            )
        )
        return REVIEWS.newest(done, user=request.user)


class ReviewDetail(APIView):
    """One review."""

    category = "conversations.judge"

    @extend_schema(operation_id="session_reviews_destroy", responses={204: None, **shapes.ERRORS})
    def delete(self, request: Request, pk: int, review_id: int) -> Response:
        """Take one's own back; an admin may take any."""
        judged(lambda: reviewing.take_back(request, pk, review_id))
        return Response(status=204)
