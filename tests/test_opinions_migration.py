"""What bots and people said before there were sessions to say it of is kept, and found again."""

import datetime
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

pytestmark = pytest.mark.django_db(transaction=True)

BEFORE, AFTER = [("conversations", "0005_signals")], [("conversations", "0006_opinions")]


def migrate(to: list[tuple[str, str]]) -> Any:
    """The models of that moment."""
    executor = MigrationExecutor(connection)
    executor.migrate(to)
    return MigrationExecutor(connection).loader.project_state(to).apps


@pytest.fixture
def old(db: None) -> Any:
    yield migrate(BEFORE)
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())


def test_tags_and_flags_survive_both_ways(old: Any) -> None:
    def model(name: str) -> Any:
        return old.get_model("conversations", name)

    assistant = model("Assistant").objects.create(name="default")
    conversation = model("Conversation").objects.create(
        assistant=assistant, sender_hash=b"1" * 16, sender_id="ada", created_at=1.7e9
    )
    event = model("Event").objects.create(
        conversation=conversation,
        timestamp=1.7e9,
        rank=3,
        hash=b"2" * 16,
        type="user",
        words="",
        received_at=1.7e9,
        body="{}",
    )
    user = old.get_model("enterprise", "User").objects.create(username="ben")
    model("Flag").objects.create(
        conversation=conversation, timestamp=event.timestamp, hash=event.hash, user=user
    )
    tag, gone = (model("Tag").objects.create(assistant=assistant, value=value) for value in ("on", "off"))
    model("ConversationTag").objects.create(conversation=conversation, tag=tag, source="bot")
    model("ConversationTag").objects.create(
        conversation=conversation, tag=gone, source="person", user=user, is_removed=True, anchor_at=1.6e9
    )
    moment = timezone.now() - datetime.timedelta(days=9)
    model("ConversationTag").objects.update(created_at=moment)

    new = migrate(AFTER)
    flag = new.get_model("conversations", "Flag").objects.get()
    assert (flag.anchor_at, flag.anchor_rank, bytes(flag.anchor_hash), flag.is_turn) == (
        1.7e9,
        3,
        b"2" * 16,
        True,
    )
    assert (flag.user_id, flag.is_removed) == (user.pk, False)
    on, off = new.get_model("conversations", "TagUse").objects.order_by("pk")
    assert (on.tag_id, on.source, on.user_id, on.is_removed, on.at) == (tag.pk, "bot", None, False, moment)
    assert on.anchor_at == pytest.approx(moment.timestamp())
    assert (off.tag_id, off.source, off.user_id, off.is_removed, off.anchor_at) == (
        gone.pk,
        "person",
        user.pk,
        True,
        1.6e9,
    )

    back = migrate(BEFORE)
    rows = back.get_model("conversations", "ConversationTag").objects.order_by("tag_id")
    assert list(rows.values_list("tag_id", "source", "is_removed")) == [
        (tag.pk, "bot", False),
        (gone.pk, "person", True),
    ]
    assert back.get_model("conversations", "Flag").objects.get().timestamp == 1.7e9
