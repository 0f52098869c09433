"""One judgement: the lock, the rows that it writes, what follows from them, who did it, and taking it back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import wraps
from typing import Any, NamedTuple, ParamSpec, TypeVar, cast
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from conversations.identity import Key
from conversations.models import (
    Assignment,
    Conversation,
    Correction,
    Deed,
    Event,
    Flag,
    Later,
    Note,
    Opinion,
    Review,
    Session,
    TagUse,
)
from conversations.opinions.mentions import mention
from conversations.opinions.placing import refresh, session_at
from enterprise.access import may
from enterprise.audit import record
from enterprise.models import User

# What undo writes back, and compares to see whether somebody changed it since.
COLUMNS: dict[type[Opinion], tuple[str, ...]] = {
    Review: ("is_removed",),
    TagUse: ("is_removed", "source", "user_id"),
    Flag: ("is_removed", "user_id"),
    Note: ("is_removed", "text"),
    Correction: ("is_removed", "user_id", "intent", "entities"),
    Assignment: ("is_removed", "user_id", "to_id"),
    Later: ("is_removed",),
}
MODELS = {model.__name__.lower(): model for model in COLUMNS}
UNDONE = {
    "review": gettext_lazy("Review taken back."),
    "unreview": gettext_lazy("Reviewed again as before."),
    "later": gettext_lazy("No longer kept for later."),
    "unlater": gettext_lazy("Kept for later again."),
    "tag": gettext_lazy("Tag taken off again."),
    "untag": gettext_lazy("Tag put back."),
    "flag": gettext_lazy("Flag taken off again."),
    "unflag": gettext_lazy("Flag put back."),
    "note": gettext_lazy("Note taken back."),
    "note-edit": gettext_lazy("Note as it was before."),
    "note-delete": gettext_lazy("Note put back."),
    "correct": gettext_lazy("Intent as it was before."),
    "uncorrect": gettext_lazy("Correction put back."),
    "assign": gettext_lazy("Assigned as before."),
}


class Refused(ValueError):
    """This cannot be judged so; the message says why, in a sentence for the person."""


class Conflict(Exception):
    """Somebody changed it since. `found`: {"by", "what", "at" (ISO)}; the message says it in a sentence."""

    def __init__(self, message: str, found: dict[str, Any]) -> None:
        super().__init__(message)
        self.found = found


class Repeated(Exception):
    """The client sent this before and saw no answer. `done`: what it was to be answered with."""

    def __init__(self, done: Done) -> None:
        super().__init__(done.said)
        self.done = done


class Done(NamedTuple):
    """What became of a judgement. `deed` is None when nothing had to be written."""

    deed: Deed | None
    said: str
    session: Session


P = ParamSpec("P")
R = TypeVar("R")


def retried(service: Callable[P, R]) -> Callable[P, R]:
    """Run in a transaction, and repeat once what lost a race for the same row. What was done already is only answered."""

    def once(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            with transaction.atomic():
                return service(*args, **kwargs)
        except Repeated as known:
            return cast("R", known.done)

    @wraps(service)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return once(*args, **kwargs)
        except IntegrityError:
            return once(*args, **kwargs)

    return run


@dataclass
class Case:
    """A session that a person judges, locked. `request` (page or API) says who, and from where for the audit."""

    request: Any
    session: Session
    conversation: Conversation
    changes: list[dict[str, Any]] = field(default_factory=list)

    @property
    def user(self) -> User:
        return cast("User", self.request.user)

    @property
    def start(self) -> Key:
        """Where opinions on the session as a whole are anchored."""
        session = self.session
        return session.start_at, session.start_rank, bytes(session.start_hash)

    def event(self, pk: int) -> Event:
        """An event of the session. Raises Http404."""
        found = Event.objects.of_session(self.session).filter(pk=pk).first() if 0 < pk < 2**63 else None
        if found is None:
            raise Http404(_("This session has no such event."))
        return found

    def add(self, model: type[Opinion], anchor: Key, *, is_turn: bool, **values: Any) -> Any:
        """Write an opinion of this person."""
        at, rank, digest = anchor
        row = model(
            conversation=self.conversation, session=self.session, is_turn=is_turn,
            anchor_at=at, anchor_rank=rank, anchor_hash=digest, **{"user": self.user, **values},
        )  # fmt: skip
        row.save()
        self._note(row, None)
        return row

    def change(self, row: Opinion, **values: Any) -> None:
        """Write other values into an opinion; `at` becomes now."""
        before = snapshot(row)
        for name, value in {"at": timezone.now(), **values}.items():
            setattr(row, name, value)
        row.save()
        self._note(row, before)

    def _note(self, row: Opinion, before: dict[str, Any] | None) -> None:
        change = {"model": type(row).__name__.lower(), "pk": row.pk, "before": before, "after": snapshot(row)}
        self.changes.append(change)

    def done(self, kind: str, topic: str, said: str, *, anchor: Key | None = None, **details: Any) -> Done:
        """Write what follows, and who did it. `anchor`: the turn it is about; `details` go into the audit log."""
        if not self.changes:
            return Done(None, said, self.session)
        at, rank, digest = anchor or self.start
        deed = Deed.objects.create(
            conversation=self.conversation, session=self.session, is_turn=anchor is not None,
            anchor_at=at, anchor_rank=rank, anchor_hash=digest,
            user=self.user, kind=kind, topic=topic, said=said, changes=self.changes, key=key_of(self.request),
        )  # fmt: skip
        self._follow()
        record(
            self.request, f"session.{kind}", self.conversation.sender_id, session=self.session.pk, **details
        )
        return Done(deed, said, self.session)

    def _follow(self, *others: Session) -> None:
        """`others`: further sessions of the conversation that rows were written to."""
        touched = [self.session, *others]
        refresh(touched)
        self.conversation.revision += 1  # open lists and transcripts look at it
        self.session.revision = self.conversation.revision
        Conversation.objects.filter(pk=self.conversation.pk).update(revision=self.conversation.revision)
        Session.objects.filter(pk__in=[one.pk for one in touched]).update(revision=self.session.revision)


def opened(request: Any, session_id: int) -> Case:
    """Lock the conversation of a session that this person may see. Needs a transaction. Raises Http404."""
    visible = Session.objects.visible_to(request.user)
    known = visible.filter(pk=session_id if session_id < 2**63 else 0).first()
    conversation = _locked(known.conversation_id) if known else None
    _not_yet(request)
    # It may have been rebuilt while we waited.
    session = visible.filter(pk=session_id, conversation=conversation).select_related("assistant").first()
    if conversation is None or session is None:
        raise Http404(_("There is no such session."))
    return Case(request, session, conversation)


def key_of(request: Any) -> UUID | None:
    """The key under which the client sent this judgement: a view sets it as `deed_key`."""
    return getattr(request, "deed_key", None)


def _not_yet(request: Any) -> None:
    """Raise Repeated when this person sent the same before. Under the lock: the first one may have been under way."""
    key = key_of(request)
    if key is None:
        return
    deed = Deed.objects.filter(Q(key=key) | Q(undo_key=key), user=request.user).first()
    session = session_at(deed.conversation_id, deed.anchor) if deed else None
    if deed and session and Session.objects.visible_to(request.user).filter(pk=session.pk).exists():
        raise Repeated(Done(deed, str(UNDONE[deed.kind]) if deed.undo_key == key else deed.said, session))


def _locked(conversation_id: int) -> Conversation | None:
    return Conversation.objects.select_for_update(no_key=True).filter(pk=conversation_id).first()


def snapshot(row: Opinion) -> dict[str, Any]:
    """The columns that undo writes back."""
    return {"at": row.at.isoformat(), **{name: getattr(row, name) for name in COLUMNS[type(row)]}}


def may_judge(request: Any) -> None:
    """Raise PermissionDenied unless this person may judge."""
    if not may(request.user, "conversations.judge"):
        raise PermissionDenied


def undo(request: Any, *, deed_id: int | None = None, force: bool = False) -> Done:
    """Take back this person's last deed that stands, or the one of `deed_id`.

    Raises Refused when there is none, or nothing is left of it (the next undo then goes on to the one before), Conflict
    when somebody else (or the person, otherwise) changed it since, unless `force`: then it is done anyway.
    """
    may_judge(request)
    done = _undone(request, deed_id, force=force)
    if done is None:  # said only here: within the transaction, the deed would stay the last one for ever
        raise Refused(_("What you did there is gone, so that there is nothing left to undo."))
    return done


@retried
def _undone(request: Any, deed_id: int | None, *, force: bool) -> Done | None:
    """None when none of the deed's rows is left, as after tags were merged or deleted."""
    own = Deed.objects.filter(user=request.user, undone_at=None)
    if deed_id is not None:
        own = own.filter(pk=deed_id if deed_id < 2**63 else 0)
    deed = own.order_by("-pk").first()
    conversation = _locked(deed.conversation_id) if deed else None
    _not_yet(request)
    deed = own.filter(pk=deed.pk).select_for_update(of=("self",), no_key=True).first() if deed else None
    if deed is None or conversation is None:
        raise Refused(_("There is nothing to undo."))
    session = session_at(conversation.pk, deed.anchor)
    if session is None:
        raise Refused(_("There is nothing to undo."))
    rows = [(MODELS[change["model"]], change) for change in reversed(deed.changes)]
    found = [(model.objects.filter(pk=change["pk"]).first(), change) for model, change in rows]
    left = [row for row, _change in found if row is not None]
    if left and not force:
        _check(deed, found)
    case = Case(request, session, conversation)
    for row, change in found:
        if row is not None:
            _write_back(row, change)
    deed.undone_at = timezone.now()
    deed.undo_key = key_of(request)
    deed.save(update_fields=["undone_at", "undo_key"])
    if found and not left:
        return None
    # A boundary that came since may have parted them: a review stays with its turn, a *later* with the beginning.
    elsewhere = {row.session_id for row in left if row.session_id} - {session.pk}
    case._follow(*Session.objects.filter(conversation=conversation, pk__in=elsewhere))
    record(request, "session.undo", conversation.sender_id, session=session.pk, deed=deed.pk, kind=deed.kind)
    return Done(deed, str(UNDONE[deed.kind]), session)


