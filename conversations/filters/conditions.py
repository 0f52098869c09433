"""Items of a query as conditions on sessions, each with what is known about reading them in order."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Sequence as Sequence_
from dataclasses import dataclass, replace
from functools import reduce
from operator import or_

from django.db.models import Exists, OuterRef, Q, Value
from django.db.models.functions import StrIndex
from django.db.models.lookups import GreaterThan

from conversations import search
from conversations.defining import NAMES
from conversations.filters import opinions, times
from conversations.filters.context import Context
from conversations.filters.rows import HasValue, RowSet, has_rows, rows
from conversations.filters.sought import sought
from conversations.filters.sql import opposite
from conversations.filters.turns import Turn, in_one_turn, in_order, turn
from conversations.identity import sender_hash
from conversations.models import Conversation, Session, SessionValue
from conversations.query import Group, Or, Range, Sequence, Special, Term, Text, Word, is_turn
from conversations.query.ast import Item
from conversations.signals import definition

Kind = SessionValue.Kind
OF_SESSION = {
    "channel": Kind.CHANNEL,
    "environment": Kind.ENVIRONMENT,
    "model": Kind.MODEL,
    "assistant-id": Kind.ASSISTANT_ID,
}
NUMBERS = {
    "turns": "n_user_messages",
    "lowest-intent": "min_intent_confidence",
    "highest-intent": "max_intent_confidence",
    "lowest-action": "min_action_confidence",
    "highest-action": "max_action_confidence",
}
# Candidates whose own row answers, at less than 1 us each, whose values are compared, at 5 us, whose events are read, at
# 50; those whose words or bits spare most of them that, at 6.
LOOKED_AT, LOOKED_UP, LOOKED_INTO, SPARED = 3_000, 1_700, 400, 6_000
FEW_IDS = 500  # conversations whose ids hold a part, as far as they are told one by one


@dataclass(frozen=True)
class Condition:
    """A condition on Session, and how to find the sessions that meet it.

    `drives`: sets of value rows; every match has a row of each set. `plain`: the one among them that is all there is
    to it. `stretch`: how many candidates to try in order. `texts`: of which every match has some, as (field, texts).
    `is_costly`: whether it reads events. `gathers`: its matches are few and found at once.
    """

    q: Q
    stretch: int = LOOKED_UP
    drives: tuple[RowSet, ...] = ()
    plain: HasValue | None = None
    texts: tuple[tuple[str, tuple[tuple[str, bool], ...]], ...] = ()
    is_costly: bool = False
    gathers: bool = False


def condition(item: Item, context: Context) -> Q:
    """One item of a query as a condition on Session."""
    return compiled(item, context).q


def compiled(item: Item, context: Context, *, doubts: bool = False) -> Condition:
    """One item of a query. `doubts`: what nobody knows of a turn counts as true; under a minus, so that no session is
    shown that might have what is not wanted."""
    if isinstance(item, Sequence):
        return _sequence(item, context)
    found = _positive(item, context, doubts=doubts != item.negated)
    if not item.negated:
        return found
    if not isinstance(item, Or | Group) and item.field in search.SIDES:
        # Asked of each session: the set of all that did say it may be large.
        return Condition(search.said(item.field, found.texts[0][1], negated=True))
    return Condition(opposite(found.q), found.stretch, is_costly=found.is_costly)


def _positive(item: Term | Text | Group | Or, context: Context, *, doubts: bool) -> Condition:
    if isinstance(item, Or):
        return _or(item, context, doubts)
    if isinstance(item, Group):
        wanted = turn(item, context, doubts=doubts)
        return _of_turn(wanted, in_one_turn(wanted), context)
    if item.field in search.SIDES:
        texts = tuple((word.text, word.prefix) for word in item.values if isinstance(word, Word))
        return Condition(search.said(item.field, texts), texts=((item.field, texts),))
    if isinstance(item, Text):
        raise TypeError(item.field)
    return _somewhere(item, context, doubts) if is_turn(item) else _of_session(item, context)


def _plain(wanted: RowSet, context: Context) -> Condition:
    found = has_rows(wanted, context.assistant.pk)
    if isinstance(found, HasValue):
        return Condition(Q(found), drives=(wanted,), plain=found)
    return Condition(found)


def _somewhere(term: Term, context: Context, doubts: bool) -> Condition:
    """A term of turns by itself: true of any of them. Values that rows decide are asked for together."""
    if term.field == "is":
        return _is(term, context)
    plain: RowSet = ()
    parts: list[Condition] = []
    for value in term.values:
        one = sought(replace(term, values=(value,)), context)
        if one.is_plain:
            plain += one.drives
        elif term.field == "action-conf" and isinstance(value, Range) and None in (value.low, value.high):
            parts.append(_own([one.bounds]))  # the lowest or the highest of all actions says it
        else:
            wanted = Turn(((one, False),), doubts)
            parts.append(_of_turn(wanted, in_one_turn(wanted), context))
    if plain or not parts:
        parts.insert(0, _plain(tuple(dict.fromkeys(plain)), context))
    return _any_of(parts)


def _any_of(parts: list[Condition]) -> Condition:
    if len(parts) == 1:
        return parts[0]
    # A row read for one of them still has to be asked whether its own part is true.
    drives = (
        tuple(dict.fromkeys(row for part in parts for row in part.drives[0]))
        if all(part.drives for part in parts)
        else ()
    )
    return Condition(
        reduce(or_, (part.q for part in parts)),
        min(part.stretch for part in parts),
        (drives,) if drives else (),
        is_costly=any(part.is_costly for part in parts),
    )


def _or(item: Or, context: Context, doubts: bool) -> Condition:
    parts = [compiled(one, context, doubts=doubts) for one in item.alternatives]
    # Alternatives that value rows decide are one look-up together.
    plain = [part for part in parts if part.plain is not None]
    if len(plain) > 1:
        together = _plain(tuple(dict.fromkeys(row for part in plain for row in part.drives[0])), context)
        parts = [together, *(part for part in parts if part.plain is None)]
    return _any_of(parts)


def _hint(drives: Sequence_[RowSet], context: Context) -> Q:
    """Where sessions that have a row of each set can be gathered."""
    found = Q()
    for wanted in drives:
        one = has_rows(wanted, context.assistant.pk)
        if isinstance(one, HasValue):
            one.hints = True
            found &= Q(one)
    return found


def _stretch(sides: Sequence_[Turn], texts: object, *, is_costly: bool) -> int:
    """How many candidates to try. Where their own columns speak, a planner finds the others' few sooner than a walk."""
    if is_costly and texts:
        return SPARED
    if any(side.is_bounded for side in sides):
        return LOOKED_AT
    return LOOKED_INTO if is_costly else LOOKED_UP


