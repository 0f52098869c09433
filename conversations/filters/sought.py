"""What one condition looks for: among the values of a session, with the turns they occur in, and in an event itself.

A term is true of a turn when one of the turn's events satisfies `Sought.event`. The value rows know the same by their
bits, where the turns of a session are known; `needs` says which rows have to occur together.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import reduce
from operator import or_

from django.db.models import Q

from conversations import search
from conversations.filters.context import Context
from conversations.filters.rows import RowSet, exists, rows
from conversations.filters.sql import ANYTHING, NOTHING, Sql, both, either, joined
from conversations.models import SessionValue
from conversations.query import Range, Term, Text, Word
from conversations.reading import FALLBACK_ACTION, FALLBACK_INTENT
from conversations.signals import definition
from conversations.summary import EVERYDAY, UNSAID, UNSURE_BELOW
from conversations.tokens import phrase

Kind = SessionValue.Kind
MARKS = ("flagged", "noted", "corrected")
NAMES = {
    "intent": Kind.INTENT,
    "action": Kind.ACTION,
    "entity": Kind.ENTITY,
    "policy": Kind.POLICY,
    "slot": Kind.SLOT,
    "loop": Kind.LOOP,
    "event": Kind.EVENT,
}


@dataclass(frozen=True)
class Sought:
    """One condition that can be true of a turn.

    `needs`: alternatives of row sets that occur together in a turn where it is true; None: value rows do not tell.
    `is_exact`: they say it all, where turns are known. `event`: the condition on an event `e`, by its columns;
    `lacks`: the columns do not tell, only the bits do. `is_of_user`: `event` is a condition on user events alone.
    `bounds`: what every session with such a turn keeps, by its own columns. `texts`: what was said in it.
    """

    needs: tuple[tuple[RowSet, ...], ...] | None
    is_exact: bool
    event: Sql
    lacks: bool = False
    is_of_user: bool = False
    bounds: Q = field(default_factory=Q)
    texts: tuple[str, tuple[tuple[str, bool], ...]] | None = None

    @property
    def drives(self) -> RowSet:
        """Value rows of which every session with such a turn has one; empty: unknown."""
        if not self.needs or not all(self.needs):
            return ()
        return tuple(dict.fromkeys(row for together in self.needs for row in together[0]))

    @property
    def is_plain(self) -> bool:
        """Whether having one of the `drives` rows is all there is to it, anywhere in a session."""
        return self.is_exact and self.needs is not None and all(len(each) == 1 for each in self.needs)

    @property
    def has_rows(self) -> Sql:
        """Whether a session has the value rows that such a turn needs."""
        if self.needs is None:
            return ANYTHING
        return either(both(*map(exists, together)) for together in self.needs)

    @property
    def said(self) -> Q:
        """Where sessions can be gathered in which the texts were said that such a turn needs."""
        return Q() if self.texts is None else search.said(self.texts[0], self.texts[1], hints=True)

    def was_said(self, vendor: str) -> Sql:
        """Whether they were said in a session."""
        return ANYTHING if self.texts is None else Sql(*search.said_in_session(*self.texts, vendor))


def sought(item: Term | Text, context: Context) -> Sought:
    """What `item` looks for in a turn, its own minus left out."""
    if item.field in search.SIDES:
        return _said(item)
    alternatives = [_value(item.field, value, context) for value in item.values]
    return alternatives[0] if len(alternatives) == 1 else _any_of(alternatives)


def _any_of(parts: list[Sought]) -> Sought:
    needs = None
    if all(part.needs is not None for part in parts):
        plain = tuple(dict.fromkeys(row for part in parts if part.is_plain for row in part.drives))
        others = tuple(each for part in parts if not part.is_plain for each in part.needs or ())
        needs = (((plain,),) if plain else ()) + others
    return Sought(
        needs,
        all(part.is_exact for part in parts),
        either(part.event for part in parts),
        lacks=any(part.lacks for part in parts),
        is_of_user=all(part.is_of_user for part in parts),
        bounds=reduce(or_, (part.bounds for part in parts)) if all(part.bounds for part in parts) else Q(),
    )


def _value(name: str, value: object, context: Context) -> Sought:
    if isinstance(value, Range):
        return _confidence(value) if name == "conf" else _action_confidence(value)
    if not isinstance(value, Word):
        raise TypeError(f"{name}: holds {value!r}")
    if name == "is":
        return _shown(value.text, context)
    if name == "turn-tag":
        return _tagged(context.tags.get(value.text.casefold(), []))
    if name == "slot" and value.equals is not None:
        return _named(Kind.SLOT_VALUE, f"{value.text}={value.equals}")
    found = _named(NAMES[name], value.text)
    if value.confidence is None:
        return found
    return _surely(name, value.text, value.confidence, found)


def _named(kind: int, name: str) -> Sought:
    return Sought(
        ((rows(kind, name),),),
        True,
        _event(kind, name),
        lacks=kind in (Kind.ENTITY, Kind.POLICY, Kind.SLOT_VALUE) or (kind == Kind.INTENT and "/" in name),
        is_of_user=kind == Kind.INTENT,
    )


def _event(kind: int, name: str) -> Sql:
    match kind:
        case Kind.INTENT:
            return Sql("e.type = 'user' AND (e.name = %s OR e.predicted = %s)", (name, name))
        case Kind.ACTION if name not in UNSAID:
            return Sql("e.type = 'action' AND e.name = %s", (name,))
        case Kind.SLOT if name != "session_started_metadata":
            return Sql("e.type = 'slot' AND e.name = %s", (name,))
        case Kind.LOOP:
            return Sql("e.type IN ('active_loop', 'form', 'flow_started') AND e.name = %s", (name,))
        case Kind.EVENT if name not in EVERYDAY:
            return Sql("e.type = %s", (name,))
    return NOTHING


def _surely(name: str, wanted: str, confidence: Range, found: Sought) -> Sought:
    """`intent:x<0.6`, `action:x<0.6`: the name and its confidence in one event."""
    column = within("e.confidence", confidence)
    if name == "action":
        event = both(found.event, column)
        return replace(found, is_exact=False, event=event, lacks=False, bounds=_bounds("action", confidence))
    event = both(Sql("e.type = 'user' AND e.name = %s", (wanted,)), column)
    is_own = is_own_name(wanted)
    high = confidence.high
    if high is not None and (high < UNSURE_BELOW or (high == UNSURE_BELOW and confidence.high_open)):
        found = replace(found, needs=((rows(Kind.UNSURE, wanted),),))
        if confidence.low is None and high == UNSURE_BELOW:
            return replace(found, event=event, lacks=False)
        is_own = True
    tenths, is_exact = _tenths(confidence)
    together = (*(found.needs or ((),))[0], rows(Kind.CONFIDENCE, *tenths))
    return Sought(
        (together,), is_exact and is_own, event, is_of_user=True, bounds=_bounds("intent", confidence)
    )


def is_own_name(intent: str) -> bool:
    """Whether a message found under this name has its confidence; not as nlu_fallback, or a part of a retrieval intent."""
    return intent != FALLBACK_INTENT and "/" not in intent


def _confidence(wanted: Range) -> Sought:
    tenths, is_exact = _tenths(wanted)
    event = both(Sql("e.type = 'user'"), within("e.confidence", wanted))
    tenths_alone = (rows(Kind.CONFIDENCE, *tenths),)
    return Sought((tenths_alone,), is_exact, event, is_of_user=True, bounds=_bounds("intent", wanted))


def _action_confidence(wanted: Range) -> Sought:
    event = both(Sql("e.type = 'action' AND e.name NOT IN (%s, %s)", UNSAID), within("e.confidence", wanted))
    return Sought(None, False, event, bounds=_bounds("action", wanted))


def _bounds(whose: str, wanted: Range) -> Q:
    """The session's lowest and highest confidence, where one within the range is to be among them."""
    found = Q()
    if wanted.high is not None:
        found &= Q(**{f"min_{whose}_confidence__{'lt' if wanted.high_open else 'lte'}": wanted.high})
    if wanted.low is not None:
        found &= Q(**{f"max_{whose}_confidence__{'gt' if wanted.low_open else 'gte'}": wanted.low})
    # Payloads have a confidence too, which the session's lowest and highest leave out.
    return found | Q(n_payloads__gt=0) if whose == "intent" and found else found


