"""What people did, in upstream's words: its filters, and what its rows say."""

from collections.abc import Collection
from typing import Any

from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from conversations.identity import sender_hash, shown
from conversations.models import Conversation, Correction, Flag, Later, Session, SessionValue, TagUse
from conversations.summary import value_key
from enterprise.api.errors import Failure

NOT_YET = ("in_training_data",)  # refused, because ignoring it would widen the result
REVIEW_STATES = ("unread", "reviewed", "saved_for_later")
PARAMETERS = [
    OpenApiParameter("tags_any", str, description="Ids of tags, between commas: any of them"),
    OpenApiParameter("is_flagged", bool, description="Whether a turn is flagged"),
    OpenApiParameter(
        "review_status", str, enum=REVIEW_STATES, many=True, explode=False,
        description="`reviewed`: no session in which a user said something waits for a review",
    ),
    OpenApiParameter("slots", str, description="NAME:VALUE, between commas: a slot that had the value"),
    OpenApiParameter("exclude_self", bool, description="true: without the caller's own conversations"),
]  # fmt: skip
_YES = ("true", "1", "yes")


def by_people(request: Request, found: QuerySet[Conversation]) -> QuerySet[Conversation]:
    """Those conversations that upstream's filters ask for. Raises Failure (400)."""
    for name in NOT_YET:
        if request.GET.get(name):
            message = _("“%(name)s” cannot be filtered by yet.") % {"name": name}
            raise Failure(400, "UnsupportedParameter", message, {"parameter": name})
    here = OuterRef("pk")
    if ids := _parts(request, "tags_any"):
        if not all(part.isascii() and part.isdigit() and len(part) < 19 for part in ids):
            raise _wrong("tags_any", _("Tags are given by their ids."))
        found = found.filter(
            Exists(TagUse.objects.standing().filter(conversation=here, tag__in=map(int, ids)))
        )
    if is_flagged := request.GET.get("is_flagged", "").lower():
        flags = Exists(Flag.objects.standing().filter(conversation=here))
        found = found.filter(flags if is_flagged in _YES else ~flags)
    if wanted := _parts(request, "review_status"):
        if not set(wanted) <= set(REVIEW_STATES):
            raise _wrong("review_status", _("A review status is unread, reviewed or saved_for_later."))
        states = _states(request.user, here)
        either = Q()
        for name in wanted:
            either |= states[name]
        found = found.filter(either)
    if slots := _parts(request, "slots"):
        values = [_slot(part) for part in slots]
        rows = SessionValue.objects.filter(
            session__conversation=here, kind=SessionValue.Kind.SLOT_VALUE, value__in=values
        )
        found = found.filter(Exists(rows))
    if request.GET.get("exclude_self", "").lower() in _YES:
        found = found.exclude(sender_hash=sender_hash(request.user.get_username()))
    return found


def _parts(request: Request, name: str) -> list[str]:
    return [part.strip() for part in request.GET.get(name, "").split(",") if part.strip()]


def _wrong(name: str, message: str) -> Failure:
    return Failure(400, "InvalidParameter", message, {"parameter": name})


def _slot(part: str) -> str:
    name, colon, value = part.partition(":")
    if not (name and colon and value):
        raise _wrong("slots", _("A slot is given as NAME:VALUE."))
    return value_key(shown(f"{name}={value}"))


def _states(user: Any, here: OuterRef) -> dict[str, Q]:
    sessions = Session.objects.filter(conversation=here)
    later = Q(Exists(Later.objects.standing().filter(conversation=here, user=user)))
    reviewed = Q(Exists(sessions.filter(watermark__isnull=False)))
    waits = Q(watermark__isnull=True) | Q(watermark__lt=F("newest_turn"))
    open_ = Q(Exists(sessions.filter(waits, newest_turn__isnull=False)))
    return {
        "saved_for_later": later,
        "reviewed": ~later & reviewed & ~open_,
        "unread": ~later & (~reviewed | open_),
    }


def opinions_of(ids: Collection[int], user: Any) -> dict[int, dict[str, Any]]:
    """What upstream's rows say of people's judgements, by conversation id, in five queries."""
    found: dict[int, dict[str, Any]] = {
        pk: {"review_status": "unread", "has_flagged_messages": False, "corrected_messages": [], "tags": []}
        for pk in ids
    }
    waiting: set[int] = set()
    for pk, newest, watermark in Session.objects.filter(conversation__in=ids).values_list(
        "conversation_id", "newest_turn", "watermark"
    ):
        if watermark is not None:
            found[pk]["review_status"] = "reviewed"
        if newest is not None and (watermark is None or watermark < newest):
            waiting.add(pk)
    for pk in waiting:
        found[pk]["review_status"] = "unread"
    for pk in (
        Later.objects.standing()
        .filter(conversation__in=ids, user=user)
        .values_list("conversation", flat=True)
    ):
        found[pk]["review_status"] = "saved_for_later"
    for pk in Flag.objects.standing().filter(conversation__in=ids).values_list("conversation", flat=True):
        found[pk]["has_flagged_messages"] = True
    corrections = Correction.objects.standing().filter(conversation__in=ids).order_by("anchor_at", "pk")
    for pk, at, intent in corrections.values_list("conversation", "anchor_at", "intent"):
        found[pk]["corrected_messages"].append({"message_timestamp": at, "intent": intent})
    uses = TagUse.objects.standing().filter(conversation__in=ids).order_by("pk")
    for pk, tag in uses.values_list("conversation", "tag"):
        if tag not in found[pk]["tags"]:
            found[pk]["tags"].append(tag)
    return found
