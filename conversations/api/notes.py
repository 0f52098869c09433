"""`/api/sessions/{id}/notes`: what people remarked on a session and its turns."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers as s
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from conversations.api import shapes
from conversations.api.said import JUDGE, Resource, Said, body, judged, text, whole
from conversations.models import Note
from conversations.opinions import marking


class NoteRow(Said):
    """A note."""

    text = s.CharField()
    mentions = s.ListField(child=s.CharField())
    edited_at = s.DateTimeField(allow_null=True)


class NewNote(s.Serializer):
    """A note to write."""

    text = s.CharField(max_length=marking.LONGEST_NOTE)
    turn = s.IntegerField(required=False)


class ChangedNote(s.Serializer):
    """A note's other text."""

    text = s.CharField(max_length=marking.LONGEST_NOTE)


def _shape(row: Note) -> dict[str, Any]:
    return {
        "text": row.text,
        "mentions": sorted(mention.user.get_username() for mention in row.mentions.all()),
        "edited_at": row.edited_at.isoformat() if row.edited_at else None,
    }


NOTES = Resource(Note, _shape, fetched=("mentions__user",))


class Notes(APIView):
    """The notes on a session and its turns."""

    category = "conversations.view"
    categories = JUDGE

    @extend_schema(
        operation_id="session_notes_list",
        parameters=[shapes.LIMIT, shapes.CURSOR],
        responses={200: NoteRow(many=True), **shapes.ERRORS},
    )
    def get(self, request: Request, pk: int) -> Response:
        """The newest first."""
        return NOTES.page(request, pk)

    @extend_schema(
        operation_id="session_notes_create", request=NewNote, responses={201: NoteRow, **shapes.ERRORS}
    )
    def post(self, request: Request, pk: int) -> Response:
        """Write one. Who is named with @ finds it under *For me*."""
        data = body(request)
        done = judged(lambda: marking.note(request, pk, text(data, "text"), turn=whole(data, "turn")))
        return NOTES.newest(done, user=request.user)


class NoteDetail(APIView):
    """One note."""

    category = "conversations.judge"

    @extend_schema(
        operation_id="session_notes_update", request=ChangedNote, responses={200: NoteRow, **shapes.ERRORS}
    )
    def put(self, request: Request, pk: int, note_id: int) -> Response:
        """Change one's own."""
        data = body(request)
        done = judged(lambda: marking.edit_note(request, pk, note_id, text(data, "text")))
        return Response(NOTES.rows(list(NOTES.of(done.session).filter(pk=note_id)))[0])

    @extend_schema(operation_id="session_notes_destroy", responses={204: None, **shapes.ERRORS})
    def delete(self, request: Request, pk: int, note_id: int) -> Response:
        """Take one's own back; an admin may take any."""
        judged(lambda: marking.delete_note(request, pk, note_id))
        return Response(status=204)