def _tenths(wanted: Range) -> tuple[list[str], bool]:
    """The tenths in which a confidence may be within the range, and whether all in them are."""
    found, is_exact = [], True
    for tenth in range(10):
        low, high = (tenth / 10 if tenth else -math.inf), ((tenth + 1) / 10 if tenth < 9 else math.inf)
        if wanted.low is not None and (high <= wanted.low):
            continue
        if wanted.high is not None and (low > wanted.high or (low == wanted.high and wanted.high_open)):
            continue
        found.append(str(tenth))
        is_whole = (
            wanted.low is None or low > wanted.low or (low == wanted.low and not wanted.low_open)
        ) and (wanted.high is None or high < wanted.high or (high == wanted.high and wanted.high_open))
        is_exact = is_exact and is_whole
    return found, is_exact


def within(column: str, wanted: Range) -> Sql:
    """A column's number within the range, null is not."""
    parts = []
    if wanted.low is not None:
        parts.append(Sql(f"{column} {'>' if wanted.low_open else '>='} %s", (float(wanted.low),)))
    if wanted.high is not None:
        parts.append(Sql(f"{column} {'<' if wanted.high_open else '<='} %s", (float(wanted.high),)))
    return both(*parts) if parts else Sql(f"{column} IS NOT NULL")