def _write_back(row: Any, change: dict[str, Any]) -> None:
    before = change["before"]
    if before is None:
        row.is_removed = True
        row.save(update_fields=["is_removed"])
        return
    for name, value in before.items():
        setattr(row, name, datetime.fromisoformat(value) if name == "at" else value)
    row.save()
    if isinstance(row, Note):
        mention(row)


def _check(deed: Deed, found: list[tuple[Opinion | None, dict[str, Any]]]) -> None:
    """Raise Conflict when what the deed wrote is no longer so, or somebody else judged the same since."""
    others = (
        _same_place(deed).filter(pk__gt=deed.pk, topic=deed.topic, undone_at=None).exclude(user=deed.user)
    )
    other = others.select_related("user").order_by("-pk").first()
    if other is not None:
        name = other.user.get_username()
        raise Conflict(
            _("%(name)s changed this since. Undo it anyway?") % {"name": name},
            {"by": name, "what": other.kind, "at": other.at.isoformat(), "deed": deed.pk},
        )
    for row, change in found:
        after = {name: value for name, value in change["after"].items() if name != "at"}
        if row is None or any(getattr(row, name) != value for name, value in after.items()):
            at = row.at.isoformat() if row is not None else None
            by = row.user.get_username() if row is not None and row.user else ""
            raise Conflict(
                _("This was changed since. Undo it anyway?"),
                {"by": by, "what": change["model"], "at": at, "deed": deed.pk},
            )


def _same_place(deed: Deed) -> QuerySet[Deed]:
    found = Deed.objects.filter(conversation_id=deed.conversation_id)
    if deed.topic.startswith("turn "):
        return found.filter(anchor_at=deed.anchor_at, anchor_hash=bytes(deed.anchor_hash))
    return found.filter(session=deed.session)


def meet(seen: str | None, found: Opinion | None, shown: str, user: Any) -> None:
    """Raise Conflict when somebody else set another value than the person's screen showed (`seen`; None: not said)."""
    now = shown if found is not None and not found.is_removed else ""
    if seen is not None and seen != now and found is not None and found.user_id != user.pk:
        name = found.user.get_username() if found.user else ""
        message = _("%(name)s changed this to “%(value)s” meanwhile. Replace it?") % {
            "name": name,
            "value": now,
        }
        raise Conflict(message, {"by": name, "what": now, "at": found.at.isoformat()})
