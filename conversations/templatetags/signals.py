"""Signals of sessions as chips."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django import template
from django.utils.functional import Promise

from conversations import signals
from conversations.models import Assistant, Session, Signal

register = template.Library()

TONES = {"handoff": "violet", "goal": "good", "abandoned": "warn", "complaint": "warn"}


@dataclass(frozen=True, slots=True)
class Chip:
    """A signal in a word. Fallbacks have a chip of their own, with their number."""

    name: str
    label: str | Promise
    tone: str


def chips(sessions: Iterable[Session], assistant: Assistant | None) -> dict[int, list[Chip]]:
    """The chips of each session, by its id; one query, and those of `signals.definitions` the first time."""
    if assistant is None:
        return {}
    meaning = {name: one for name, one in signals.definitions(assistant).items() if name in TONES and one}
    found = signals.of_sessions(sessions, meaning)
    return {
        pk: [Chip(name, Signal.Name(name).label, TONES[name]) for name in names]
        for pk, names in found.items()
    }


@register.simple_tag
def signals_of(session: Session, assistant: Any) -> list[Chip]:
    """The chips of one session."""
    return chips([session], assistant).get(session.pk, [])
