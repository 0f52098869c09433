"""What people said of sessions, for their rows, their transcript and their side: read only, a fixed number of queries."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from django.db.models import Count, Max
from django.utils import timezone

from conversations.models import (
    VERDICTS,
    Assignment,
    Claim,
    Correction,
    Deed,
    Event,
    Flag,
    Later,
    Note,
    Review,
    Seen,
    Session,
    TagUse,
)
from conversations.transcript import Turn
from conversations.transcript.matching import Mark, Matcher

MARKED = {"turn-tag", "tag", "note", "reason", "verdict", "is"}


@dataclass
class Said:
    """A session as people judged it, for `user`. All that stands, the oldest first."""

    session: Session
    user: Any
    reviews: list[Review] = field(default_factory=list)
    tags: list[TagUse] = field(default_factory=list)
    assignments: list[Assignment] = field(default_factory=list)
    laters: list[Later] = field(default_factory=list)
    seen: int | None = None
    open_by: list[str] = field(default_factory=list)

    @cached_property
    def stamp(self) -> str:
        return stamp_of(self.session)

    @cached_property
    def notes(self) -> list[Note]:
        return list(_standing(Note, [self.session.pk]))

    @cached_property
    def flags(self) -> list[Flag]:
        return list(_standing(Flag, [self.session.pk]))

    @cached_property
    def corrections(self) -> list[Correction]:
        return list(_standing(Correction, [self.session.pk]))

    @property
    def review(self) -> Review | None:
        """The latest, which is the session's."""
        return self.reviews[-1] if self.reviews else None

    @property
    def status(self) -> str:
        """`none` (nothing to review), `unread`, `changed` or `reviewed`."""
        session = self.session
        if session.newest_turn is None:
            return "none"
        if session.watermark is None:
            return "unread"
        return "changed" if session.watermark < session.newest_turn else "reviewed"

    @property
    def verdict(self) -> str:
        return VERDICTS.get(self.session.verdict, "")

    @property
    def by(self) -> str:
        return name_of(self.review)

    @property
    def assigned(self) -> str:
        return self.assignments[-1].to.get_username() if self.assignments else ""

    @property
    def is_later(self) -> bool:
        return any(later.user_id == self.user.pk for later in self.laters)

    @property
    def is_seen(self) -> bool:
        """Whether this person has read it as far as it goes."""
        return self.seen is not None and self.seen >= (self.session.newest_turn or 0)


def name_of(opinion: Any) -> str:
    """Who said it; nothing for a bot, or a person who has gone."""
    return opinion.user.get_username() if opinion is not None and opinion.user else ""


def _standing(model: Any, ids: Iterable[int], *beside: str, **more: Any) -> Any:
    found = model.objects.filter(session__in=list(ids), is_removed=False, **more)
    return found.select_related("user", *beside).order_by("at", "pk")


def said_of(sessions: Sequence[Session], user: Any) -> dict[int, Said]:
    """By session id. Six queries for any number of sessions."""
    found = {session.pk: Said(session, user) for session in sessions}
    if not found:
        return {}
    for model, name, beside in (
        (Review, "reviews", "reason"),
        (TagUse, "tags", "tag"),
        (Assignment, "assignments", "to"),
        (Later, "laters", "user"),
    ):
        for opinion in _standing(model, found, beside):
            getattr(found[opinion.session_id], name).append(opinion)
    for pk, upto in Seen.objects.filter(session__in=list(found), user=user).values_list("session_id", "upto"):
        found[pk].seen = upto
    for pk, name in claims(found, user):
        found[pk].open_by.append(name)
    return found


def claims(ids: Iterable[int], user: Any) -> list[tuple[int, str]]:
    """Sessions that somebody else has open now."""
    others = Claim.objects.filter(session__in=list(ids), until__gt=timezone.now()).exclude(user=user)
    return list(others.order_by("pk").values_list("session_id", "user__username"))


