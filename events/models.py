"""Where events come from, and what came that was no event.

Times are doubles of Unix seconds (UTC), as everywhere beside `conversations.models`.
"""

from typing import ClassVar, Self

from django.db import models
from django.utils.translation import gettext_lazy as _

FORGOTTEN_SECONDS = 86_400.0  # since the last heartbeat: nobody is configured to read it any more


class SourceQuerySet(models.QuerySet["Source"]):
    """Sources."""

    def in_use(self, now: float) -> Self:
        """Those that a service has read within a day, and stopped ones. An address that was taken away goes quietly.

        `now`: UTC seconds.
        """
        return self.filter(
            models.Q(heartbeat_at__gte=now - FORGOTTEN_SECONDS) | models.Q(state=Source.State.STOPPED)
        )


class Source(models.Model):
    """One queue, table or log that the event service reads: its place in it, and how it is doing.

    The key is made of the address without credentials, so a new password continues the same row. Counters change in
    the transaction that stores the batch they count; several processes on one queue add to the same row.
    """

    class Kind(models.TextChoices):
        RABBITMQ = "rabbitmq", _("RabbitMQ")
        SQL = "sql", _("SQL table")
        FILE = "file", _("Log file")
        KAFKA = "kafka", _("Kafka")
        DEMO = "demo", _("Demo")

    class State(models.TextChoices):
        RUNNING = "running", _("Running")
        PAUSED = "paused", _("Paused")  # by a person
        STOPPED = "stopped", _("Stopped")  # by itself: nearly all that came was rejected

    key = models.CharField(max_length=64, unique=True)
    kind = models.CharField(max_length=10, choices=Kind)
    label = models.TextField(help_text="The address as people may see it: no credentials.")
    assistant = models.CharField(
        max_length=100, default="default", help_text="Name of the assistant it feeds."
    )
    position = models.JSONField(
        default=dict, help_text="How far it is read, for sources that do not remember."
    )
    lease_holder = models.CharField(max_length=64, blank=True, help_text="The process that may read it.")
    lease_until = models.FloatField(default=0)
    state = models.CharField(max_length=10, choices=State, default=State.RUNNING)
    reason = models.TextField(blank=True, help_text="Why it is stopped or paused, in a sentence.")
    connected = models.BooleanField(default=False)
    problem = models.TextField(blank=True, help_text="What keeps it from reading now, and the next step.")
    heartbeat_at = models.FloatField(null=True)
    n_stored = models.PositiveBigIntegerField(default=0)
    n_duplicates = models.PositiveBigIntegerField(default=0)
    n_rejected = models.PositiveBigIntegerField(default=0)
    last_event_at = models.FloatField(null=True, help_text="Timestamp of the newest event of the last batch.")
    last_received_at = models.FloatField(null=True)
    facts = models.JSONField(
        default=dict, help_text="What its kind can tell; see `facts()` in events/sources."
    )
    created_at = models.FloatField()

    objects: ClassVar[models.Manager[Self]] = SourceQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["id"]

    def __str__(self) -> str:
        return self.label


class RejectedMessage(models.Model):
    """A message that could not be an event, with its body to the byte and the reason. The same body counts up."""

    source = models.ForeignKey(Source, on_delete=models.CASCADE, related_name="rejected", db_index=False)
    body_hash = models.BinaryField(max_length=16)
    body = models.BinaryField(null=True, help_text="Null when it is kept in `file`.")
    file = models.TextField(blank=True, help_text="Path below DATA_DIR of a body over 16 MB.")
    size = models.PositiveBigIntegerField(help_text="Bytes.")
    reason = models.TextField()
    properties = models.JSONField(default=dict, help_text="Facts of the transport: environment, is_export.")
    first_at = models.FloatField()
    last_at = models.FloatField()
    count = models.PositiveBigIntegerField(default=0)
    replayed_at = models.FloatField(null=True, help_text="When it became an event after all.")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint("source", "body_hash", name="rejected_once_per_source"),
        ]
        indexes: ClassVar = [
            # Reader: the list of rejected messages, newest first.
            models.Index("source", models.F("last_at").desc(), name="rejected_newest"),
        ]

    def __str__(self) -> str:
        return self.reason
