"""Where a session opens: at the first event that satisfies the query, else at the first trouble, else at its start."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Q

from conversations.identity import Key
from conversations.models import Event, Session
from conversations.reading import FALLBACK_INTENT
from conversations.summary import UNSURE_BELOW
from conversations.transcript import Wanted
from conversations.transcript.spans import find

from .window import key_of

MAX_READ = 20_000  # events whose words are compared; a hit beyond them is found by scrolling
MAX_MARKS = 300
_COLUMNS = (
    "id",
    "timestamp",
    "rank",
    "hash",
    "type",
    "name",
    "predicted",
    "confidence",
    "text",
    "reverted_at",
)


def opening_key(session: Session, wanted: Wanted) -> Key | None:
    """The place of the turn that matters; None for the session's start."""
    hit = next(hits(session, wanted), None) if wanted else None
    if hit is not None:
        return key_of(hit)
    if session.trouble_at is None:
        return None
    events = Event.objects.of_session(session).filter(timestamp=session.trouble_at)
    trouble = events.filter(Q(type="user") | Q(type="action")).in_order().only(*_COLUMNS).first()
    return key_of(trouble) if trouble else None


def hits(session: Session, wanted: Wanted) -> Iterator[Event]:
    """Messages and actions that the query asks for, in order."""
    names = _named(wanted)
    types = ["user", "bot", "agent"] if wanted.has_text else []
    found = Event.objects.of_session(session).filter(names | Q(type__in=types)).in_order().only(*_COLUMNS)
    for event in found[:MAX_READ].iterator(chunk_size=200):
        if is_hit(event, wanted):
            yield event


def is_hit(event: Event, wanted: Wanted) -> bool:
    """Whether this event is what the query asks for, as far as its columns tell."""
    if event.type == "user":
        named = wanted.finds_intent(event.name, event.predicted, event.confidence)
        named = named or (wanted.fallback and event.predicted == FALLBACK_INTENT)
        return named or bool(find(wanted.user_text, event.text))
    if event.type == "action":
        return wanted.finds_action(event.name)
    return bool(find(wanted.bot_text, event.text))


def marks(session: Session, wanted: Wanted) -> list[tuple[Event, str]]:
    """Hits and trouble of the whole session for the strip beside the transcript, in order: (event, "hit" or "trouble")."""
    trouble = Q(type="user") & (
        Q(predicted=FALLBACK_INTENT) | Q(confidence__lt=UNSURE_BELOW) | Q(reverted_at__isnull=False)
    )
    condition = trouble | _named(wanted)
    if wanted.has_text:
        condition |= Q(type__in=["user", "bot", "agent"])
    found = Event.objects.of_session(session).filter(condition).in_order().only(*_COLUMNS)
    result: list[tuple[Event, str]] = []
    for event in found[:MAX_READ].iterator(chunk_size=500):
        if wanted and is_hit(event, wanted):
            result.append((event, "hit"))
        elif event.type == "user" and _is_trouble(event):
            result.append((event, "trouble"))
        if len(result) >= MAX_MARKS:
            break
    return result


def _is_trouble(event: Event) -> bool:
    unsure = event.confidence is not None and event.confidence < UNSURE_BELOW and bool(event.name)
    return event.predicted == FALLBACK_INTENT or event.reverted_at is not None or unsure


def _named(wanted: Wanted) -> Q:
    condition = Q(pk__in=[])
    if wanted.intents:
        condition |= Q(type="user") & (Q(name__in=wanted.intents) | Q(predicted__in=wanted.intents))
    if wanted.actions:
        condition |= Q(type="action", name__in=wanted.actions)
    if wanted.fallback:
        condition |= Q(type="user", predicted=FALLBACK_INTENT) | Q(
            type="action", name="action_default_fallback"
        )
    return condition