def stamp_of(session: Session) -> str:
    """What changes with every judgement of a session, and with nothing else; its revision changes with events too."""
    found = Deed.objects.filter(session=session).aggregate(last=Max("pk"), undone=Count("undone_at"))
    return f"{found['last'] or 0}.{found['undone']}"


# --- turns -------------------------------------------------------------------------------------------


@dataclass
class Badge:
    """What people said of one turn."""

    flags: list[Flag] = field(default_factory=list)
    tags: list[TagUse] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    corrections: list[Correction] = field(default_factory=list)
    broke: list[Review] = field(default_factory=list)

    @property
    def version(self) -> str:
        """Changes with what is drawn of it."""
        said = (*self.flags, *self.tags, *self.notes, *self.corrections, *self.broke)
        return "".join(f"-{one.pk}.{int(one.at.timestamp())}" for one in said)


def badges(said: Said, turns: Sequence[Turn]) -> dict[int, Badge]:
    """By the turn's id."""
    found: dict[int, Badge] = defaultdict(Badge)
    firsts = [turn.first_key for turn in turns]
    for name, opinions in (
        ("flags", said.flags),
        ("tags", [use for use in said.tags if use.is_turn]),
        ("notes", [note for note in said.notes if note.is_turn]),
        ("corrections", said.corrections),
        ("broke", [review for review in said.reviews if review.verdict == Session.Verdict.BROKE]),
    ):
        for opinion in opinions:
            at = bisect_right(firsts, opinion.anchor) - 1
            if at >= 0 and opinion.anchor <= turns[at].last_key:
                getattr(found[turns[at].id], name).append(opinion)
    return dict(found)


def marks_of(sessions: Iterable[Session], wanted: Matcher) -> dict[int, list[Mark]]:
    """Turns that people marked, by session, as far as the query asks for them. Six queries, or none."""
    if not any(term.field in MARKED for term in wanted.terms):
        return {}
    ids = [session.pk for session in sessions]
    broke = Session.Verdict.BROKE
    anchors = [
        *((one, "flagged", "") for one in _standing(Flag, ids)),
        *((one, "noted", "") for one in _standing(Note, ids, is_turn=True)),
        *((one, "corrected", "") for one in _standing(Correction, ids)),
        *((one, "tag", one.tag.value) for one in _standing(TagUse, ids, "tag", is_turn=True)),
        *((one, "broke", str(one.reason or "")) for one in _standing(Review, ids, "reason", verdict=broke)),
    ]
    events = Event.objects.filter(
        conversation__sessions__pk__in=ids,
        timestamp__in={one.anchor_at for one, _kind, _value in anchors},
    )
    columns = events.values_list("pk", "timestamp", "rank", "hash") if anchors else ()
    numbers = {(at, rank, bytes(digest)): pk for pk, at, rank, digest in columns}
    found: dict[int, list[Mark]] = defaultdict(list)
    for one, kind, value in anchors:
        if one.anchor in numbers:
            found[one.session_id].append(Mark(kind, numbers[one.anchor], value))
    return found


# --- history -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Entry:
    """One line of a session's history. `kind` names what it is; `opinion` is what a template draws."""

    kind: str
    at: datetime
    opinion: Any
    turn: int | None = None  # event id, where it can be shown

    @property
    def by(self) -> str:
        return name_of(self.opinion)


def history(said: Said) -> list[Entry]:
    """Everything that people said of the session and of its turns, the newest first."""
    of_kinds: list[tuple[str, Sequence[Any]]] = [
        ("review", said.reviews),
        ("tag", said.tags),
        ("note", said.notes),
        ("flag", said.flags),
        ("correction", said.corrections),
        ("assignment", said.assignments),
        ("later", said.laters),
    ]
    return sorted(
        (Entry(kind, one.at, one) for kind, found in of_kinds for one in found),
        key=lambda entry: (entry.at, entry.opinion.pk),
        reverse=True,
    )
