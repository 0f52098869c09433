"""Where sessions open, which of their events are hits and which trouble: one look for the page, its strip and the rows.

A session opens at the turn that satisfies the query, else at its first trouble that nobody has reviewed, else at its
first turn that nobody has reviewed. The number of queries is the same for one session and for a list of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from django.db.models import F, Q

from conversations.defining import NAMES, Definition
from conversations.models import Assistant, Event, Session
from conversations.query import Query, Term, Text, Word
from conversations.reading import FALLBACK_ACTION
from conversations.summary import UNSAID, UNSURE_BELOW
from conversations.tokens import phrase
from conversations.transcript import Wanted
from conversations.transcript.facts import LOOPS, Fact, troubles
from conversations.transcript.matching import SAID, Mark, Matcher, Matches, matcher

from .opinions import marks_of
from .window import start_of

if TYPE_CHECKING:
    from .asking import Ask

MAX_READ = 20_000  # events of one session that are looked at; a hit beyond them is found by scrolling
MAX_ROW_EVENTS = 2_000  # a longer session's row quotes what the session itself keeps
MAX_MARKS = 300
_COLUMNS = (
    "id", "timestamp", "rank", "hash", "type", "name", "predicted", "confidence", "words", "reverted_at",
)  # fmt: skip


@dataclass
class Look:
    """What one session shows. `facts`: user messages and candidates, in order; `watermark`: reviewed up to there."""

    facts: list[Fact] = field(default_factory=list)
    matches: Matches = field(default_factory=Matches)
    handoff: Definition | None = None
    watermark: int | None = None

    @property
    def hits(self) -> frozenset[int]:
        return self.matches.hits

    @cached_property
    def troubles(self) -> list[int]:
        return troubles(self.facts, UNSURE_BELOW, self.handoff)

    @cached_property
    def opening(self) -> Fact | None:
        """The event that the session opens at; None for its start."""
        if self.matches.opening is not None:
            return next(fact for fact in self.facts if fact.id == self.matches.opening)
        trouble = set(self.troubles)
        reviewed = self.watermark or 0
        new = [fact for fact in self.facts if fact.id > reviewed and fact.type == "user"]
        for found in (
            [fact for fact in self.facts if fact.id in trouble and fact.id > reviewed],
            new if reviewed else [],
            [fact for fact in self.facts if fact.id in trouble] if not new else [],
        ):
            if found:
                return found[0]
        return None

    @property
    def n_new(self) -> int:
        """User messages that arrived after the latest review."""
        if self.watermark is None:
            return 0
        return sum(fact.type == "user" and fact.id > self.watermark for fact in self.facts)

    @property
    def message(self) -> int | None:
        """The message that stands for the opening turn: what was hit, else what the user said in that turn."""
        opening = self.opening
        if opening is None:
            return None
        if opening.words:
            return opening.id
        users = [fact for fact in self.facts if fact.type == "user" and fact.key <= opening.key]
        return users[-1].id if users else None

    def marks(self) -> list[tuple[Fact, str]]:
        """Hits and trouble for the strip, in order: (event, "hit" or "trouble")."""
        trouble = set(self.troubles)
        found = [
            (fact, "hit" if fact.id in self.hits else "trouble")
            for fact in self.facts
            if fact.id in self.hits or fact.id in trouble
        ]
        return found[:MAX_MARKS]


def signals_of(assistant: Assistant, query: Query | None = None) -> dict[str, Definition]:
    """What counts as a handoff, which is trouble, and the signals that the query asks for; none that are not defined."""
    from conversations import signals  # noqa: PLC0415 - it asks the filters, which load after the pages

    asked = {word.text for term in Matcher(query.items if query else ()).terms if term.field == "is"
             for word in term.values if isinstance(word, Word)}  # fmt: skip
    found: dict[str, Definition] = {}
    for name in NAMES:
        if name == "handoff" or name in asked:
            definition = signals.definition(assistant, name)
            if definition:
                found[name] = definition
    return found


def matcher_of(ask: Ask) -> Matcher:
    """What the query of a request points at."""
    if ask.assistant is None:
        return Matcher()
    return matcher(ask.query, signals_of(ask.assistant, ask.query))


def noted(found: Look, ask: Ask) -> Wanted:
    """What to mark in a transcript: the words of the query, its hits, and trouble."""
    return replace(ask.wanted, hits=found.hits, troubles=frozenset(found.troubles))


def look(session: Session, wanted: Matcher) -> Look:
    """One session."""
    events = Event.objects.of_session(session).filter(_candidates(wanted)).in_order()
    facts = [_fact(row) for row in events.values_list(*_columns(wanted))[:MAX_READ]]
    return _look(session, facts, wanted)


def looks(sessions: Sequence[Session], wanted: Matcher) -> dict[int, Look]:
    """Many sessions, by id; one that is very long is left out."""
    short = {session.pk: session for session in sessions if session.n_events <= MAX_ROW_EVENTS}
    if not short:
        return {}
    beside = "conversation__sessions__"
    events = Event.objects.filter(
        _candidates(wanted),
        **{f"{beside}pk__in": list(short)},
        timestamp__gte=F(f"{beside}start_at"),
        timestamp__lte=F(f"{beside}last_at"),
    )
    facts: dict[int, list[Fact]] = defaultdict(list)
    for pk, *row in events.in_order().values_list(f"{beside}pk", *_columns(wanted)):
        fact = _fact(row)
        session = short[pk]
        if start_of(session) <= fact.key <= (session.last_at, session.last_rank, bytes(session.last_hash)):
            facts[pk].append(fact)
    marks = marks_of(short.values(), wanted)
    return {pk: _look(session, facts[pk], wanted, marks.get(pk, ())) for pk, session in short.items()}


def _look(session: Session, facts: list[Fact], wanted: Matcher, marks: Iterable[Mark] | None = None) -> Look:
    starts = [fact.key for fact in facts if fact.type == "user"]
    if marks is None:
        marks = marks_of([session], wanted).get(session.pk, ())
    found = wanted.find(facts, starts, marks)
    return Look(facts, found, wanted.signals.get("handoff"), session.watermark)


def _columns(wanted: Matcher) -> tuple[str, ...]:
    return (*_COLUMNS, "body") if wanted.needs_body else _COLUMNS


def _fact(row: Sequence[Any]) -> Fact:
    number, timestamp, rank, digest, kind, name, predicted, confidence, words, reverted_at, *body = row
    return Fact(
        number,
        (timestamp, rank, bytes(digest)),
        kind,
        name,
        predicted,
        confidence,
        words,
        reverted_at is not None,
        body[0] if body else "",
    )


def _candidates(wanted: Matcher) -> Q:
    """Every user message, for they are the turns; and what may make a condition true."""
    condition = Q(type="user")
    for definition in wanted.signals.values():
        condition |= Q(type="action", name__in=list(definition.actions))
        slots = {part for name in definition.slots for part in (name, name.partition("=")[0])}
        condition |= Q(type="slot", name__in=slots)
        condition |= Q(type__in=LOOPS, name__in=list(definition.loops))
    for term in wanted.terms:
        condition |= _candidate(term)
    return condition


def _candidate(term: Term | Text) -> Q:  # noqa: PLR0911 - a table of fields
    names = [word.text for word in term.values if isinstance(word, Word)]
    match term.field:
        case "bot" | "any":
            return Q(type__in=SAID["bot"]) & _spoken(term)
        case "action":
            return Q(type="action", name__in=names)
        case "policy":
            return Q(type="action") & ~Q(name__in=UNSAID)
        case "action-conf" | "lowest-action" | "highest-action":
            return Q(type="action", confidence__isnull=False) & ~Q(name__in=UNSAID)
        case "entity":
            return Q(type="entities")
        case "slot":
            return Q(
                type="slot", name__in={part for name in names for part in (name, name.partition("=")[0])}
            )
        case "loop":
            return Q(type__in=LOOPS, name__in=names)
        case "unfinished":
            return Q(type__in=LOOPS)
        case "event":
            return Q(type__in=names)
        case "is":
            found = Q(type="action", name=FALLBACK_ACTION) if "fallback" in names else Q(pk__in=[])
            return found | Q(type="restart") if "restarted" in names else found
    return Q(pk__in=[])


def _spoken(term: Term | Text) -> Q:
    either = Q(pk__in=[])
    for word in term.values:
        if isinstance(word, Word):
            wanted = phrase(word.text, word.prefix)
            joined = " " + " ".join(wanted.words)
            either |= Q(words__contains=joined if wanted.prefix else joined + " ")
    return either
