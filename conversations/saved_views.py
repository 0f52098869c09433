"""Views: queries with a name. Six to begin with, one's own, and what colleagues share.

The query in the address is the truth; a view is where it came from. All changes of views go through here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from conversations.models import Assistant, SavedView, Star
from conversations.models.asking import MAX_NAME, MAX_QUERY
from conversations.query import parse
from enterprise.models import User

LANDING = "trouble"
KEPT = timedelta(days=30)  # a deleted view can be brought back
MOST = 200  # views of one list


@dataclass(frozen=True, slots=True)
class Starter:
    """A view that everybody has from the first day."""

    key: str
    name: str | Promise
    help: str | Promise
    query: str


STARTERS = (
    Starter("unread", _("Unread"), _("Nobody has reviewed these yet."), "review:unread"),
    Starter(
        "trouble",
        _("Trouble"),
        _("A fallback or a complaint, not reviewed yet; worst first."),
        "is:fallback,complaint review:unread,changed sort:fallbacks",
    ),
    Starter("handoffs", _("Handoffs"), _("Handed over to a person."), "is:handoff"),
    Starter("abandoned", _("Forms abandoned"), _("A form was begun and never finished."), "is:abandoned"),
    Starter("changed", _("Changed since review"), _("New turns came after the review."), "review:changed"),
    Starter("random", _("Random 50"), _("Fifty drawn by chance: what they show holds for all."), "sample:50"),
)
BY_KEY = {starter.key: starter for starter in STARTERS}


class NameTaken(ValueError):
    """The person has another view of this name for this assistant."""

    def __str__(self) -> str:
        return gettext("You have a view of this name already.")


class BadQuery(ValueError):
    """A view cannot mean a query that means nothing; the text says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class View:
    """A view as one person sees it. `key` is the starter's, or the number of the saved one."""

    key: str
    name: str
    help: str
    query: str
    saved: SavedView | None = None
    is_starred: bool = False
    is_mine: bool = False
    may_change: bool = False

    @property
    def is_shared(self) -> bool:
        return self.saved is not None and self.saved.is_shared

    @property
    def by(self) -> str:
        """Who made it, where that is somebody else."""
        if self.saved is None or self.is_mine or self.saved.owner is None:
            return ""
        return self.saved.owner.get_full_name() or self.saved.owner.get_username()

    def differs(self, text: str) -> bool:
        """Whether `text` asks for anything else than this view."""
        return not same(self.query, text)


def same(one: str, other: str) -> bool:
    """Whether two texts are the same query, however they are written; texts with mistakes only if they are equal."""
    if one.strip() == other.strip():
        return True
    first, second = parse(one), parse(other)
    return first.ok and second.ok and first.query == second.query


def visible_to(user: User, assistant: Assistant) -> QuerySet[SavedView]:
    """The saved views of this assistant that this person may see."""
    found = SavedView.objects.filter(assistant=assistant, deleted_at__isnull=True)
    return found.filter(Q(owner=user) | Q(is_shared=True)).select_related("owner")


def views_of(user: User, assistant: Assistant) -> list[View]:
    """All views, starred ones first, then starters, one's own, and shared ones by name. Two statements."""
    stars = {star.view_id or star.starter for star in Star.objects.filter(user=user)}
    saved = list(visible_to(user, assistant).order_by("name", "pk")[:MOST])
    views = [_starter(starter, starred=starter.key in stars) for starter in STARTERS]
    views += [_saved(view, user, starred=view.pk in stars) for view in saved]
    # Stable: the starters in their order, what is one's own before what is shared.
    return sorted(views, key=lambda view: (not view.is_starred, view.saved is not None and not view.is_mine))


def find(user: User, assistant: Assistant, key: str) -> View | None:
    """The view of this key, None where there is none that the person may see. At most one statement."""
    if key in BY_KEY:
        return _starter(BY_KEY[key])
    if not key.isdecimal() or len(key) > 18:
        return None
    saved = visible_to(user, assistant).filter(pk=int(key)).first()
    return _saved(saved, user) if saved else None


