"""What a session looks like after a judgement: what the answers of the judging endpoints say of it."""

from typing import Any

from conversations.identity import Key
from conversations.models import VERDICTS, Assignment, Correction, Event, Flag, Later, Review, Session, TagUse
from conversations.opinions.placing import status

MOST_REVIEWS = 20


def state(session: Session, user: Any) -> dict[str, Any]:
    """Who found what when; tags, flags, corrections; what is this person's own. Eight queries."""
    standing: dict[str, Any] = {"session": session, "is_removed": False}
    reviews = list(
        Review.objects.filter(**standing)
        .select_related("user", "reason")
        .order_by("-at", "-pk")[:MOST_REVIEWS]
    )
    uses = TagUse.objects.filter(**standing).select_related("tag", "user").order_by("at", "pk")
    given = Assignment.objects.filter(**standing).select_related("to").order_by("at", "pk").last()
    flags = list(Flag.objects.filter(**standing))
    corrections = list(Correction.objects.filter(**standing).select_related("user"))
    turns = [use for use in uses if use.is_turn]
    broke = [one for one in reviews if one.is_turn]
    events = _events(session, [one.anchor for one in (*flags, *corrections, *turns, *broke)])
    latest = reviews[0] if reviews else None
    return {
        "id": session.pk,
        "status": status(session),
        "verdict": VERDICTS.get(session.verdict, ""),
        "by": _name(latest),
        "at": latest.at.isoformat() if latest else None,
        "reviews": [
            {
                "id": one.pk,
                "verdict": VERDICTS[one.verdict],
                "reason": one.reason.text if one.reason else "",
                "turn": events.get(one.anchor) if one.is_turn else None,
                "by": _name(one),
                "at": one.at.isoformat(),
                "mine": one.user_id == user.pk,
            }
            for one in reviews
        ],
        "tags": [
            {
                "use": use.pk,
                "id": use.tag_id,
                "value": use.tag.value,
                "color": use.tag.color,
                "source": use.source,
                "by": _name(use),
                "turn": events.get(use.anchor) if use.is_turn else None,
            }
            for use in uses
        ],
        "assigned": given.to.get_username() if given else None,
        "later": Later.objects.filter(**standing, user=user).exists(),
        "flagged": sorted(events[one.anchor] for one in flags if one.anchor in events),
        "corrected": {str(events[one.anchor]): one.intent for one in corrections if one.anchor in events},
    }


def _name(opinion: Any) -> str:
    return opinion.user.get_username() if opinion is not None and opinion.user else ""


def _events(session: Session, anchors: list[Key]) -> dict[Key, int]:
    """The ids of the events of these keys."""
    if not anchors:
        return {}
    found = Event.objects.filter(
        conversation_id=session.conversation_id,
        timestamp__in={at for at, _, _ in anchors},
        hash__in={digest for _, _, digest in anchors},
    )
    return {
        (at, rank, bytes(digest)): pk
        for pk, at, rank, digest in found.values_list("pk", "timestamp", "rank", "hash")
    }
