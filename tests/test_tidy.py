"""Conversations that never got an event go after a day, unless somebody labelled them."""

import pytest

from conversations.models import Conversation, Tag, TagUse
from conversations.store import ensure_conversation, store
from conversations.tidy import forget_empty
from tests.histories import NOW, Message
from tests.test_store_histories import clock, envelopes

__all__ = ["clock"]

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

DAY = 86_400.0


def test_only_old_empty_and_unlabelled_conversations_go() -> None:
    ensure_conversation("default", "nothing came")
    tagged = Conversation.objects.get(pk=ensure_conversation("default", "tagged"))
    tag = Tag.objects.create(assistant=tagged.assistant, value="vip")
    TagUse.objects.create(conversation=tagged, anchor_at=NOW, tag=tag, source=TagUse.Source.BOT)
    store(envelopes("default", [Message("spoke", '{"event": "bot", "timestamp": 1.7e9, "text": "hi"}')]))

    assert forget_empty(NOW + DAY - 1) == 0
    assert forget_empty(NOW + DAY + 1) == 1
    assert sorted(Conversation.objects.values_list("sender_id", flat=True)) == ["spoke", "tagged"]


def test_a_bounded_number_goes_at_a_time() -> None:
    for number in range(5):
        ensure_conversation("default", f"empty {number}")
    assert [forget_empty(NOW + 2 * DAY, most=3) for _ in range(3)] == [3, 2, 0]
