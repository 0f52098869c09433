"""Slots at a turn: what the session's events up to there leave set, honouring reverts.

One index look-up a slot (`event_slot_history`), however long the session is; `timeline.slots` is the reference.
"""

from collections.abc import Sequence
from typing import Any

from django.db.models import OuterRef, Q, Subquery
from django.db.models.functions import Length

from conversations.identity import RANK_REVERT, Key, parse
from conversations.models import Event, Session, SessionValue
from conversations.querysets import EventQuerySet
from conversations.summary import VALUE_LIMIT
from conversations.timeline import WIPES


def slots_at(session: Session, key: Key) -> dict[str, Any]:
    """Slots set just after the event at `key`, by name; what was not set in this session is absent (not null).

    Rasa's own `session_started_metadata` is not a slot of the assistant and left out.
    """
    return _slots(session, [key])[0]


def _slots(session: Session, keys: Sequence[Key]) -> list[dict[str, Any]]:
    """Slots set just after each key. The names and the values of all of them are read at once."""
    histories = [_history(session, key) for key in keys]
    newest = {
        f"newest_{number}": Subquery(
            history.filter(name=OuterRef("value")).order_by("-timestamp", "-rank", "-hash").values("id")[:1]
        )
        for number, history in enumerate(histories)
    }
    names = SessionValue.objects.filter(session=session, kind=SessionValue.Kind.SLOT)
    found = list(names.annotate(**newest).values_list("value", *newest))
    ids = [{row[number] for row in found if row[number]} for number in range(1, len(keys) + 1)]
    if any(len(row[0]) == VALUE_LIMIT for row in found):
        # The value table cuts long names. They are rare enough to read their whole history.
        for history, known in zip(histories, ids, strict=True):
            long_names = history.annotate(length=Length("name")).filter(length__gte=VALUE_LIMIT).in_order()
            known |= set(dict(long_names.values_list("name", "id")).values())
    bodies = Event.objects.filter(id__in=set[int]().union(*ids)).values_list("id", "name", "body")
    values = {pk: (name, parse(body).get("value")) for pk, name, body in bodies}
    return [dict(values[pk] for pk in known if pk in values) for known in ids]


def _history(session: Session, key: Key) -> EventQuerySet:
    """What set slots from the last wipe before `key` up to there."""
    standing = Event.objects.filter(_not_reverted_at(key), conversation_id=session.conversation_id)
    start = (session.start_at, session.start_rank, bytes(session.start_hash))
    wipes = standing.filter(type__in=WIPES).between(start, key).in_order().reverse()
    return standing.filter(type="slot").between(_first(wipes) or start, key)


def _first(events: EventQuerySet) -> Key | None:
    row = events.values_list("timestamp", "rank", "hash").first()
    return (row[0], row[1], bytes(row[2])) if row else None


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
    earlier = Event.objects.filter(conversation_id=session.conversation_id).before(first)
    previous = _first(earlier.in_order().reverse())
    start = (session.start_at, session.start_rank, bytes(session.start_hash))
    before: dict[str, Any] = {}
    if previous is not None and previous >= start:
        before, after = _slots(session, [previous, last])
    else:
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
