"""Reviews and what goes with them: later, assignment, seen, and who has a session open."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Max
from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from conversations.identity import Key
from conversations.models import VERDICTS, Assignment, Claim, Event, Later, Reason, Review, Seen, Session
from conversations.opinions.deeds import Case, Conflict, Done, Refused, may_judge, meet, opened, retried
from enterprise.access import may
from enterprise.models import User

CLAIM = timedelta(minutes=5)
_NUMBERS = {name: number for number, name in VERDICTS.items()}
SAID = {
    "reviewed": gettext_lazy("Reviewed."),
    "well": gettext_lazy("Went well."),
    "broke": gettext_lazy("Broke here."),
}


@retried
def review(
    request: Any,
    session_id: int,
    verdict: str,
    watermark: int,
    *,
    turn: int | None = None,
    reason: int | None = None,
) -> Done:
    """A person has looked at a session up to `watermark` (an Event.id) and found `verdict`.

    `turn`: the event of the turn at which it broke, `reason`: why (both for `broke` alone). Raises Refused, Http404.
    """
    may_judge(request)
    if verdict not in _NUMBERS:
        raise Refused(_("There is no verdict “%(name)s”.") % {"name": verdict[:40]})
    if verdict != "broke" and (turn or reason):
        raise Refused(_("Only what broke has a turn and a reason."))
    case = opened(request, session_id)
    why = _reason(case, reason)
    event = case.event(turn) if turn else None
    anchor: Key | None = (event.timestamp, event.rank, bytes(event.hash)) if event else None
    seen = _clamped(case.session, watermark)
    latest = _reviews(case).order_by("at", "pk").last()
    said = str(SAID[verdict])
    if latest is not None and latest.user_id != case.user.pk and latest.user:
        said = _("%(said)s %(name)s reviewed it too.") % {"said": said, "name": latest.user.get_username()}
    same = (_NUMBERS[verdict], why.pk if why else None, anchor or case.start)
    Claim.objects.filter(user=case.user, session=case.session).delete()  # and on to the next
    if (
        latest is not None
        and latest.user_id == case.user.pk
        and latest.watermark >= seen
        and (latest.verdict, latest.reason_id, latest.anchor) == same
    ):
        return Done(None, said, case.session)  # a key pressed twice
    _later_done(case)
    case.add(
        Review, anchor or case.start, is_turn=anchor is not None, verdict=_NUMBERS[verdict], reason=why,
        watermark=seen, covers_from=case.session.start_at,
    )  # fmt: skip
    return case.done("review", "review", said, anchor=anchor, verdict=verdict, reason=why.text if why else "")


def _reason(case: Case, pk: int | None) -> Reason | None:
    if not pk:
        return None
    of_assistant = Reason.objects.filter(assistant_id=case.session.assistant_id, is_removed=False)
    found = of_assistant.filter(pk=pk if pk < 2**63 else 0).first()
    if found is None:
        raise Refused(_("There is no such reason."))
    return found


def _clamped(session: Session, watermark: int) -> int:
    """The highest arrival number of the session that is not above `watermark`; 0 when nothing was on the screen."""
    if watermark <= 0:
        return 0
    events = Event.objects.of_session(session)
    if watermark < 2**63 and events.filter(pk=watermark).exists():
        return watermark
    found = events.filter(pk__lte=min(watermark, 2**63 - 1)).aggregate(highest=Max("pk"))
    return int(found["highest"] or 0)


def _reviews(case: Case) -> Any:
    return Review.objects.standing().filter(session=case.session).select_related("user")


def _later_done(case: Case) -> None:
    for later in Later.objects.standing().filter(session=case.session, user=case.user):
        case.change(later, is_removed=True)


@retried
def unreview(request: Any, session_id: int, *, seen: int | None = 0) -> Done:
    """Make a session unread: its reviews stand no longer, whoever gave them.

    `seen`: id of the newest review that the screen showed. Where somebody else gave a later one, raises Conflict; None
    takes that back as well.
    """
    may_judge(request)
    case = opened(request, session_id)
    reviews = list(_reviews(case).order_by("pk"))
    unseen = [one for one in reviews if seen is not None and one.pk > seen and one.user_id != case.user.pk]
    if unseen:
        latest = unseen[-1]
        name = latest.user.get_username() if latest.user else ""
        raise Conflict(
            _("%(name)s reviewed this too. Take that back as well?") % {"name": name},
            {"by": name, "what": "review", "at": latest.at.isoformat()},
        )
    for one in reviews:
        case.change(one, is_removed=True, at=one.at)
    return case.done("unreview", "review", _("Unread again."))


@retried
def take_back(request: Any, session_id: int, review_id: int) -> Done:
    """Take one's own review back; an admin may take any. Raises Http404, PermissionDenied."""
    may_judge(request)
    case = opened(request, session_id)
    found = _reviews(case).filter(pk=review_id if review_id < 2**63 else 0).first()
    if found is None:
        raise Http404(_("There is no such review."))
    if found.user_id != case.user.pk and not may(case.user, "users.modify"):
        raise PermissionDenied(_("This is another person’s review."))
    case.change(found, is_removed=True, at=found.at)
    return case.done("unreview", "review", _("Review taken back."))