def saved(user: User, pk: int, *, is_deleted: bool = False) -> SavedView | None:
    """The saved view of any assistant, None where there is none that the person may see."""
    if pk >= 2**63:
        return None
    found = SavedView.objects.filter(pk=pk, deleted_at__isnull=not is_deleted)
    return found.filter(Q(owner=user) | Q(is_shared=True)).select_related("assistant", "owner").first()


def seen(view: SavedView, user: User) -> View:
    """A saved view as this person sees it."""
    return _saved(view, user, starred=Star.objects.filter(user=user, view=view).exists())


def _starter(starter: Starter, *, starred: bool = False) -> View:
    return View(starter.key, str(starter.name), str(starter.help), starter.query, is_starred=starred)


def _saved(saved: SavedView, user: User, *, starred: bool = False) -> View:
    return View(
        str(saved.pk),
        saved.name,
        saved.query,
        saved.query,
        saved,
        starred,
        is_mine=saved.owner_id == user.pk,
        may_change=may_change(user, saved),
    )


def may_change(user: User, saved: SavedView) -> bool:
    """One's own; shared ones of others only as an admin."""
    return saved.owner_id == user.pk or (saved.is_shared and user.role == User.Role.ADMIN)


def create(user: User, assistant: Assistant, name: str, query: str, *, shared: bool = False) -> SavedView:
    """Raises NameTaken, BadQuery."""
    _check(query)
    saved = SavedView(
        assistant=assistant, owner=user, name=name[:MAX_NAME], query=query[:MAX_QUERY], is_shared=shared
    )
    _save(saved)
    return saved


def change(
    user: User,
    saved: SavedView,
    *,
    name: str | None = None,
    query: str | None = None,
    shared: bool | None = None,
) -> tuple[SavedView, bool]:
    """The view with these changes, and whether it is a private copy: who may not change it gets one. Raises NameTaken, BadQuery."""
    if query is not None:
        _check(query)
    if not may_change(user, saved):
        return create(
            user, saved.assistant, _copy_name(user, saved, name), saved.query if query is None else query
        ), True
    saved.name = saved.name if name is None else name[:MAX_NAME]
    saved.query = saved.query if query is None else query[:MAX_QUERY]
    saved.is_shared = saved.is_shared if shared is None else shared
    _save(saved)
    return saved, False


def delete(saved: SavedView) -> None:
    """Out of all lists; `restore` brings it back for thirty days."""
    SavedView.objects.filter(deleted_at__lt=timezone.now() - KEPT).delete()
    saved.deleted_at = timezone.now()
    saved.save(update_fields=["deleted_at"])


def restore(saved: SavedView) -> None:
    """Undo `delete`. Raises NameTaken when another view took the name meanwhile."""
    saved.deleted_at = None
    _save(saved)


def star(user: User, view: View, *, on: bool) -> None:
    """Put it first in this person's list, or no longer."""
    row: dict[str, Any] = {"view": view.saved, "starter": "" if view.saved else view.key}
    if on:
        Star.objects.get_or_create(user=user, **row)
    else:
        Star.objects.filter(user=user, **row).delete()


def _save(saved: SavedView) -> None:
    try:
        with transaction.atomic():
            saved.save()
    except IntegrityError:
        raise NameTaken from None


def _check(query: str) -> None:
    parsed = parse(query[:MAX_QUERY])
    if parsed.query.impossible:
        mistake = next(one for one in parsed.mistakes if not one.warning)
        raise BadQuery(mistake.sentence(gettext))


def _copy_name(user: User, saved: SavedView, name: str | None) -> str:
    """A name for a private copy that is not taken."""
    wanted = (name or saved.name)[: MAX_NAME - 20]
    taken = set(
        SavedView.objects.filter(assistant=saved.assistant, owner=user, deleted_at__isnull=True).values_list(
            "name", flat=True
        )
    )
    names = [wanted, gettext("%(name)s (my copy)") % {"name": wanted}]
    names += [f"{names[1]} {number}" for number in range(2, len(taken) + 3)]
    return next(one for one in names if one not in taken)
