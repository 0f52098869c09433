"""What two invented colleagues think of the demo conversations: so that every list, page and export has something to show.

Everything goes through the services that people's keys call, and is chosen by what happened in a session. A second call
changes nothing. The accounts are disabled and have no password: nobody signs in as them. They go with the demo.
"""

import threading
from dataclasses import dataclass
from typing import Any

from django.db.models import Q

from conversations.models import Assistant, Event, Note, Review, Session, SessionValue
from conversations.opinions import marking, reviewing, vocabulary
from enterprise.models import User

Kind = SessionValue.Kind
MAYA, JONAS = ("maya.demo", "Maya"), ("jonas.demo", "Jonas")
COLLEAGUES = (MAYA, JONAS)
UNREAD = 15  # of the newest sessions: there is work left for whoever comes
LOOKED_AT = 90  # sessions after those
REVIEWED_OF = 5  # two of so many stay unread

# What customers said that the assistant did not understand, and what they meant.
MEANT = {
    "can you tell me if there's any internet left on my plan": "check_data",
    "please send somebody to repair the box": "book_technician",
    "why did i pay more than last month?": "explain_charge",
    "la factura de octubre está mal": "explain_charge",
    "can i recharge with a voucher": "top_up",
    "i fly to canada tomorrow": "activate_roaming",
    "left my pixel in a taxi": "lost_phone",
    "¿cuánto cuesta el plan river?": "compare_plans",
    "it's about the bill": "check_bill",
    "are you still there": "bot_challenge",
    "the bell is broken, please knock": "note_for_technician",  # no intent yet
}
COUNTRY = "country"  # what Canada is
TAGS = {  # by intent
    "explain_charge": "billing",
    "check_bill": "billing",
    "activate_roaming": "roaming",
    "cancel_contract": "churn risk",
    "complain": "churn risk",
    "report_outage": "outage",
}


@dataclass(frozen=True)
class Colleague:
    """Who judges, in the shape that services know a request by."""

    user: User
    META = {"REMOTE_ADDR": ""}


@dataclass(frozen=True)
class Seen:
    """A session with what occurs in it."""

    session: Session
    values: frozenset[tuple[int, str]]

    def has(self, kind: Kind, *names: str) -> bool:
        """Whether one of these occurs."""
        return any((int(kind), name) in self.values for name in names)

    def said(self, **wanted: Any) -> Event | None:
        """Its first user event like this."""
        found = Event.objects.of_session(self.session).filter(type="user", **wanted)
        return found.order_by("timestamp", "rank", "hash").first()


def give(assistant_name: str, stop: threading.Event) -> None:
    """Give the opinions. Raises django.db.Error and NotReady, and Http404 when the demo goes meanwhile."""
    assistant = Assistant.objects.filter(name=assistant_name).first()
    if assistant is None:
        return
    maya, jonas = (_colleague(*names) for names in COLLEAGUES)
    sessions = _sessions(assistant)
    reasons = [reason.pk for reason in vocabulary.reasons(assistant)]
    for number, seen in enumerate(sessions):
        if stop.is_set():
            return
        place = number % REVIEWED_OF
        if place < 3:
            _review((maya, jonas, maya)[place], seen, reasons, is_half_read=number == 7)
        if number == 5:
            _review(jonas, seen, reasons)  # two may look at one session
        _tag((jonas, maya)[number % 2], seen)
    _correct((maya, jonas), assistant)
    _remarks(maya, jonas, sessions)


def _colleague(username: str, first_name: str) -> Colleague:
    user, is_new = User.objects.get_or_create(
        username=username,
        defaults={"first_name": first_name, "role": User.Role.REVIEWER, "is_active": False},
    )
    if is_new:
        user.set_unusable_password()
        user.save(update_fields=["password"])
    user.is_active = True  # in this object alone: services ask, sign-in reads the row
    return Colleague(user)


def forget() -> None:
    """Remove the two, unless somebody has let them in since."""
    names = [username for username, _first_name in COLLEAGUES]
    User.objects.filter(username__in=names, is_active=False).delete()


