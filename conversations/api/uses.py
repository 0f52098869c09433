"""`/api/sessions/{id}/tags`: the tags on a session and its turns."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers as s
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from conversations.api import shapes
from conversations.api.said import JUDGE, Resource, Said, body, judged, text, whole
from conversations.models import TagUse
from conversations.opinions import marking
from conversations.opinions.vocabulary import tag_named


class UseRow(Said):
    """A tag on a session or turn. `id` is that of this use, `tag` the vocabulary's."""

    tag = s.IntegerField()
    value = s.CharField()
    color = s.CharField()
    source = s.ChoiceField(TagUse.Source.choices)  # type: ignore[assignment]


class NewUse(s.Serializer):
    """A tag to put on, by `value` (made when it is missing) or by `tag`, its id."""

    value = s.CharField(required=False, max_length=120)
    tag = s.IntegerField(required=False)
    turn = s.IntegerField(required=False)


def _shape(row: TagUse) -> dict[str, Any]:
    return {
        "tag": row.tag_id,
        "value": row.tag.value,
        "color": row.tag.color,
        "source": row.source,
    }


USES = Resource(TagUse, _shape, ("user", "tag"))


class Uses(APIView):
    """The tags on a session and its turns."""

    category = "conversations.view"
    categories = JUDGE

    @extend_schema(
        operation_id="session_tags_list",
        parameters=[shapes.LIMIT, shapes.CURSOR],
        responses={200: UseRow(many=True), **shapes.ERRORS},
    )
    def get(self, request: Request, pk: int) -> Response:
        """The newest first."""
        return USES.page(request, pk)

    @extend_schema(
        operation_id="session_tags_create", request=NewUse, responses={201: UseRow, **shapes.ERRORS}
    )
    def post(self, request: Request, pk: int) -> Response:
        """Put one on the session, or with `turn` on the turn of that event."""
        data = body(request)
        turn, tag = whole(data, "turn"), whole(data, "tag")
        done = judged(lambda: marking.tag(request, pk, value=text(data, "value"), pk=tag, turn=turn))
        if tag is None:
            tag = tag_named(done.session.assistant, text(data, "value")).pk
        return USES.newest(done, is_turn=turn is not None, tag=tag)


class UseDetail(APIView):
    """One tag on a session."""

    category = "conversations.judge"

    @extend_schema(operation_id="session_tags_destroy", responses={204: None, **shapes.ERRORS})
    def delete(self, request: Request, pk: int, use_id: int) -> Response:
        """Take it off; the bot's next call does not put it back."""
        judged(lambda: marking.untag(request, pk, use_id))
        return Response(status=204)
