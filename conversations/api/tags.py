"""Tags of conversations, under upstream's three spellings: `tags`, `data_tags`, `data-tags`."""

import json
from typing import Any, cast

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import SimpleRateThrottle
from rest_framework.views import APIView

from conversations import tagging
from conversations.api import shapes
from conversations.api.scope import DEFAULT, assistant_of, conversation_of
from conversations.models import Tag
from conversations.opinions.vocabulary import delete_tag
from enterprise.access import may
from enterprise.api.authentication import has_service_token
from enterprise.api.errors import Failure
from enterprise.api.permissions import ByCategory
from enterprise.audit import client_address, record
from enterprise.models import User


class BotsMaySet(BasePermission):
    """A bot sets tags without a login as long as OPEN_TAGS is on, else with `?token=`; people by their role."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Whether this call may."""
        if request.method != "POST":
            return ByCategory().has_permission(request, view)
        return settings.OPEN_TAGS or has_service_token(request) or may(request.user, "conversations.judge")


class Strangers(SimpleRateThrottle):
    """Bots behind one address may set twenty tags a second, which keeps a stranger from filling the database."""

    scope = "open tags"
    rate = "1200/min"

    def get_cache_key(self, request: Request, view: Any) -> str | None:  # noqa: ARG002 - REST framework's signature
        """None for calls that are not counted."""
        if request.method != "POST" or request.user.is_authenticated or has_service_token(request):
            return None
        return f"open-tags:{client_address(request)}"


def _shape(tag: Tag) -> dict[str, Any]:
    return {"id": tag.pk, "value": tag.value, "color": tag.color}


def _person(request: Request) -> User:
    return cast("User", request.user)


class TagsOfConversation(APIView):
    """The tags of one conversation."""

    category = "conversations.view"
    permission_classes = [BotsMaySet]
    throttle_classes = [Strangers]

    @extend_schema(
        operation_id="conversation_tags_list",
        parameters=[shapes.PROJECT],
        responses={200: shapes.Tag(many=True), **shapes.ERRORS},
    )
    def get(self, request: Request, sender_id: str) -> Response:
        """The tags that are on it."""
        conversation = conversation_of(request, sender_id)
        return Response([_shape(tag) for tag in tagging.of_conversation(conversation.pk)])

    @extend_schema(
        operation_id="conversation_tags_create",
        parameters=[shapes.PROJECT],
        request=shapes.NewTag(many=True),
        responses={200: shapes.Tag(many=True), **shapes.ERRORS},
        auth=[{}],  # type: ignore[list-item]
    )
    def post(self, request: Request, sender_id: str) -> Response:
        """Put tags on a conversation, also before its first event. Missing tags are created; what a person took off
        stays off. The body is read as JSON whatever its Content-Type. Answers with all tags that are on it then."""
        data: Any = request.data
        if isinstance(data, str):  # a script that wrote JSON twice
            try:
                data = json.loads(data)
            except (ValueError, RecursionError):
                data = None
        by = _person(request) if may(request.user, "conversations.judge") else None
        try:
            with transaction.atomic():
                tags = tagging.put_on(_project(request), _exact(sender_id), tagging.read(data), by=by)
                if by:
                    record(request, "conversation.tag", sender_id, tags=[tag.value for tag in tags])
        except tagging.BadTags as error:
            raise Failure(400, "InvalidTags", str(error)) from error
        return Response([_shape(tag) for tag in tags])


def _project(request: Request) -> str:
    """The assistant that a tag before the first event belongs to. Raises Failure (404) for one that does not exist."""
    assistant = assistant_of(request)
    return assistant.name if assistant else DEFAULT


def _exact(sender_id: str) -> str:
    if not sender_id or len(sender_id) > 4096:
        raise Failure(400, "InvalidConversation", _("A conversation's id has 1 to 4096 characters."))
    return sender_id


class TagOfConversation(APIView):
    """One tag of one conversation."""

    category = "conversations.judge"

    @extend_schema(
        operation_id="conversation_tags_destroy",
        parameters=[shapes.PROJECT],
        responses={204: None, **shapes.ERRORS},
    )
    def delete(self, request: Request, sender_id: str, tag_id: int) -> Response:
        """Take it off; the bot's next call does not put it back."""
        conversation = conversation_of(request, sender_id)
        with transaction.atomic():
            if not tagging.take_off(conversation, tag_id, by=_person(request)):
                raise Failure(404, "UnknownTag", _("This tag is not on the conversation."))
            record(request, "conversation.untag", sender_id, tag=tag_id)
        return Response(status=204)


class Tags(APIView):
    """The vocabulary."""

    category = "conversations.view"

    @extend_schema(
        operation_id="tags_list",
        parameters=[shapes.PROJECT],
        responses={200: shapes.Tag(many=True), **shapes.ERRORS},
    )
    def get(self, request: Request) -> Response:
        """All tags of the assistant."""
        assistant = assistant_of(request)
        return Response([_shape(tag) for tag in tagging.vocabulary(assistant)] if assistant else [])


class TagDetail(APIView):
    """One tag of the vocabulary."""

    category = "conversations.judge"

    @extend_schema(
        operation_id="tags_destroy", parameters=[shapes.PROJECT], responses={204: None, **shapes.ERRORS}
    )
    def delete(self, request: Request, tag_id: int) -> Response:
        """Delete it everywhere."""
        known = Tag.objects.filter(assistant=assistant_of(request), pk=tag_id if tag_id < 2**63 else 0)
        tag = known.first()
        if tag is None:
            raise Failure(404, "UnknownTag", _("There is no such tag."))
        delete_tag(request, tag)
        return Response(status=204)