def _of_turn(wanted: Turn, q: Q, context: Context) -> Condition:
    texts = tuple(one.texts for one in wanted.positive if one.texts is not None)
    return Condition(
        _hint(wanted.drives, context) & q,
        _stretch((wanted,), texts, is_costly=not wanted.is_exact),
        tuple(wanted.drives),
        texts=texts,
        is_costly=not wanted.is_exact,
    )


def _sequence(item: Sequence, context: Context) -> Condition:
    left, right = turn(item.left, context), turn(item.right, context, doubts=item.kind == "never")
    sides = (left, right) if item.kind == "then" else (left,)
    drives = tuple(row for side in sides for row in side.drives)
    is_costly = not (left.is_exact and right.is_exact)
    texts = tuple(one.texts for side in sides for one in side.positive if one.texts is not None)
    return Condition(
        _hint(drives, context) & in_order(item, left, right),
        _stretch(sides, texts, is_costly=is_costly),
        drives,
        texts=texts,
        is_costly=is_costly,
    )


def _is(term: Term, context: Context) -> Condition:
    """`is:` of a session: what its turns show, and what only the whole of it does."""
    found: RowSet = ()
    loops: list[str] = []
    others: list[Condition] = []
    for value in term.values:
        name = value.text if isinstance(value, Word) else ""
        if name == "mine":
            others.append(Condition(_mine(context), LOOKED_AT))
        elif name == "unfinished":
            others.append(Condition(~Q(open_loop=""), LOOKED_AT))
        else:
            one = sought(replace(term, values=(Word(name),)), context)
            found += one.drives
            if name in NAMES and not (name == "fallback" and definition(context.assistant, name).is_guess):
                loops += definition(context.assistant, name).loops
    if loops:
        others.append(Condition(Q(open_loop__in=sorted(set(loops))), LOOKED_AT))
    if found or not others:
        others.insert(0, _plain(tuple(dict.fromkeys(found)), context))
    return _any_of(others)


