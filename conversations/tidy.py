"""What time takes away: conversations that never got an event."""

from django.db import IntegrityError, router, transaction
from django.db.models import Exists, OuterRef

from conversations.models import Conversation, Flag, TagUse

KEEP_EMPTY = 86_400.0  # seconds that a conversation waits for its first event


def forget_empty(now: float, *, most: int = 1000) -> int:
    """Delete conversations without events and labels that are older than a day; returns how many. `now`: UTC seconds.

    One statement, so that a batch which brings the first event meanwhile wins: the condition is asked again under the lock.
    """
    labelled = Exists(TagUse.objects.filter(conversation=OuterRef("pk")))
    flagged = Exists(Flag.objects.filter(conversation=OuterRef("pk")))
    empty = Conversation.objects.filter(~labelled, ~flagged, n_events=0, created_at__lt=now - KEEP_EMPTY)
    oldest = empty.order_by("id").values("id")[:most]
    found = Conversation.objects.filter(id__in=oldest, n_events=0)
    try:
        with transaction.atomic():
            return int(found._raw_delete(router.db_for_write(Conversation)))
    except IntegrityError:  # somebody labels one of them at this moment: next time
        return 0
