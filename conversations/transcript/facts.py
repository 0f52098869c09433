"""An event as far as conditions ask of it, and what a reviewer should look at first. Pure; never raises on any body."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from conversations.defining import Definition
from conversations.reading import FALLBACK_ACTION, FALLBACK_INTENT, entity_names, label, slot_value
from conversations.tokens import Phrase

from . import values

Key = tuple[float, int, bytes]
LOOPS = ("active_loop", "form", "flow_started")
REPEATED = 3  # blanks between and around words: a shorter message than three words may well be said twice


class Fact(NamedTuple):
    """An event as far as conditions ask. `words`: its search tokens between blanks, with one at both ends."""

    id: int
    key: Key
    type: str
    name: str = ""
    predicted: str = ""
    confidence: float | None = None
    words: str = ""
    is_reverted: bool = False
    body: str = ""


def holds(spoken: str, wanted: Phrase) -> bool:
    """Whether a message with these words has the phrase."""
    if not wanted.words:
        return False
    joined = " " + " ".join(wanted.words)
    return (joined if wanted.prefix else joined + " ") in spoken


def intents_of(fact: Fact, needs_body: bool) -> tuple[str, ...]:
    """All names under which a message is found."""
    names = (fact.predicted, fact.name)
    if not (needs_body and fact.body):
        return names
    data = values.mapping(values.body(fact.body).get("parse_data"))
    return (*names, label(values.mapping(data.get("intent")).get("full_retrieval_intent_name")))


def entities_of(fact: Fact) -> tuple[str, ...]:
    """Names of the entities that an event carries."""
    body = values.body(fact.body)
    found = (
        values.mapping(body.get("parse_data")).get("entities")
        if fact.type == "user"
        else body.get("entities")
    )
    return entity_names(found)


def is_fallback(fact: Fact) -> bool:
    """Whether the bot did not understand."""
    return (fact.type == "user" and fact.predicted == FALLBACK_INTENT) or (
        fact.type == "action" and fact.name == FALLBACK_ACTION
    )


def shows(definition: Definition, fact: Fact) -> bool:
    """Whether an event is one that a signal counts."""
    match fact.type:
        case "user":
            return fact.name in definition.intents or fact.predicted in definition.intents
        case "action":
            return fact.name in definition.actions
        case "slot":
            return any(shows_slot(fact, wanted) for wanted in definition.slots)
        case "active_loop" | "form" | "flow_started":
            return bool(fact.name) and fact.name in definition.loops
    return False


# --- trouble -----------------------------------------------------------------------------------------


def shows_slot(fact: Fact, wanted: str) -> bool:
    """Whether a slot event sets `name`, or `name=value`; the latter needs its body."""
    if fact.name == wanted:
        return fact.name != "session_started_metadata"
    if not wanted.startswith(f"{fact.name}=") or not fact.body:
        return False
    return f"{fact.name}={value_of(fact)}" == wanted


def value_of(fact: Fact) -> str:
    """What a slot event sets, as it is filtered by; empty for null and where the body was not read."""
    return slot_value(values.body(fact.body).get("value")) if fact.body else ""


def troubles(facts: Iterable[Fact], unsure_below: float, handoff: Definition | None = None) -> list[int]:
    """Events that a reviewer should look at: not understood, unsure, taken back, handed over, said again. In order."""
    found = []
    before = ""
    for fact in facts:
        is_user = fact.type == "user"
        unsure = (
            is_user and fact.confidence is not None and fact.confidence < unsure_below and bool(fact.name)
        )
        again = is_user and fact.words == before and fact.words.count(" ") > REPEATED
        handed = handoff is not None and shows(handoff, fact)
        if is_fallback(fact) or unsure or (is_user and fact.is_reverted) or again or handed:
            found.append(fact.id)
        if is_user:
            before = fact.words
    return found
