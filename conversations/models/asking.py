"""What people keep of their asking: saved views of the sessions, and which views each likes to see first."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from conversations.models.happened import Assistant

MAX_NAME = 80  # code points of a view's name
MAX_QUERY = 10_000  # code points, as in the query language


class SavedView(models.Model):
    """A query with a name, of one assistant. Private to its owner unless it is shared."""

    assistant = models.ForeignKey(Assistant, on_delete=models.CASCADE)
    owner = models.ForeignKey(
        "enterprise.User",
        on_delete=models.SET_NULL,
        null=True,
        help_text="Shared views outlive who made them.",
    )
    name = models.CharField(max_length=MAX_NAME)
    query = models.TextField(max_length=MAX_QUERY, blank=True)
    is_shared = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    deleted_at = models.DateTimeField(
        null=True, help_text="Kept for a while, so that a deletion can be undone."
    )

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["assistant", "owner", "name"],
                condition=Q(deleted_at__isnull=True),
                name="view_name_once_per_owner",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Star(models.Model):
    """A view that a person wants first: a saved one, or one of the starters by its key."""

    user = models.ForeignKey("enterprise.User", on_delete=models.CASCADE, related_name="+")
    view = models.ForeignKey(SavedView, on_delete=models.CASCADE, null=True, related_name="stars")
    starter = models.CharField(max_length=20, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["user", "view"], condition=Q(starter=""), name="star_once_per_view"
            ),
            models.UniqueConstraint(
                fields=["user", "starter"], condition=Q(view__isnull=True), name="star_once_per_starter"
            ),
            models.CheckConstraint(
                condition=Q(view__isnull=True, starter__gt="") | Q(view__isnull=False, starter=""),
                name="star_is_of_one_view",
            ),
        ]
