"""What bots and people say of what happened."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from conversations.models.happened import Assistant, Conversation


class Tag(models.Model):
    """A word of the assistant's tag vocabulary."""

    assistant = models.ForeignKey(Assistant, on_delete=models.CASCADE)
    value = models.CharField(max_length=120)
    color = models.CharField(max_length=6, default="6B3FC4")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["assistant", "value"], name="tag_once_per_assistant"),
        ]

    def __str__(self) -> str:
        return self.value


class ConversationTag(models.Model):
    """A tag on a conversation or, with an anchor, on the session or turn of that event.

    Set by a bot before the first event, the anchor is empty: the conversation's first session takes it.
    """

    class Source(models.TextChoices):
        BOT = "bot", _("Bot")
        PERSON = "person", _("Person")

    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="tag_rows")
    tag = models.ForeignKey(Tag, on_delete=models.CASCADE, related_name="uses")
    source = models.CharField(max_length=10, choices=Source)
    user = models.ForeignKey("enterprise.User", on_delete=models.SET_NULL, null=True)
    anchor_at = models.FloatField(null=True, help_text="Timestamp of the event it is anchored to.")
    is_removed = models.BooleanField(
        default=False, help_text="A person took it off: the bot's next call leaves it so."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["conversation", "tag"], name="tag_once_per_conversation"),
        ]


class Flag(models.Model):
    """The one-bit bookmark of a turn that upstream's API knows as `is_flagged`."""

    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="flags")
    timestamp = models.FloatField()
    hash = models.BinaryField(max_length=16)
    user = models.ForeignKey("enterprise.User", on_delete=models.SET_NULL, null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["conversation", "timestamp", "hash"], name="flag_once_per_event"),
        ]
