"""What is true of one turn, and of turns in their order: `(a b)`, `a then b`, `a never b`.

Where the turns of a session are known, each value row holds them as bits: a group is an AND of numbers, an order a
comparison of bits. What value rows do not hold (texts, exact confidences), and sessions whose bits are not exact, are
decided by the session's events, numbered by turns.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import reduce
from operator import and_

from django.db.models import Q

from conversations.filters.context import Context
from conversations.filters.rows import RowSet, bits
from conversations.filters.sought import Sought, is_own_name, sought
from conversations.filters.sql import ANYTHING, Decides, Sql, both, filled, joined
from conversations.query import Group, Range, Sequence, Term, Text, Word

VENDORS = ("postgresql", "sqlite")
FARTHEST = 1_000_000  # turns of a session, more than there are
LAST_BIT = 62  # of a session with known turns, none is beyond it

_BOUNDS = (
    "e.conversation_id = @conversation@ AND e.timestamp >= @start_at@ AND e.timestamp <= @last_at@"
    " AND (e.timestamp, e.rank, e.hash) >= @start@ AND (e.timestamp, e.rank, e.hash) <= @last@"
)
_NUMBERED = (
    "SELECT sum(CASE WHEN e.type = 'user' THEN 1 ELSE 0 END)"
    " OVER (ORDER BY e.timestamp, e.rank, e.hash ROWS UNBOUNDED PRECEDING) AS turn{flags}"
    f" FROM conversations_event e WHERE {_BOUNDS}"
)

# What events do not tell, bits do: up to the last one of its own turn, and unless late events made them wrong. Beyond,
# nobody knows (null): such a turn matches neither the condition nor its opposite.
_FROM_BITS = (
    "(CASE WHEN @known@ OR NOT (SELECT c.is_stale FROM conversations_conversation c WHERE c.id = @conversation@)"
    f" THEN CASE WHEN turn < {LAST_BIT} THEN ({{bits}} >> CAST(turn AS integer)) & 1"
    f" WHEN ({{bits}} >> {LAST_BIT}) & 1 = 0 THEN 0 END END)"
)


@dataclass(frozen=True)
class Turn:
    """Conditions on one turn, each with whether it is negated. `doubts`: what nobody knows counts as true."""

    conditions: tuple[tuple[Sought, bool], ...]
    doubts: bool = False

    @property
    def positive(self) -> list[Sought]:
        return [one for one, negated in self.conditions if not negated]

    @property
    def is_exact(self) -> bool:
        """Whether bits decide."""
        return bool(self.positive) and all(
            one.is_exact and one.needs is not None for one, _ in self.conditions
        )

    @property
    def drives(self) -> list[RowSet]:
        """Sets of value rows: every session with such a turn has one of each."""
        return [one.drives for one in self.positive if one.drives]

    @property
    def bounds(self) -> Q:
        """What every session with such a turn keeps, by its own columns; and where its texts were said."""
        return reduce(and_, (one.bounds & one.said for one in self.positive), Q())

    @property
    def is_bounded(self) -> bool:
        """Whether a session's own columns say that it has no such turn."""
        return any(one.bounds for one in self.positive)

    @property
    def has_rows(self) -> Sql:
        """Whether a session has the value rows that such a turn needs."""
        found = [one.has_rows for one in self.positive if one.needs is not None]
        return both(*found) if found else ANYTHING

    def was_said(self, vendor: str) -> Sql:
        """Whether the texts were said in a session that such a turn needs."""
        found = [one.was_said(vendor) for one in self.positive if one.texts is not None]
        return both(*found) if found else ANYTHING

    def bits(self, vendor: str) -> Sql | None:
        """The turns that it may be true of, and no others where it `is_exact`; None: any."""
        found = [_bits(one, vendor) for one in self.positive if one.needs is not None]
        if not found:
            return None
        # What is not exact may be false in a turn that has its bit: only certainty can be taken away.
        found += [
            Sql(f"~{part.text}", part.parameters)
            for part in (
                _bits(one, vendor)
                for one, negated in self.conditions
                if negated and one.is_exact and one.needs is not None
            )
        ]
        return joined(found, " & ")

    @property
    def is_one_event(self) -> bool:
        """Whether all of it is about the turn's user message."""
        return bool(self.positive) and all(one.is_of_user and not one.lacks for one, _ in self.conditions)

    @property
    def event(self) -> Sql:
        """For `is_one_event`: the condition on that event."""
        return both(*(_denied(one.event) if negated else one.event for one, negated in self.conditions))

    def flags(self, name: str) -> Sql:
        """A column for each condition that an event can tell."""
        parts = (
            Sql(f", CASE WHEN {one.event.text} THEN 1 ELSE 0 END AS {name}{number}", one.event.parameters)
            for number, (one, _) in enumerate(self.conditions)
            if not one.lacks
        )
        return _concatenated(parts)

    def highest(self, name: str) -> str:
        """The same columns, of all events of a turn."""
        return "".join(
            f", max({name}{number}) AS {name}{number}"
            for number, (one, _) in enumerate(self.conditions)
            if not one.lacks
        )

    def holds(self, name: str, vendor: str) -> Sql:
        """Whether the columns and bits of a turn are as wanted; where nobody knows, as `doubts` has it."""
        parts = []
        for number, (one, negated) in enumerate(self.conditions):
            wanted = 0 if negated else 1
            if one.lacks:
                flag = filled(_FROM_BITS, bits=_bits(one, vendor))
                known = Sql(f"COALESCE({flag.text}, {wanted})" if self.doubts else flag.text, flag.parameters)
                parts.append(Sql(f"{known.text} = {wanted}", known.parameters))
            else:
                parts.append(Sql(f"{name}{number} = {wanted}"))
        return both(*parts)