@retried
def later(request: Any, session_id: int, *, off: bool = False) -> Done:
    """Keep a session for this person to come back to, or no longer."""
    may_judge(request)
    case = opened(request, session_id)
    rows = Later.objects.filter(session=case.session, user=case.user).order_by("is_removed", "-pk")
    row = rows.first()
    topic = f"later {case.user.pk}"
    Claim.objects.filter(user=case.user, session=case.session).delete()
    if off:
        _later_done(case)
        return case.done("unlater", topic, _("No longer kept for later."))
    if row is None:
        case.add(Later, case.start, is_turn=False)
    elif row.is_removed:
        case.change(row, is_removed=False)
    return case.done("later", topic, _("Kept for later."))


@retried
def assign(request: Any, session_id: int, to: str, *, seen: str | None = None) -> Done:
    """Give a session to somebody: the person's id, `me`, or empty for nobody.

    `seen`: the name that the screen showed; when somebody else gave it away meanwhile, raises Conflict. Raises Refused.
    """
    may_judge(request)
    case = opened(request, session_id)
    person = _person(case, to)
    rows = Assignment.objects.standing().filter(session=case.session).select_related("to", "user")
    found = rows.order_by("at", "pk").last()
    meet(seen, found, found.to.get_username() if found else "", case.user)
    for other in rows:
        if other != found:  # of sessions that became one
            case.change(other, is_removed=True)
    if person is None:
        if found:
            case.change(found, is_removed=True, user=case.user)
        return case.done("assign", "assign", _("Nobody’s session."), to="")
    if found is None:
        case.add(Assignment, case.start, is_turn=False, to=person)
    elif found.to_id != person.pk:
        case.change(found, to=person, user=case.user)
    name = person.get_username()
    return case.done("assign", "assign", _("Assigned to %(name)s.") % {"name": name}, to=name)


def _person(case: Case, to: str) -> User | None:
    if not to:
        return None
    if to == "me":
        return case.user
    found = User.objects.filter(pk=int(to), is_active=True).first() if _is_id(to) else None
    if found is None or not may(found, "conversations.view"):
        raise Refused(_("There is no such person who may read this session."))
    return found


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19


def mark_seen(user: Any, session: Session, watermark: int) -> int:
    """How far a person has read a session. Returns the highest arrival number so far; never goes back."""
    upto = _clamped(session, watermark)
    with transaction.atomic():
        Seen.objects.bulk_create([Seen(user=user, session=session, upto=upto)], ignore_conflicts=True)
        own = Seen.objects.filter(user=user, session=session)
        own.filter(upto__lt=upto).update(upto=upto)
        known = own.values_list("upto", flat=True).first()
    if known is None:
        raise Http404
    return known


def claim(user: Any, session: Session) -> list[str]:
    """Say that a person has a session open, for five minutes. Returns the names of the others who have.

    One person has one: going from session to session leaves no trail of claims.
    """
    now = timezone.now()
    with transaction.atomic():
        Claim.objects.filter(user=user).exclude(session=session).delete()
        Claim.objects.filter(session=session, until__lt=now).exclude(user=user).delete()
        Claim.objects.bulk_create(
            [Claim(user=user, session=session, until=now + CLAIM)],
            update_conflicts=True,
            unique_fields=["user", "session"],
            update_fields=["until"],
        )
    return open_by(session, user)


def open_by(session: Session, user: Any) -> list[str]:
    """The names of others who have it open now."""
    others = Claim.objects.filter(session=session, until__gt=timezone.now()).exclude(user=user)
    return list(others.order_by("user__username").values_list("user__username", flat=True))


def mark_all(request: Any, session_ids: Sequence[int], status: str) -> None:
    """Upstream's status of a whole conversation, on its sessions: `reviewed`, `unread` or `saved_for_later` (the last)."""
    if status == "saved_for_later":
        later(request, session_ids[-1])
        return
    for pk in session_ids:
        later(request, pk, off=True)
        if status == "unread":
            unreview(request, pk, seen=None)
        else:
            review(request, pk, "reviewed", 2**63 - 1)