def _sessions(assistant: Assistant) -> list[Seen]:
    """The newest that are not left unread, and not empty."""
    newest = Session.objects.filter(assistant=assistant, newest_turn__isnull=False).order_by(
        "-activity_at", "-id"
    )
    sessions = list(newest[UNREAD : UNREAD + LOOKED_AT])
    values: dict[int, set[tuple[int, str]]] = {}
    rows = SessionValue.objects.filter(session__in=[session.pk for session in sessions], kind__lt=Kind.REVIEW)
    for pk, kind, value in rows.values_list("session_id", "kind", "value"):
        values.setdefault(pk, set()).add((kind, value))
    return [Seen(session, frozenset(values.get(session.pk, ()))) for session in sessions]


def _review(by: Colleague, seen: Seen, reasons: list[int], *, is_half_read: bool = False) -> None:
    pk, newest = seen.session.pk, seen.session.newest_turn or 0
    if Review.objects.filter(user=by.user, session=pk).exists():
        return
    if is_half_read:  # more was said since
        first = seen.said()
        newest = first.pk if first else newest
    trouble = seen.said(predicted="nlu_fallback") if seen.has(Kind.IS, "fallback") else None
    done = ("action_submit_topup", "action_submit_plan", "action_submit_technician", "utter_sim_ordered")
    if trouble is not None and trouble.pk <= newest:
        why = reasons[3] if trouble.name in ("inform", "other_language") else reasons[0]
        reviewing.review(by, pk, "broke", newest, turn=trouble.pk, reason=why)
    elif seen.has(Kind.INTENT, "complain", "insult"):
        turn = seen.said(name__in=["complain", "insult"])
        reviewing.review(by, pk, "broke", newest, turn=turn.pk if turn else None, reason=reasons[2])
    elif seen.has(Kind.ACTION, *done) or seen.has(Kind.INTENT, "thank"):
        reviewing.review(by, pk, "well", newest)
    else:
        reviewing.review(by, pk, "reviewed", newest)


def _tag(by: Colleague, seen: Seen) -> None:
    for intent, value in TAGS.items():
        if seen.has(Kind.INTENT, intent):
            marking.tag(by, seen.session.pk, value=value)
            return


def _correct(colleagues: tuple[Colleague, ...], assistant: Assistant) -> None:
    """One message of each kind, wherever it was said last."""
    for number, (text, intent) in enumerate(MEANT.items()):
        said = Event.objects.filter(conversation__assistant=assistant, type="user", predicted="nlu_fallback")
        event = (
            said.filter(Q(text__iexact=text) | Q(text__istartswith=f"{text} ")).order_by("-timestamp").first()
        )
        session = _session_of(event) if event else None
        if event is None or session is None:
            continue
        entities = None
        start = event.text.lower().find("canada")
        if start >= 0:
            entities = [{"start": start, "end": start + len("canada"), "entity": COUNTRY}]
        by = colleagues[number % len(colleagues)]
        marking.correct(by, session.pk, event.pk, intent, entities=entities)


def _session_of(event: Event) -> Session | None:
    found = Session.objects.filter(conversation=event.conversation_id, start_at__lte=event.timestamp)
    return found.order_by("-start_at").first()


def _remarks(maya: Colleague, jonas: Colleague, sessions: list[Seen]) -> None:
    """A flag, notes with and without a mention, something assigned, something kept for later, a tag on a turn."""
    handed = [seen for seen in sessions if seen.has(Kind.ACTION, "action_handoff")]
    lost = [seen for seen in sessions if seen.has(Kind.IS, "fallback")]
    admin = User.objects.filter(role=User.Role.ADMIN, is_active=True).order_by("pk").first()
    if lost:
        turn = lost[0].said(predicted="nlu_fallback")
        if turn is not None:
            marking.flag(maya, lost[0].session.pk, turn.pk, on=True)
            marking.tag(jonas, lost[0].session.pk, value="needs an example", turn=turn.pk)
            to = f"@{admin.get_username()} " if admin else ""
            _note(maya, lost[0], f"{to}This comes every week. Shall we teach it?", turn)
        if admin is not None:
            reviewing.assign(maya, lost[-1].session.pk, str(admin.pk))
    if handed:
        _note(
            jonas, handed[0], "The colleague was fast, the assistant asked three times before. Worth a look."
        )
        reviewing.later(jonas, handed[-1].session.pk)


def _note(by: Colleague, seen: Seen, text: str, turn: Event | None = None) -> None:
    if not Note.objects.filter(user=by.user, conversation=seen.session.conversation_id).exists():
        marking.note(by, seen.session.pk, text, turn=turn.pk if turn else None)
