"""Messages as training examples in Rasa's format, such that any message survives. Pure.

Rasa reads `[text](entity)` and `[text]{"entity": ...}` wherever they stand, and knows no escape. But `[text][]`, a list of
no entities, is read as the text alone: a bracket that would begin an annotation is written as `[[][]`.
"""

import io
import json
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.scalarstring import DoubleQuotedScalarString, LiteralScalarString

from conversations.identity import shown
from conversations.reading import EXTERNAL_PREFIX, FALLBACK_INTENT

VERSION = "3.1"
# Rasa's own writer leaves these out too: their values are found by rules, not learned.
RULED_EXTRACTORS = ("DucklingEntityExtractor", "SpacyEntityExtractor")
_PLAIN_NAME = re.compile(r"[A-Za-z_][\w/-]*")
_YAML_WORDS = frozenset(("y", "n", "yes", "no", "on", "off", "true", "false", "null"))
# What may stand as it is in a block of text; other characters need a quoted one.
_PRINTABLE = re.compile(
    "[\t\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]*"
)


@dataclass(frozen=True, slots=True)
class Entity:
    """A part of a message, from `start` to before `end` in code points. `value`: what it stands for, if not its text."""

    start: int
    end: int
    name: str
    value: str | float | None = None
    role: str = ""
    group: str = ""


@dataclass(frozen=True, slots=True)
class Example:
    """A message with the intent that it should have."""

    text: str
    intent: str
    entities: tuple[Entity, ...] = ()


def entities_of(data: Any) -> tuple[Entity, ...]:
    """Entities as Rasa publishes them; what cannot be one of a training example is left out."""
    found = []
    for item in data if isinstance(data, list) else ():
        if not isinstance(item, dict) or item.get("extractor") in RULED_EXTRACTORS:
            continue
        start, end, name = item.get("start"), item.get("end"), item.get("entity")
        if not (type(start) is int and type(end) is int and isinstance(name, str) and name):
            continue
        role, group = item.get("role"), item.get("group")
        entity = Entity(
            start,
            end,
            shown(name),
            _value(item.get("value")),
            shown(role) if isinstance(role, str) else "",
            shown(group) if isinstance(group, str) else "",
        )
        found.append(entity)
    return tuple(dict.fromkeys(found))


