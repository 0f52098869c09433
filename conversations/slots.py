"""Slots at a turn: what the session's events up to there leave set, honouring reverts.

One index look-up a slot (`event_slot_history`), however long the session is; `timeline.slots` is the reference.
"""

from typing import Any

from django.db.models import OuterRef, Q, Subquery
from django.db.models.functions import Length

from conversations.identity import RANK_REVERT, Key, parse
from conversations.models import Event, Session, SessionValue
from conversations.summary import VALUE_LIMIT
from conversations.timeline import WIPES


def slots_at(session: Session, key: Key) -> dict[str, Any]:
    """Slots set just after the event at `key`, by name; what was not set in this session is absent (not null).

    Rasa's own `session_started_metadata` is not a slot of the assistant and left out.
    """
    standing = Event.objects.filter(_not_reverted_at(key), conversation_id=session.conversation_id)
    start = (session.start_at, session.start_rank, bytes(session.start_hash))
    wiped = standing.filter(type__in=WIPES).between(start, key).in_order().last()
    since = (wiped.timestamp, wiped.rank, bytes(wiped.hash)) if wiped else start
    history = standing.filter(type="slot").between(since, key)
    names = SessionValue.objects.filter(session=session, kind=SessionValue.Kind.SLOT)
    newest = history.filter(name=OuterRef("value")).order_by("-timestamp", "-rank", "-hash").values("id")[:1]
    found = dict(names.annotate(newest=Subquery(newest)).values_list("value", "newest"))
    ids = {pk for pk in found.values() if pk}
    if any(len(name) == VALUE_LIMIT for name in found):
        # The value table cuts long names. They are rare enough to read their whole history.
        long_names = history.annotate(length=Length("name")).filter(length__gte=VALUE_LIMIT).in_order()
        ids |= set(dict(long_names.values_list("name", "id")).values())
    bodies = Event.objects.filter(id__in=ids).values_list("name", "body")
    return {name: parse(body).get("value") for name, body in bodies}


def _not_reverted_at(key: Key) -> Q:
    """Events that nothing up to `key` has popped. A rewind stands at RANK_REVERT of its timestamp."""
    later = Q(reverted_at__gt=key[0])
    if key[1] < RANK_REVERT:
        later |= Q(reverted_at=key[0])
    return Q(reverted_at__isnull=True) | later


def slots_around(session: Session, first: Key, last: Key) -> dict[str, tuple[Any, Any]]:
    """(before, after) of every slot that is set before the event at `first` or after the one at `last`.

    A slot that is not set on one side is `ABSENT` there, which is not null.
    """
    previous = (
        Event.objects.filter(conversation_id=session.conversation_id)
        .before(first)
        .in_order()
        .reverse()
        .first()
    )
    start = (session.start_at, session.start_rank, bytes(session.start_hash))
    before: dict[str, Any] = {}
    if previous is not None and (previous.timestamp, previous.rank, bytes(previous.hash)) >= start:
        before = slots_at(session, (previous.timestamp, previous.rank, bytes(previous.hash)))
    after = slots_at(session, last)
    return {
        name: (before.get(name, ABSENT), after.get(name, ABSENT))
        for name in sorted(before.keys() | after.keys())
    }


class _Absent:
    """Stands for "not set in this session"."""

    def __repr__(self) -> str:
        return "ABSENT"

    def __bool__(self) -> bool:
        return False


ABSENT = _Absent()
