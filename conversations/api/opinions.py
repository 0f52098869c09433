"""`/api/sessions/{id}/…`: what people said of a session: reviews, notes, tags, corrections."""

from collections.abc import Callable
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers as s
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from conversations.api import shapes
from conversations.api.sessions import visible_session
from conversations.models import Correction, Event, Note, Opinion, Review, Session, TagUse
from conversations.opinions import marking, reviewing
from conversations.opinions.deeds import Conflict, Done, Refused
from conversations.opinions.vocabulary import reasons
from enterprise.api import pagination
from enterprise.api.errors import Failure

PAGE, LARGEST_PAGE = 100, 500
VERDICTS = {number: label for number, label in Session.Verdict.choices if number}
JUDGE = {"POST": "conversations.judge", "PUT": "conversations.judge", "DELETE": "conversations.judge"}


class Said(s.Serializer):
    """Who said it, when (ISO-8601), and of which turn (the id of its event; null: of the session)."""

    id = s.IntegerField()
    by = s.CharField(allow_null=True, help_text="null: a bot, or somebody who has gone")
    at = s.DateTimeField()
    turn = s.IntegerField(allow_null=True)


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


def _events(rows: list[Any]) -> dict[tuple[float, bytes], int]:
    found = Event.objects.filter(
        conversation__in={row.conversation_id for row in rows},
        timestamp__in={row.anchor_at for row in rows},
        hash__in={bytes(row.anchor_hash) for row in rows},
    )
    return {(at, bytes(digest)): pk for pk, at, digest in found.values_list("pk", "timestamp", "hash")}


def _rows(rows: list[Any]) -> list[dict[str, Any]]:
    events = _events(rows) if any(row.is_turn for row in rows) else {}
    return [
        {
            "id": row.pk,
            "by": row.user.get_username() if row.user else None,
            "at": row.at.isoformat(),
            "turn": events.get((row.anchor_at, bytes(row.anchor_hash))) if row.is_turn else None,
            **_SHAPES[type(row)](row),
        }
        for row in rows
    ]


_SHAPES: dict[type[Opinion], Callable[[Any], dict[str, Any]]] = {
    Review: lambda row: {
        "verdict": VERDICTS[row.verdict],
        "reason": row.reason.text if row.reason else None,
        "watermark": row.watermark,
    },
    Note: lambda row: {
        "text": row.text,
        "mentions": sorted(mention.user.get_username() for mention in row.mentions.all()),
        "edited_at": row.edited_at.isoformat() if row.edited_at else None,
    },
    TagUse: lambda row: {
        "tag": row.tag_id,
        "value": row.tag.value,
        "color": row.tag.color,
        "source": row.source,
    },
    Correction: lambda row: {
        "message_timestamp": row.anchor_at,
        "intent": row.intent,
        "was": row.was,
        "entities": row.entities,
    },
}
_LOADED: dict[
    type[Opinion], tuple[tuple[str, ...], tuple[str, ...]]
] = {  # joined, and fetched with all of a page
    Review: (("user", "reason"), ()),
    Note: (("user",), ("mentions__user",)),
    TagUse: (("user", "tag"), ()),
    Correction: (("user",), ()),
}


def _of(model: type[Any], session: Session) -> Any:
    joined, fetched = _LOADED[model]
    found = model.objects.standing().filter(session=session).select_related(*joined)
    return found.prefetch_related(*fetched)


def _list(request: Request, pk: int, model: type[Any]) -> Response:
    """The newest first, in pages by cursor."""
    found = _of(model, visible_session(request, pk)).order_by("-pk")
    size = pagination.window(request, default=PAGE, maximum=LARGEST_PAGE).limit or PAGE
    cursor = request.GET.get("cursor", "")
    if cursor:
        if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):
            message = _("This cursor is none of this list.")
            raise Failure(400, "InvalidCursor", message, {"parameter": "cursor"})
        rows = list(found.filter(pk__lt=int(cursor))[: size + 1])
    else:
        rows = list(found[: size + 1])
    more = str(rows[size - 1].pk) if len(rows) > size else None
    total = None if cursor else found.count()
    return pagination.respond(_rows(rows[:size]), request, total=total, next_cursor=more)


def _judged(judge: Callable[[], Done]) -> Done:
    try:
        return judge()
    except Refused as refusal:
        raise Failure(400, "Refused", str(refusal)) from refusal
    except Conflict as conflict:
        raise Failure(409, "ChangedSince", str(conflict), conflict.found) from conflict


def _body(request: Request) -> dict[str, Any]:
    if not isinstance(request.data, dict):
        raise Failure(400, "InvalidBody", _("Send an object."))
    return request.data


def _whole(data: dict[str, Any], name: str) -> int | None:
    value = data.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise Failure(400, "InvalidBody", _("“%(name)s” must be a whole number.") % {"name": name})
    return value


def _text(data: dict[str, Any], name: str) -> str:
    value = data.get(name, "")
    if not isinstance(value, str):
        raise Failure(400, "InvalidBody", _("“%(name)s” must be a text.") % {"name": name})
    return value


