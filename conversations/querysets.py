"""Named questions to what happened. Every list starts at `visible_to(user)`."""

from typing import TYPE_CHECKING, Any, Self

from django.db import models
from django.db.models import Q

if TYPE_CHECKING:
    from conversations.models import Session


class SessionQuerySet(models.QuerySet["Session"]):
    """Sessions."""

    def visible_to(self, user: Any) -> Self:
        """Sessions that this person may see: all for who may view conversations, none for a tester."""
        from enterprise.access import may  # noqa: PLC0415 - roles need the user model, which loads after this

        return self if may(user, "conversations.view") else self.none()


class EventQuerySet(models.QuerySet["Event"]):
    """Events."""

    def in_order(self) -> Self:
        """In the total order of a conversation."""
        return self.order_by("timestamp", "rank", "hash")

    def of_session(self, session: "Session") -> Self:
        """Events from the session's first to its last."""
        return self.filter(
            Q(timestamp__gt=session.start_at)
            | _from(session.start_at, session.start_rank, session.start_hash),
            Q(timestamp__lt=session.last_at) | _until(session.last_at, session.last_rank, session.last_hash),
            conversation_id=session.conversation_id,
            timestamp__gte=session.start_at,
            timestamp__lte=session.last_at,
        )


def _from(timestamp: float, rank: int, digest: bytes) -> Q:
    return Q(timestamp=timestamp) & (Q(rank__gt=rank) | Q(rank=rank, hash__gte=digest))


def _until(timestamp: float, rank: int, digest: bytes) -> Q:
    return Q(timestamp=timestamp) & (Q(rank__lt=rank) | Q(rank=rank, hash__lte=digest))