def _value(value: Any) -> str | float | None:
    """Rasa takes texts and numbers; anything else is written as its JSON."""
    if value is None or (
        isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    ):
        return value
    return shown(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def is_example(text: str, intent: str) -> bool:
    """Whether a message can be taught: words of a user under a name that a model may learn."""
    said = text.strip()
    is_name = bool(intent.strip()) and intent != FALLBACK_INTENT and intent.count("/") < 2
    return is_name and bool(said) and not said.startswith(("/", EXTERNAL_PREFIX))


def example_line(text: str, entities: Sequence[Entity] = ()) -> str:
    """The message with its entities annotated, blanks at both ends left out.

    An entity that the format cannot hold (one that holds a `]`, or crosses another) is left out.
    """
    said = shown(text)
    if said != text:
        entities = ()  # places were moved by characters that no file can hold
    stripped = said.strip()
    offset = len(said) - len(said.lstrip())
    written = ""
    after = ""  # what follows the nearest ] on the right
    end = len(stripped)
    for place, names in reversed(_places(stripped, entities, offset)):
        written, after = _literal(stripped[place[1] : end], written, after)
        unit = _annotated(stripped[place[0] : place[1]], names)
        written, after = unit + written, unit[unit.index("]") + 1]
        end = place[0]
    return _literal(stripped[:end], written, after)[0]


def _places(text: str, entities: Iterable[Entity], offset: int) -> list[tuple[tuple[int, int], list[Entity]]]:
    """Entities by their place in `text`, in order; of two that overlap the longer, of equal ones the first."""
    by_place: dict[tuple[int, int], list[Entity]] = {}
    for entity in entities:
        start, end = entity.start - offset, entity.end - offset
        if 0 <= start < end <= len(text) and "]" not in text[start:end] and text[start:end].strip():
            by_place.setdefault((start, end), []).append(entity)
    taken: list[tuple[int, int]] = []
    for start, end in sorted(by_place, key=lambda place: (place[0] - place[1], place)):
        if all(end <= other[0] or start >= other[1] for other in taken):
            taken.append((start, end))
    return [(place, by_place[place]) for place in sorted(taken)]


def _literal(text: str, written: str, after: str) -> tuple[str, str]:
    """`text` before what is `written`, every bracket escaped that Rasa would take for the beginning of an annotation."""
    parts = []
    following = written[:1]
    for char in reversed(text):
        if char == "[" and after and after in "({[":
            parts.append("[[][]")
            after = "["
        else:
            parts.append(char)
            if char == "]":
                after = following
        following = "[" if char == "[" else char
    return "".join(reversed(parts)) + written, after


def _annotated(text: str, entities: Sequence[Entity]) -> str:
    if len(entities) > 1:
        return f"[{text}][{','.join(_attributes(text, entity) for entity in entities)}]"
    (entity,) = entities
    if (
        entity.value in (None, text)
        and not entity.role
        and not entity.group
        and re.fullmatch(r"[\w-]+", entity.name)
    ):
        return f"[{text}]({entity.name})"
    return f"[{text}]{_attributes(text, entity)}"


def _attributes(text: str, entity: Entity) -> str:
    attributes: dict[str, Any] = {"entity": entity.name}
    if entity.role:
        attributes["role"] = entity.role
    if entity.group:
        attributes["group"] = entity.group
    if entity.value is not None and entity.value != text:
        attributes["value"] = entity.value
    inside = json.dumps(attributes, ensure_ascii=False)[1:-1]
    # An annotation ends with the first such bracket, even one within quotes.
    return "{" + inside.replace("}", "\\u007d").replace("]", "\\u005d") + "}"


def fragment(examples: Iterable[Example], *, notes: Sequence[str] = ()) -> str:
    """An `nlu.yml` of these examples, by intent, each once. `notes` become comments at its head."""
    by_intent: dict[str, dict[str, None]] = {}
    for example in examples:
        if is_example(example.text, example.intent):
            line = example_line(example.text, example.entities)
            by_intent.setdefault(shown(example.intent.strip()), {})[line] = None
    blocks: list[CommentedMap] = []
    for intent in sorted(by_intent):
        lines = list(by_intent[intent])
        simple = [line for line in lines if _PRINTABLE.fullmatch(line)]
        others = [line for line in lines if not _PRINTABLE.fullmatch(line)]
        if simple:
            text = LiteralScalarString("".join(f"- {line}\n" for line in simple))
            blocks.append(CommentedMap(intent=_name(intent), examples=text))
        if others:  # several lines, or characters that only stand in quotes
            items = [CommentedMap(text=DoubleQuotedScalarString(line)) for line in others]
            blocks.append(CommentedMap(intent=_name(intent), examples=items))
    writer = YAML()
    writer.width = 2**20  # a folded line would be another message
    writer.indent(mapping=2, sequence=2, offset=0)
    out = io.StringIO()
    writer.dump(CommentedMap(version=DoubleQuotedScalarString(VERSION), nlu=blocks), out)
    return _head(notes) + out.getvalue()


def _head(notes: Sequence[str]) -> str:
    # Of a file of ASCII alone Rasa undoes \u escapes before it reads it, also those that a customer wrote.
    lines = [
        "Corrections of messages · keep this line: its dot tells Rasa to leave backslashes as they are.",
        *notes,
    ]
    return "".join(
        f"# {' '.join(line.split())}\n" for line in lines if _PRINTABLE.fullmatch(" ".join(line.split()))
    )


def _name(intent: str) -> str:
    if _PLAIN_NAME.fullmatch(intent) and intent.lower() not in _YAML_WORDS:
        return intent
    quoted: str = DoubleQuotedScalarString(intent)
    return quoted
