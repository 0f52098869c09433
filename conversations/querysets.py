"""Named questions to what happened. Every list starts at `visible_to(user)`."""

from typing import TYPE_CHECKING, Any, Self

from django.db import models
from django.db.models import Q

if TYPE_CHECKING:
    from conversations.identity import Key
    from conversations.models import Event, Session  # noqa: F401 - named in a string below


class SessionQuerySet(models.QuerySet["Session"]):
    """Sessions."""

    def visible_to(self, user: Any) -> Self:
        """Sessions that this person may see: all for who may view conversations, none for a tester."""
        from enterprise.access import may  # noqa: PLC0415 - roles need the user model, which loads after this

        return self if may(user, "conversations.view") else self.none()


class EventQuerySet(models.QuerySet["Event"]):
    """Events. A key is (timestamp, rank, hash); every condition bounds the timestamp, so that the index is used."""

    def in_order(self) -> Self:
        """In the total order of a conversation."""
        return self.order_by("timestamp", "rank", "hash")

    def before(self, key: "Key") -> Self:
        """Events before this place in the order."""
        return self.filter(Q(timestamp__lt=key[0]) | _same_time(key, "lt"), timestamp__lte=key[0])

    def after(self, key: "Key") -> Self:
        """Events after this place in the order."""
        return self.filter(Q(timestamp__gt=key[0]) | _same_time(key, "gt"), timestamp__gte=key[0])

    def between(self, first: "Key", last: "Key") -> Self:
        """Events from `first` to `last`, both included."""
        return self.filter(
            Q(timestamp__gt=first[0]) | _same_time(first, "gte"),
            Q(timestamp__lt=last[0]) | _same_time(last, "lte"),
            timestamp__range=(first[0], last[0]),
        )

    def of_session(self, session: "Session") -> Self:
        """Events from the session's first to its last."""
        first = (session.start_at, session.start_rank, bytes(session.start_hash))
        last = (session.last_at, session.last_rank, bytes(session.last_hash))
        return self.filter(conversation_id=session.conversation_id).between(first, last)


def _same_time(key: "Key", compared: str) -> Q:
    timestamp, rank, digest = key
    strict = compared.removesuffix("e")
    return Q(timestamp=timestamp) & (
        Q(**{f"rank__{strict}": rank}) | Q(rank=rank, **{f"hash__{compared}": digest})
    )