def turn(item: Term | Text | Group, context: Context, *, doubts: bool = False) -> Turn:
    """What `item` asks of a turn, its own minus left out."""
    if isinstance(item, Group):
        return Turn(tuple((sought(one, context), one.negated) for one in _joined_terms(item)), doubts)
    return Turn(((sought(item, context), False),), doubts)


def _joined_terms(item: Group) -> Iterator[Term | Text]:
    """`(intent:x conf:<0.6)` is `intent:x<0.6`, as a turn has one user message: sessions with it are fewer, and known."""
    intent, confidence = (_only(item, name) for name in ("intent", "conf"))
    word = intent.values[0] if intent else None
    wanted = confidence.values[0] if confidence else None
    if not (
        isinstance(word, Word)
        and word.confidence is None
        and is_own_name(word.text)
        and isinstance(wanted, Range)
    ):
        yield from item.terms
        return
    yield Term("intent", (replace(word, confidence=wanted),))
    yield from (term for term in item.terms if term not in (intent, confidence))


def _only(item: Group, name: str) -> Term | None:
    """The one term of this field with a single value, if there is no other of it."""
    found = [
        term for term in item.terms if isinstance(term, Term) and term.field == name and not term.negated
    ]
    return found[0] if len(found) == 1 and len(found[0].values) == 1 else None


def in_one_turn(wanted: Turn) -> Q:
    """Sessions with a turn of which all of it is true."""
    pieces = {vendor: (*_one_turn(wanted, vendor), wanted.was_said(vendor)) for vendor in VENDORS}
    return wanted.bounds & _condition(wanted.is_exact, pieces, wanted.has_rows)


def in_order(item: Sequence, left: Turn, right: Turn) -> Q:
    """Sessions in which `right` is true of a later turn than `left`, or of none (never)."""
    if item.within is not None and item.within <= 1:
        return Q(pk__in=[]) if item.kind == "then" else in_one_turn(left)
    sides = (left, right) if item.kind == "then" else (left,)
    bounds = reduce(and_, (side.bounds for side in sides))
    pieces = {
        vendor: (*_order(item, left, right, vendor), both(*(side.was_said(vendor) for side in sides)))
        for vendor in VENDORS
    }
    return bounds & _condition(
        left.is_exact and right.is_exact, pieces, both(*(side.has_rows for side in sides))
    )


def _condition(is_exact: bool, pieces: dict[str, tuple[Sql | None, Sql, Sql]], rows: Sql) -> Q:
    """Of what bits say, what events say, and whether the texts were said, the condition on sessions."""
    written = {vendor: _written(is_exact, *found, rows) for vendor, found in pieces.items()}
    return Q(Decides(**written, is_costly=not is_exact))


def _written(is_exact: bool, by_bits: Sql | None, by_events: Sql, said: Sql, rows: Sql) -> Sql:
    """Bits decide where they are exact; elsewhere they, or the session's rows, and its words spare a look at events."""
    pieces = {
        "bits": ANYTHING if by_bits is None else by_bits,
        "rows": rows,
        "said": said,
        "events": by_events,
    }
    if is_exact:
        return filled("CASE WHEN @known@ THEN {bits} ELSE {rows} AND {events} END", **pieces)
    # Nested, because that is the only order that a planner keeps.
    return filled(
        "CASE WHEN CASE WHEN @known@ THEN {bits} ELSE {rows} END"
        " THEN CASE WHEN {said} THEN {events} ELSE 1 = 0 END ELSE 1 = 0 END",
        **pieces,
    )