def _shown(name: str, context: Context) -> Sought:
    """`is:` of a turn. A signal's loops are left open by a session, in no turn of it."""
    if name in MARKS:
        return _marked(name)
    if name == "restarted":
        return replace(_named(Kind.IS, name), event=Sql("e.type = 'restart'"))
    meaning = definition(context.assistant, name)
    if name == "fallback" and meaning.is_guess:
        event = Sql(
            "(e.type = 'user' AND e.predicted = %s) OR (e.type = 'action' AND e.name = %s)",
            (FALLBACK_INTENT, FALLBACK_ACTION),
        )
        return replace(_named(Kind.IS, name), event=Sql(f"({event.text})", event.parameters))
    parts = [
        *(_named(Kind.INTENT, intent) for intent in meaning.intents),
        *(_named(Kind.ACTION, action) for action in meaning.actions),
        *(_named(Kind.SLOT_VALUE if "=" in slot else Kind.SLOT, slot) for slot in meaning.slots),
    ]
    return _any_of(parts) if parts else Sought((), True, NOTHING)


# The event at the anchor, or the last one before a mere moment: it is in the turn that was meant.
_PLACE = "(e.timestamp, e.rank, e.hash)"
_ANCHOR = "(o.anchor_at, o.anchor_rank, o.anchor_hash)"
_ANCHORED = (
    "EXISTS (SELECT 1 FROM {table} o WHERE o.session_id = @session@ AND o.is_turn AND NOT o.is_removed"
    f" AND {_PLACE} <= {_ANCHOR} AND NOT EXISTS (SELECT 1 FROM conversations_event n"
    f" WHERE n.conversation_id = e.conversation_id AND (n.timestamp, n.rank, n.hash) > {_PLACE}"
    f" AND (n.timestamp, n.rank, n.hash) <= {_ANCHOR}){{more}})"
)
_MARKED = {
    "flagged": "conversations_flag",
    "noted": "conversations_note",
    "corrected": "conversations_correction",
}


def _marked(name: str) -> Sought:
    event = Sql(_ANCHORED.format(table=_MARKED[name], more=""))
    return Sought(((rows(Kind.MARK, name),),), True, event)


def _tagged(tags: list[str]) -> Sought:
    """A tag of a turn, by its ids."""
    table = _ANCHORED.format(table="conversations_taguse", more=" AND o.tag_id = %s")
    uses = (Sql(table, (int(tag),)) for tag in tags)
    return Sought(((rows(Kind.TURN_TAG, *tags),),) if tags else (), True, either(uses))


def _said(item: Term | Text) -> Sought:
    texts = tuple((word.text, word.prefix) for word in item.values if isinstance(word, Word))
    wanted = [found for found in (phrase(*text) for text in texts) if found.words]
    # Words hold nothing that a pattern would understand, but SQLite's patterns end at 50,000 bytes.
    hits = (
        Sql("@instr@(e.words, %s) > 0", (f" {' '.join(one.words)}{'' if one.prefix else ' '}",))
        for one in wanted
    )
    side = {"text": "e.type = 'user'", "bot": "e.type IN ('bot', 'agent')"}.get(item.field)
    event = joined([*([Sql(side)] if side else []), either(hits)], " AND ")
    return Sought(None, False, event, is_of_user=item.field == "text", texts=(item.field, texts))
