"""What is known of one turn: the panel beside the transcript. Pure, and never raises on any body."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from . import messages, values
from .model import Action, BotMessage, Detail, Entity, Guess, Source, Turn, UserMessage
from .model import gettext_noop as _

MAX_RAW = 20_000

_UTTERED = _("answer")


@dataclass(slots=True)
class Side:
    """The facts of a turn. `slots`: names that the turn set. `raw`: its events' JSON, cut at `MAX_RAW` in all."""

    turn: Turn
    ranking: list[Guess] = field(default_factory=list)
    entities: list[Entity] = field(default_factory=list)
    selected: list[Guess] = field(default_factory=list)  # response selector
    flows: list[Guess] = field(default_factory=list)  # Rasa Pro: flows found by semantic search
    actions: list[Action] = field(default_factory=list)
    slots: list[str] = field(default_factory=list)
    followed: list[Detail] = field(default_factory=list)
    model: str = ""
    assistant_id: str = ""
    environment: str = ""
    channel: str = ""
    message_id: str = ""
    is_export: bool = False
    is_future: bool = False
    raw: list[Raw] = field(default_factory=list)
    n_raw_left_out: int = 0

    @property
    def user(self) -> UserMessage | None:
        return self.turn.user


@dataclass(frozen=True, slots=True)
class Raw:
    """An event as it was published, indented."""

    id: int
    type: str
    name: str
    text: str
    is_cut: bool
    size: int


def side(turn: Turn, events: Sequence[Source]) -> Side:
    """`events`: those of `turn`, in order."""
    result = Side(turn)
    for source in events:
        event = values.body(source.body)
        metadata = values.mapping(event.get("metadata"))
        result.model = result.model or values.text(metadata.get("model_id"), 80)
        result.assistant_id = result.assistant_id or values.text(metadata.get("assistant_id"), 80)
        result.environment = result.environment or source.environment
        result.is_export |= source.is_export
        result.is_future |= source.is_future
        if source.type == "slot":
            name = values.text(event.get("name"))
            if name and name not in result.slots:
                result.slots.append(name)
        elif source.type == "user":
            _read_user(result, event)
        _keep_raw(result, source, event)
    result.actions = [item for item in turn.items if isinstance(item, Action)]
    for item in turn.items:
        if isinstance(item, BotMessage):
            result.followed.append(Detail(_UTTERED, item.utter_action or _first_words(item)))
    for action in result.actions:
        result.followed.extend(Detail(note.says, note.subject) for note in action.notes)
    return result


def _read_user(result: Side, event: dict[str, object]) -> None:
    data = values.mapping(event.get("parse_data"))
    result.ranking = messages.ranking(event)
    result.channel = values.text(event.get("input_channel"), 80)
    result.message_id = values.text(event.get("message_id"), 80)
    if result.turn.user:
        result.entities = result.turn.user.entities
    # Every selector ranks every message; only that of the message's own intent decided anything.
    selector = values.mapping(data.get("response_selector"))
    intent = values.text(values.mapping(data.get("intent")).get("name"))
    found = values.mapping(selector.get(intent) or selector.get("default"))
    for entry in values.items(found.get("ranking"))[:5]:
        fields = values.mapping(entry)
        key = values.text(fields.get("intent_response_key"))
        if key.partition("/")[0] == intent:
            result.selected.append(Guess(key, values.number(fields.get("confidence"))))
    for entry in values.items(data.get("flows_from_semantic_search"))[:5]:
        if isinstance(entry, list) and len(entry) == 2:
            result.flows.append(Guess(values.text(entry[0]), values.number(entry[1])))


def _keep_raw(result: Side, source: Source, event: dict[str, object]) -> None:
    left = MAX_RAW - sum(len(raw.text) for raw in result.raw)
    if left <= 0:
        result.n_raw_left_out += 1
        return
    text, is_cut = values.pretty(event, left) if event else (values.text(source.body, left), False)
    result.raw.append(Raw(source.id, values.text(source.type), source.name, text, is_cut, len(source.body)))


def _first_words(message: BotMessage) -> str:
    return values.text("".join(segment.text for segment in message.segments), 60) or "…"
