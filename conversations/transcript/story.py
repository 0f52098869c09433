"""A session as a Rasa story, in the YAML of training data, up to a turn. Pure: text out, nothing raises on any body."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from conversations.identity import shown
from conversations.reading import FALLBACK_INTENT
from conversations.summary import UNSAID

from . import values
from .facts import LOOPS
from .model import Source

_QUIET_SLOTS = {"session_started_metadata", "requested_slot"}
Step = list[str]


def story(events: Iterable[Source], title: str) -> str:
    """`events` in order; reverted ones are left out, as Rasa leaves them out of what it learns from."""
    found = [f"  {line}" for step in _steps(events) for line in step]
    steps = ["  steps:", *found] if found else ["  steps: []"]
    return "\n".join(['version: "3.1"', "stories:", f"- story: {quoted(title)}", *steps]) + "\n"


def quoted(value: Any) -> str:
    """A YAML scalar that reads back as the same text, number or null: JSON is YAML."""
    return shown(json.dumps(value, ensure_ascii=False, default=str)).replace("\x7f", "\\x7f")


def _steps(events: Iterable[Source]) -> Iterator[Step]:
    slots: Step = []
    for source in events:
        if source.reverted_at is not None:
            continue
        event = values.body(source.body)
        if source.type == "slot":
            name = values.text(event.get("name"))
            if name and name not in _QUIET_SLOTS:
                slots = slots or ["- slot_was_set:"]
                slots.append(f"  - {quoted(name)}: {quoted(event.get('value'))}")
            continue
        step = _step(source, event)
        if step and slots:
            yield slots
            slots = []
        if step:
            yield step
    if slots:
        yield slots


def _step(source: Source, event: dict[str, Any]) -> Step:
    if source.type == "user":
        return _user(source, event)
    if source.type == "action" and source.name and source.name not in UNSAID:
        if not values.text(event.get("name")):
            return [f"- bot: {quoted(values.text(event.get('action_text'), 2000))}"]
        return [f"- action: {quoted(source.name)}"]
    if source.type in LOOPS[:2]:
        return [f"- active_loop: {quoted(source.name or None)}"]
    return []


def _user(source: Source, event: dict[str, Any]) -> Step:
    data = values.mapping(event.get("parse_data"))
    text = event.get("text")
    text = " ".join(shown(text[:2000]).split()) if isinstance(text, str) else ""
    if not source.name or source.name == FALLBACK_INTENT:
        return [f"- user: {quoted(text)}"] if text else []
    # What was said is a comment: beside an intent it would make a test of the story.
    step = [f"# {text}"] if text and not text.startswith("/") else []
    step.append(f"- intent: {quoted(source.name)}")
    entities = [
        f"  - {quoted(values.text(entity.get('entity')))}: {quoted(entity.get('value'))}"
        for entity in values.items(data.get("entities"))[:50]
        if isinstance(entity, dict)
    ]
    return [*step, "  entities:", *entities] if entities else step
