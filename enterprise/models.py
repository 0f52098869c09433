"""People and how they come in."""

import functools
import zoneinfo

from django.contrib.auth.models import AbstractUser
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _


@functools.cache
def time_zones() -> frozenset[str]:
    """The IANA names that this machine knows; looked up in the file system once."""
    return frozenset(zoneinfo.available_timezones())


def validate_time_zone(value: str) -> None:
    """Raise ValidationError unless `value` names an IANA time zone (empty: guessed from the browser)."""
    if value and value not in time_zones():
        raise ValidationError(_("“%(value)s” is not a known time zone."), params={"value": value})


class User(AbstractUser):
    """A person who signs in. What the person may do follows from the role (`enterprise.access`)."""

    class Role(models.TextChoices):
        ADMIN = "admin", _("Admin")
        REVIEWER = "reviewer", _("Reviewer")
        ANNOTATOR = "annotator", _("Annotator")
        TESTER = "tester", _("Tester")

    role = models.CharField(_("role"), max_length=20, choices=Role.choices, default=Role.REVIEWER)
    time_zone = models.CharField(_("time zone"), max_length=64, blank=True, validators=[validate_time_zone])

    class Meta(AbstractUser.Meta):
        constraints = [
            models.CheckConstraint(
                condition=models.Q(role__in=["admin", "reviewer", "annotator", "tester"]),
                name="user_role_is_known",
            )
        ]


class SignInLink(models.Model):
    """A link that signs one person in once: the first admin's from `bin/run`, or an invitation.

    Only the SHA-256 of its secret is kept, so that a copy of the database lets nobody in.
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="sign_in_links")
    secret_hash = models.CharField(max_length=64, unique=True)
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.user} until {self.expires_at:%Y-%m-%d %H:%M}"


class AuditLine(models.Model):
    """One write: who did what to which thing, when, from where."""

    at = models.DateTimeField(auto_now_add=True)
    user = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    actor = models.CharField(
        max_length=150, help_text="The name as it was then; it stays when the person goes."
    )
    action = models.CharField(max_length=60)
    target = models.CharField(max_length=200, blank=True)
    details = models.JSONField(default=dict)
    address = models.GenericIPAddressField(null=True)

    class Meta:
        indexes = [models.Index(fields=["-at", "-id"], name="audit_newest")]

    def __str__(self) -> str:
        return f"{self.actor} {self.action} {self.target}"


class SignInFailure(models.Model):
    """One refused password. Counted, so that guessing stays slow across processes and restarts."""

    key = models.CharField(max_length=64, help_text="Hash of name, address or both.")
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [models.Index(fields=["key", "at"], name="sign_in_failures")]

    def __str__(self) -> str:
        return f"{self.key} {self.at}"


class DemoState(models.Model):
    """How far the demo conversations are in; one row, made by the first load, which outlives their removal."""

    class State(models.TextChoices):
        LOADING = "loading", _("Loading")
        DONE = "done", _("Loaded")
        REMOVED = "removed", _("Removed")

    state = models.CharField(max_length=10, choices=State.choices, default=State.LOADING)
    paced_to = models.FloatField(
        help_text="Unix time before which the recording was brought to end; decided with the first batch."
    )
    position = models.PositiveIntegerField(default=0, help_text="Events of the recording that are stored.")
    total = models.PositiveIntegerField(default=0, help_text="Events of the recording; 0 while not known.")
    updated_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"{self.state} {self.position}/{self.total}"
