"""What counts as fallback, handoff, goal reached, abandoned form and complaint: named by each team for its assistant."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from conversations.models.happened import Assistant


class Signal(models.Model):
    """One signal as a person defined it; without a row it is what `conversations.defining.guess` makes of the names.

    Any of its parts is enough. Queries read it at the moment they ask (`is:handoff`), so that a change holds for all history.
    """

    class Name(models.TextChoices):
        """As in queries: `is:handoff`."""

        FALLBACK = "fallback", _("Fallback")
        HANDOFF = "handoff", _("Handoff")
        GOAL = "goal", _("Goal reached")
        ABANDONED = "abandoned", _("Abandoned form")
        COMPLAINT = "complaint", _("Complaint")

    assistant = models.ForeignKey(Assistant, on_delete=models.CASCADE, related_name="signals")
    name = models.CharField(max_length=20, choices=Name)
    intents = models.JSONField(
        default=list, blank=True, help_text="A user message was understood as one of them."
    )
    actions = models.JSONField(default=list, blank=True, help_text="The bot ran one of them.")
    slots = models.JSONField(
        default=list, blank=True, help_text="One of them was set: a name, or name=value."
    )
    loops = models.JSONField(
        default=list, blank=True, help_text="The session ended inside this form or flow."
    )
    user = models.ForeignKey("enterprise.User", on_delete=models.SET_NULL, null=True, related_name="+")
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["assistant", "name"], name="signal_once_per_assistant"),
        ]

    def __str__(self) -> str:
        return self.name


class Recount(models.Model):
    """Fallbacks are being counted anew in an assistant's sessions, by their ids; the row goes when all are."""

    assistant = models.OneToOneField(Assistant, on_delete=models.CASCADE, related_name="recount")
    first = models.BigIntegerField(help_text="Id of the first session.")
    done = models.BigIntegerField(help_text="Sessions up to this id are counted.")
    last = models.BigIntegerField(help_text="Id of the last one; newer ones were counted as they came.")

    @property
    def percent(self) -> int:
        """How far it is, roughly: ids are not all this assistant's."""
        return 100 * (self.done + 1 - self.first) // (self.last + 1 - self.first)
