"""The words of filter drop-downs, under upstream's names."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from conversations import values
from conversations.api import shapes
from conversations.api.scope import assistant_of
from conversations.models import SessionValue

Kind = SessionValue.Kind
LISTS: dict[str, SessionValue.Kind] = {
    "conversationIntents": Kind.PREDICTED,
    "conversationActions": Kind.ACTION,
    "conversationEntities": Kind.ENTITY,
    "conversationPolicies": Kind.POLICY,
    "conversations/slotNames": Kind.SLOT,
    "conversations/inputChannels": Kind.CHANNEL,
}


class Values(APIView):
    """One kind of values; `as_view(kind=...)` says which."""

    category = "conversations.view"
    kind: SessionValue.Kind | None = None

    @extend_schema(
        parameters=[shapes.PROJECT],
        responses={200: {"type": "array", "items": {"type": "string"}}, **shapes.ERRORS},
    )
    def get(self, request: Request) -> Response:
        """What occurs in conversations, sorted."""
        assistant = assistant_of(request)
        if assistant is None or self.kind is None:
            return Response([])
        return Response(values.existing(assistant.pk, self.kind))