def _mine(context: Context) -> Q:
    name = getattr(context.user, "username", "")
    if not name:
        return Q(pk__in=[])
    held = Conversation.objects.filter(assistant=context.assistant, sender_hash=sender_hash(name))
    return Q(conversation__in=held.values("pk"))


def _held_by(parts: list[str], context: Context) -> Condition:
    """Conversations whose ids hold one of the parts. One look through all ids says whether they are few."""
    holds = _any(GreaterThan(StrIndex("sender_id", Value(part)), 0) for part in parts)
    ids = Conversation.objects.filter(holds, assistant=context.assistant).values_list("pk", flat=True)
    few = list(ids.order_by()[: FEW_IDS + 1])
    if len(few) <= FEW_IDS:
        return Condition(Q(conversation__in=few), gathers=True)
    return Condition(_any(GreaterThan(StrIndex("conversation__sender_id", Value(part)), 0) for part in parts))


def _of_session(term: Term, context: Context) -> Condition:
    name = term.field
    texts = [value.text for value in term.values if isinstance(value, Word)]
    if name in OF_SESSION:
        return _plain(rows(OF_SESSION[name], *texts), context)
    match name:
        case "is":
            found = _is(term, context)
        case "id":
            found = _held_by(texts, context)
        case "note":
            found = Condition(opinions.noted(term))
        case "unfinished":
            named = [Q(open_loop=text) for text in texts]
            found = _own([*named, ~Q(open_loop="")] if Special("*") in term.values else named)
        case _ if name in NUMBERS or name in _MEASURED:
            found = _own(_measured(name, value, context) for value in term.values)
        case _:
            wanted, other = opinions.said_rows(term, context), opinions.without_rows(term, context)
            parts = [_plain(wanted, context)] if wanted or other is None else []
            found = _any_of([*parts, *([Condition(other)] if other is not None else [])])
    return found


_MEASURED = ("date", "started", "duration", "time")


def _measured(name: str, value: object, context: Context) -> Q:
    if name in ("date", "started"):
        return times.during("activity_at" if name == "date" else "start_at", times.interval(value, context))
    if not isinstance(value, Range):
        raise TypeError(f"{name}: holds {value!r}")
    if name == "duration":
        return times.lasted(value)
    if name == "time":
        return times.at_time_of_day(value, context)
    if name in NUMBERS:
        return times.between(NUMBERS[name], value)
    raise TypeError(name)


def _own(conditions: Iterable[Q]) -> Condition:
    """Any of the conditions on the session's own columns."""
    return Condition(_any(conditions), LOOKED_AT)


def _any(conditions: Iterable[object]) -> Q:
    found = [Q(one) for one in conditions]
    return reduce(or_, found) if found else Q(pk__in=[])


def somewhere_in_conversation(item: Item, context: Context) -> Condition:
    """`in:conversation`: the same of any session of the conversation, negated of none.

    In `a then b` and `a never b` the sessions follow each other; with `<n`, both are looked for in one session.
    """
    if isinstance(item, Sequence):
        found = _across(item, context)
    else:
        found = _positive(item, context, doubts=item.negated).q
    sessions = Session.objects.filter(
        found, assistant=context.assistant, conversation=OuterRef("conversation")
    )
    widened = Q(Exists(sessions))
    return Condition(~widened if not isinstance(item, Sequence) and item.negated else widened, LOOKED_INTO)


def _across(item: Sequence, context: Context) -> Q:
    inside = condition(item, context)
    if item.within is not None:
        return inside
    at, rank = OuterRef("start_at"), OuterRef("start_rank")
    same = Q(start_at=at, start_rank__gt=rank) | Q(
        start_at=at, start_rank=rank, start_hash__gt=OuterRef("start_hash")
    )
    later = Session.objects.filter(
        Q(start_at__gt=at) | same,
        compiled(item.right, context, doubts=item.kind == "never").q,
        conversation=OuterRef("conversation"),
        start_at__gte=at,
    )
    if item.kind == "then":
        return inside | (condition(item.left, context) & Q(Exists(later)))
    return inside & ~Q(Exists(later))
