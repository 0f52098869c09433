"""Counts fallbacks as an assistant's team defined them, where `n_fallbacks` would count what Rasa itself calls so.

Queries read definitions when they ask, and need none of this. A number that lists are sorted by has to be stored: it is
the number of turns that show the fallback, written with each batch, and anew for all sessions when the definition changes.
"""

from collections.abc import Iterable, Sequence

from django.db import connection, transaction
from django.db.models import Max, Min, Q

from conversations import bulk
from conversations.defining import Definition
from conversations.models import Conversation, Recount, Session, SessionValue, Signal
from conversations.reading import FALLBACK_INTENT
from conversations.rows import SessionRow
from conversations.summary import value_key
from enterprise import schema

Kind = SessionValue.Kind
PIECE = 500  # sessions whose conversations are locked at a time
# What the sums of events count: user messages that were not understood.
BUILT_IN = Definition(intents=(FALLBACK_INTENT,))


def of_rows(sessions: Iterable[SessionRow]) -> None:
    """Correct what a batch or rebuild has just written, within its transaction. One query where nobody defined anything."""
    by_assistant: dict[int, list[SessionRow]] = {}
    for session in sessions:
        by_assistant.setdefault(session.assistant_id, []).append(session)
    if not by_assistant:
        return
    for own in Signal.objects.filter(name=Signal.Name.FALLBACK, assistant__in=by_assistant):
        meaning = Definition.of({"intents": own.intents, "actions": own.actions, "slots": own.slots})
        rows = by_assistant[own.assistant_id]
        _write({row.id: row.summary.n_fallbacks for row in rows}, meaning)


def begin(assistant_id: int) -> None:
    """Have all sessions of an assistant counted anew, from the first one on, by whoever keeps house."""
    ids = Session.objects.filter(assistant=assistant_id).aggregate(first=Min("pk"), last=Max("pk"))
    if ids["first"] is None:
        return
    Recount.objects.update_or_create(
        assistant_id=assistant_id,
        defaults={"first": ids["first"], "done": ids["first"] - 1, "last": ids["last"]},
    )


def next_piece() -> bool:
    """Count the next PIECE sessions anew; False when none wait. Raises django.db.Error, schema.NotReady."""
    with transaction.atomic():
        schema.check_in_batch(connection)
        job = Recount.objects.select_for_update().order_by("pk").first()
        if job is None:
            return False
        waiting = Session.objects.filter(assistant=job.assistant_id, pk__gt=job.done, pk__lte=job.last)
        found = list(waiting.order_by("pk").values_list("pk", "conversation_id")[:PIECE])
        # As batches lock them: what they write meanwhile waits for this, and is counted then.
        conversations = Conversation.objects.filter(pk__in={conversation for _pk, conversation in found})
        list(conversations.select_for_update(no_key=True).order_by("pk").values_list("pk"))
        own = Signal.objects.filter(assistant=job.assistant_id, name=Signal.Name.FALLBACK).first()
        meaning = (
            Definition.of({"intents": own.intents, "actions": own.actions, "slots": own.slots})
            if own
            else BUILT_IN
        )
        rows = Session.objects.filter(pk__in=[pk for pk, _conversation in found])
        _write(dict(rows.values_list("pk", "n_fallbacks")), meaning)
        if len(found) < PIECE:
            job.delete()
        else:
            job.done = found[-1][0]
            job.save(update_fields=["done"])
    return True


def _write(known: dict[int, int], meaning: Definition) -> None:
    """Store the counts of sessions that are not `known` to be right already."""
    turns = _turns(list(known), meaning)
    counts = {pk: turns.get(pk, 0).bit_count() for pk in known}
    bulk.update(Session, ("n_fallbacks",), sorted((pk, n) for pk, n in counts.items() if n != known[pk]))


def _turns(ids: Sequence[int], meaning: Definition) -> dict[int, int]:
    """In which turns each session shows it, a bit each."""
    any_of = Q(kind=Kind.INTENT, value__in=[value_key(name) for name in meaning.intents])
    any_of |= Q(kind=Kind.ACTION, value__in=[value_key(name) for name in meaning.actions])
    names = [value_key(name) for name in meaning.slots if "=" not in name]
    values = [value_key(name) for name in meaning.slots if "=" in name]
    any_of |= Q(kind=Kind.SLOT, value__in=names) | Q(kind=Kind.SLOT_VALUE, value__in=values)
    found: dict[int, int] = {}
    for pk, bits in SessionValue.objects.filter(any_of, session__in=ids).values_list("session_id", "turns"):
        found[pk] = found.get(pk, 0) | bits
    return found