def _one_turn(wanted: Turn, vendor: str) -> tuple[Sql | None, Sql]:
    known = wanted.bits(vendor)
    by_bits = None if known is None else Sql(f"({known.text}) <> 0", known.parameters)
    if wanted.is_one_event:
        return by_bits, filled(
            f"EXISTS (SELECT 1 FROM conversations_event e WHERE {_BOUNDS} AND {{event}})", event=wanted.event
        )
    return by_bits, filled(
        "EXISTS (SELECT 1 FROM (SELECT turn{highest} FROM ({events}) numbered GROUP BY turn) one WHERE {holds})",
        highest=Sql(wanted.highest("c")),
        events=filled(_NUMBERED, flags=wanted.flags("c")),
        holds=wanted.holds("c", vendor),
    )


def _order(item: Sequence, left: Turn, right: Turn, vendor: str) -> tuple[Sql | None, Sql]:
    a, b = left.bits(vendor), right.bits(vendor)
    by_bits = None
    if a is not None and b is not None and (item.kind == "then" or (left.is_exact and right.is_exact)):
        by_bits = filled(
            f"EXISTS (SELECT 1 FROM (SELECT {{a}} AS a, {{b}} AS b LIMIT 1) t WHERE {_compared(item)})",
            a=a,
            b=b,
        )
    elif a is not None:
        by_bits = Sql(f"({a.text}) <> 0", a.parameters)
    turns = filled(
        "SELECT turn, CASE WHEN {a} THEN 1 ELSE 0 END AS a, CASE WHEN {b} THEN 1 ELSE 0 END AS b"
        " FROM (SELECT turn{highest} FROM ({events}) numbered GROUP BY turn) each",
        a=left.holds("a", vendor),
        b=right.holds("b", vendor),
        highest=Sql(left.highest("a") + right.highest("b")),
        events=filled(_NUMBERED, flags=_concatenated([left.flags("a"), right.flags("b")])),
    )
    return by_bits, filled(f"EXISTS (SELECT 1 FROM {_followed(item)})", turns=turns)


def _compared(item: Sequence) -> str:
    """The order of the lowest and highest bits of `a` and `b`, as a condition."""
    if item.within is None:
        if item.kind == "then":
            return "a <> 0 AND (b >> 1) >= (a & -a)"
        # No higher bit in b than in a; the second part compares the highest bits of two numbers.
        return "a <> 0 AND NOT (a < b AND a < (a | b) - (a & b))"
    later = " | ".join(f"(b >> {by})" for by in range(1, min(item.within - 1, LAST_BIT) + 1))
    return f"a & ({later}) <> 0" if item.kind == "then" else f"a & ~({later}) <> 0"


def _followed(item: Sequence) -> str:
    """The same of turns in rows: what stands behind FROM."""
    if item.within is None:
        ends = "(SELECT {} AS a, max(CASE WHEN b = 1 THEN turn END) AS b FROM ({{turns}}) t) ends WHERE "
        if item.kind == "then":
            return ends.format("min(CASE WHEN a = 1 THEN turn END)") + "a < b"
        return ends.format("max(CASE WHEN a = 1 THEN turn END)") + "a >= coalesce(b, -1)"
    return (
        f"(SELECT a, max(b) OVER (ORDER BY turn ROWS BETWEEN 1 FOLLOWING AND {min(item.within - 1, FARTHEST)} FOLLOWING) AS b"
        " FROM ({turns}) t) followed WHERE a = 1 AND "
    ) + ("b = 1" if item.kind == "then" else "coalesce(b, 0) = 0")


def _bits(one: Sought, vendor: str) -> Sql:
    alternatives = [joined([bits(each, vendor) for each in together], " & ") for together in one.needs or ()]
    return joined(alternatives, " | ") if alternatives else Sql("0")


def _denied(condition: Sql) -> Sql:
    """Not true: false, or unknown as the confidence of an event without one."""
    return Sql(f"CASE WHEN {condition.text} THEN 0 ELSE 1 END = 1", condition.parameters)


def _concatenated(parts: object) -> Sql:
    found = list(parts)  # type: ignore[call-overload]
    return Sql("".join(part.text for part in found), tuple(p for part in found for p in part.parameters))