def _newest(model: type[Any], done: Done, **which: Any) -> Response:
    found = _of(model, done.session).filter(**which).order_by("at", "pk").last()
    return Response(_rows([found])[0] if found else {}, status=201)


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
        return _list(request, pk, Review)

    @extend_schema(
        operation_id="session_reviews_create", request=NewReview, responses={201: ReviewRow, **shapes.ERRORS}
    )
    def post(self, request: Request, pk: int) -> Response:
        """Review it."""
        data, session = _body(request), visible_session(request, pk)
        watermark = _whole(data, "watermark")
        given, why = _text(data, "reason"), None
        if given:
            why = next((one.pk for one in reasons(session.assistant) if one.text == given), None)
            if why is None:
                raise Failure(400, "Refused", _("There is no such reason."))
        done = _judged(
            lambda: reviewing.review(
                request,
                pk,
                _text(data, "verdict"),
                2**63 - 1 if watermark is None else watermark,
                turn=_whole(data, "turn"),
                reason=why,
            )
        )
        return _newest(Review, done, user=request.user)


class ReviewDetail(APIView):
    """One review."""

    category = "conversations.judge"

    @extend_schema(operation_id="session_reviews_destroy", responses={204: None, **shapes.ERRORS})
    def delete(self, request: Request, pk: int, review_id: int) -> Response:
        """Take one's own back; an admin may take any."""
        _judged(lambda: reviewing.take_back(request, pk, review_id))
        return Response(status=204)


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
        return _list(request, pk, Note)

    @extend_schema(
        operation_id="session_notes_create", request=NewNote, responses={201: NoteRow, **shapes.ERRORS}
    )
    def post(self, request: Request, pk: int) -> Response:
        """Write one. Who is named with @ finds it under *For me*."""
        data = _body(request)
        done = _judged(lambda: marking.note(request, pk, _text(data, "text"), turn=_whole(data, "turn")))
        return _newest(Note, done, user=request.user)


class NoteDetail(APIView):
    """One note."""

    category = "conversations.judge"

    @extend_schema(
        operation_id="session_notes_update", request=ChangedNote, responses={200: NoteRow, **shapes.ERRORS}
    )
    def put(self, request: Request, pk: int, note_id: int) -> Response:
        """Change one's own."""
        data = _body(request)
        done = _judged(lambda: marking.edit_note(request, pk, note_id, _text(data, "text")))
        return Response(_rows(list(_of(Note, done.session).filter(pk=note_id)))[0])

    @extend_schema(operation_id="session_notes_destroy", responses={204: None, **shapes.ERRORS})
    def delete(self, request: Request, pk: int, note_id: int) -> Response:
        """Take one's own back; an admin may take any."""
        _judged(lambda: marking.delete_note(request, pk, note_id))
        return Response(status=204)


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
        return _list(request, pk, TagUse)

    @extend_schema(
        operation_id="session_tags_create", request=NewUse, responses={201: UseRow, **shapes.ERRORS}
    )
    def post(self, request: Request, pk: int) -> Response:
        """Put one on the session, or with `turn` on the turn of that event."""
        data = _body(request)
        turn, tag = _whole(data, "turn"), _whole(data, "tag")
        done = _judged(lambda: marking.tag(request, pk, value=_text(data, "value"), pk=tag, turn=turn))
        found = (
            {"tag": tag}
            if tag is not None
            else {"tag__value__iexact": " ".join(_text(data, "value").split())}
        )
        return _newest(TagUse, done, is_turn=turn is not None, **found)


class UseDetail(APIView):
    """One tag on a session."""

    category = "conversations.judge"

    @extend_schema(operation_id="session_tags_destroy", responses={204: None, **shapes.ERRORS})
    def delete(self, request: Request, pk: int, use_id: int) -> Response:
        """Take it off; the bot's next call does not put it back."""
        _judged(lambda: marking.untag(request, pk, use_id))
        return Response(status=204)


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
        return _list(request, pk, Correction)

    @extend_schema(
        operation_id="session_corrections_create",
        request=NewCorrection,
        responses={201: CorrectionRow, **shapes.ERRORS},
    )
    def post(self, request: Request, pk: int) -> Response:
        """Say what a message should have been understood as; of two people the later one counts."""
        data = _body(request)
        turn = _whole(data, "turn") or 0
        done = _judged(
            lambda: marking.correct(request, pk, turn, _text(data, "intent"), entities=data.get("entities"))
        )
        event = Event.objects.get(pk=turn)
        return _newest(Correction, done, anchor_at=event.timestamp, anchor_hash=bytes(event.hash))


class CorrectionDetail(APIView):
    """One corrected message, by the id of its event."""

    category = "conversations.judge"

    @extend_schema(operation_id="session_corrections_destroy", responses={204: None, **shapes.ERRORS})
    def delete(self, request: Request, pk: int, turn: int) -> Response:
        """Take the correction back."""
        _judged(lambda: marking.uncorrect(request, pk, turn))
        return Response(status=204)
