"""What bots and people say of what happened.

Every opinion is anchored to a place in its conversation's order of events, never to the number of a session: late events
move boundaries. `session` is derived from the anchor (`opinions.placing`). An opinion that is taken back stays, with
`is_removed`: ask for `standing()` ones.
"""

from typing import ClassVar, Self

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from conversations.identity import Key
from conversations.models.happened import Assistant, Conversation, Session

PERSON = "enterprise.User"
# What a review may find, by the number that is stored: the words of the query language, of value rows and of the API.
VERDICTS: dict[int, str] = {number: str(label) for number, label in Session.Verdict.choices if number}


class OpinionQuerySet(models.QuerySet):
    """Opinions of one kind."""

    def standing(self) -> Self:
        """Those that nobody took back."""
        return self.filter(is_removed=False)


class Anchored(models.Model):
    """Something said of a session, or with `is_turn` of the turn that holds the anchor.

    The anchor is the key of an event; an empty `anchor_hash` only names a moment (UTC seconds): bots tag before the
    events of their turn are published.
    """

    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="%(class)s_rows")
    session = models.ForeignKey(
        Session, on_delete=models.SET_NULL, null=True, db_constraint=False, related_name="%(class)s_rows"
    )
    anchor_at = models.FloatField(help_text="Timestamp of the event.")
    anchor_rank = models.SmallIntegerField(default=0)
    anchor_hash = models.BinaryField(max_length=16, default=b"")
    is_turn = models.BooleanField(default=False, help_text="Of the turn of the anchor, not of the session.")

    class Meta:
        abstract = True

    @property
    def anchor(self) -> Key:
        """Its place in the conversation."""
        return self.anchor_at, self.anchor_rank, bytes(self.anchor_hash)


class Opinion(Anchored):
    """What one person (or a bot: `user` is empty) said, and when."""

    user = models.ForeignKey(PERSON, on_delete=models.SET_NULL, null=True, related_name="+")
    at = models.DateTimeField(default=timezone.now)
    is_removed = models.BooleanField(default=False, help_text="Taken back; kept for undo and history.")

    objects: ClassVar[models.Manager[Self]] = OpinionQuerySet.as_manager()

    class Meta:
        abstract = True


class Reason(models.Model):
    """Why a bot broke: a word of the assistant's editable list."""

    assistant = models.ForeignKey(Assistant, on_delete=models.CASCADE)
    text = models.CharField(max_length=80)
    position = models.PositiveSmallIntegerField(default=0)
    is_removed = models.BooleanField(default=False, help_text="No longer offered; reviews keep it.")

    class Meta:
        ordering: ClassVar = ["position", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["assistant", "text"], name="reason_once_per_assistant"),
        ]

    def __str__(self) -> str:
        return self.text


class Review(Opinion):
    """A person looked at a session as far as `watermark`, and found what the verdict says.

    Several may; all stay, the latest that stands is the session's. `broke` is anchored to the turn.
    """

    verdict = models.SmallIntegerField(choices=Session.Verdict.choices[1:])
    reason = models.ForeignKey(Reason, on_delete=models.SET_NULL, null=True, related_name="reviews")
    watermark = models.BigIntegerField(
        help_text="Arrival number of the last event that was on the reviewer's screen."
    )
    covers_from = models.FloatField(
        help_text="Where the session began then (UTC seconds): of what is before, nothing was seen."
    )


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


class TagUse(Opinion):
    """A tag on a session or turn. What a person took off (`is_removed`) a bot does not put back."""

    class Source(models.TextChoices):
        BOT = "bot", _("Bot")
        PERSON = "person", _("Person")

    tag = models.ForeignKey(Tag, on_delete=models.CASCADE, related_name="uses")
    source = models.CharField(max_length=10, choices=Source)


class Flag(Opinion):
    """The one-bit bookmark of a turn that upstream's API knows as `is_flagged`. Always anchored to an event."""

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["conversation", "anchor_at", "anchor_hash"], name="flag_once_per_event"
            ),
        ]


class Correction(Opinion):
    """The intent and entities that a user message should have had. Always anchored to its event; the latest counts."""

    intent = models.TextField()
    entities = models.JSONField(
        null=True,
        help_text="[{start, end, entity, value}] in code points; null: nobody said anything of them.",
    )
    was = models.TextField(help_text="The intent that the assistant understood.")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["conversation", "anchor_at", "anchor_hash"], name="correction_once_per_event"
            ),
        ]


class Note(Opinion):
    """A remark on a session or turn."""

    text = models.TextField()
    words = models.TextField(help_text="Its search words, as of `Event.words`.")
    edited_at = models.DateTimeField(null=True)


class Mention(models.Model):
    """A person whom a note names with @."""

    note = models.ForeignKey(Note, on_delete=models.CASCADE, related_name="mentions")
    user = models.ForeignKey(PERSON, on_delete=models.CASCADE, related_name="+")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["note", "user"], name="mention_once_per_note"),
        ]


class Assignment(Opinion):
    """Whose session it is. `user` gave it to `to`; one row of a session stands."""

    to = models.ForeignKey(PERSON, on_delete=models.CASCADE, related_name="+")


class Later(Opinion):
    """`user` wants to come back to the session."""


class Deed(Anchored):
    """One thing that a person did, as far as it takes to undo it.

    `changes` are the rows that it wrote: [{"model", "pk", "before": {column: value} or null, "after": {...}}].
    """

    user = models.ForeignKey(PERSON, on_delete=models.CASCADE, related_name="+")
    at = models.DateTimeField(default=timezone.now)
    kind = models.CharField(max_length=20, help_text="review, unreview, later, tag, untag, flag, …")
    topic = models.CharField(
        max_length=40, help_text="What of the place it is about: two deeds of one topic may collide."
    )
    said = models.TextField(default="", help_text="The sentence that the person was answered with.")
    changes = models.JSONField(default=list)
    undone_at = models.DateTimeField(null=True)
    # What a client sends again because no answer came is done once: it keeps the key under which it sent it first.
    key = models.UUIDField(null=True, help_text="Made by the client that sent it.")
    undo_key = models.UUIDField(null=True, help_text="Made by the client that took it back.")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "key"], name="deed_once"),
            models.UniqueConstraint(fields=["user", "undo_key"], name="deed_undone_once"),
        ]
        indexes: ClassVar = [
            # Reader: `u`, the person's last deed that stands.
            models.Index(fields=["user", "-id"], name="deed_last", condition=Q(undone_at=None)),
        ]


class Seen(models.Model):
    """How far a person has read a session: a private mark, worth nothing to others."""

    user = models.ForeignKey(PERSON, on_delete=models.CASCADE, related_name="+")
    session = models.ForeignKey(
        Session, on_delete=models.CASCADE, db_constraint=False, related_name="seen_rows"
    )
    upto = models.BigIntegerField(help_text="Arrival number of the last event that was on the screen.")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "session"], name="seen_once_per_person"),
        ]


class Claim(models.Model):
    """A person has a session open: others are told and their *next* skips it. Never a lock."""

    user = models.ForeignKey(PERSON, on_delete=models.CASCADE, related_name="+")
    session = models.ForeignKey(
        Session, on_delete=models.CASCADE, db_constraint=False, related_name="claim_rows"
    )
    until = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "session"], name="claim_once_per_person"),
        ]
