"""What the parts of `/api/sessions/{id}/…` share: what people said of a session, listed, said and refused."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers as s
from rest_framework.request import Request
from rest_framework.response import Response

from conversations.api.sessions import visible_session
from conversations.models import Event, Session
from conversations.opinions.deeds import Conflict, Done, Refused
from enterprise.api import pagination
from enterprise.api.errors import Failure

PAGE, LARGEST_PAGE = 100, 500
JUDGE = {"POST": "conversations.judge", "PUT": "conversations.judge", "DELETE": "conversations.judge"}


class Said(s.Serializer):
    """Who said it, when (ISO-8601), and of which turn (the id of its event; null: of the session)."""

    id = s.IntegerField()
    by = s.CharField(allow_null=True, help_text="null: a bot, or somebody who has gone")
    at = s.DateTimeField()
    turn = s.IntegerField(allow_null=True)


@dataclass(frozen=True)
class Resource:
    """Opinions of one kind. `shape`: what a row says beside `Said`; `joined`, `fetched`: what it needs for that."""

    model: type[Any]
    shape: Callable[[Any], dict[str, Any]]
    joined: tuple[str, ...] = ("user",)
    fetched: tuple[str, ...] = ()

    def of(self, session: Session) -> Any:
        """Those of a session that stand."""
        found = self.model.objects.standing().filter(session=session).select_related(*self.joined)
        return found.prefetch_related(*self.fetched)

    def rows(self, opinions: list[Any]) -> list[dict[str, Any]]:
        """As they are answered."""
        events = _events(opinions) if any(one.is_turn for one in opinions) else {}
        return [
            {
                "id": one.pk,
                "by": one.user.get_username() if one.user else None,
                "at": one.at.isoformat(),
                "turn": events.get((one.anchor_at, bytes(one.anchor_hash))) if one.is_turn else None,
                **self.shape(one),
            }
            for one in opinions
        ]

    def page(self, request: Request, pk: int) -> Response:
        """Those of a session, the newest first, in pages by cursor."""
        found = self.of(visible_session(request, pk)).order_by("-pk")
        size = pagination.window(request, default=PAGE, maximum=LARGEST_PAGE).limit or PAGE
        cursor = request.GET.get("cursor", "")
        if cursor:
            if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):
                message = _("This cursor is none of this list.")
                raise Failure(400, "InvalidCursor", message, {"parameter": "cursor"})
            found_here = list(found.filter(pk__lt=int(cursor))[: size + 1])
        else:
            found_here = list(found[: size + 1])
        more = str(found_here[size - 1].pk) if len(found_here) > size else None
        total = None if cursor else found.count()
        return pagination.respond(self.rows(found_here[:size]), request, total=total, next_cursor=more)

    def newest(self, done: Done, **which: Any) -> Response:
        """What was just said, as 201."""
        found = self.of(done.session).filter(**which).order_by("at", "pk").last()
        return Response(self.rows([found])[0] if found else {}, status=201)


def _events(opinions: list[Any]) -> dict[tuple[float, bytes], int]:
    found = Event.objects.filter(
        conversation__in={row.conversation_id for row in opinions},
        timestamp__in={row.anchor_at for row in opinions},
        hash__in={bytes(row.anchor_hash) for row in opinions},
    )
    return {(at, bytes(digest)): pk for pk, at, digest in found.values_list("pk", "timestamp", "hash")}


def judged(judge: Callable[[], Done]) -> Done:
    """What the judgement came to. Raises Failure: 400 for what cannot be, 409 where somebody changed it since."""
    try:
        return judge()
    except Refused as refusal:
        raise Failure(400, "Refused", str(refusal)) from refusal
    except Conflict as conflict:
        raise Failure(409, "ChangedSince", str(conflict), conflict.found) from conflict


def body(request: Request) -> dict[str, Any]:
    """The object that was sent. Raises Failure (400)."""
    if not isinstance(request.data, dict):
        raise Failure(400, "InvalidBody", _("Send an object."))
    return request.data


def whole(data: dict[str, Any], name: str) -> int | None:
    """A whole number of the body, None when it is not there. Raises Failure (400)."""
    value = data.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise Failure(400, "InvalidBody", _("“%(name)s” must be a whole number.") % {"name": name})
    return value


def text(data: dict[str, Any], name: str) -> str:
    """A text of the body, empty when it is not there. Raises Failure (400)."""
    value = data.get(name, "")
    if not isinstance(value, str):
        raise Failure(400, "InvalidBody", _("“%(name)s” must be a text.") % {"name": name})
    return value
