"""What screens filter and show of an event, read once on arrival. Pure; never raises on what Rasa or others may send."""

import json
from typing import Any, NamedTuple

from conversations.identity import NotAnEvent, event_hash, rank, shown, usable_timestamp
from conversations.tokens import line

TEXT_LIMIT = 1000  # code points of a message that the events table repeats beside the body
NAME_LIMIT = 500  # code points of a name: an index of PostgreSQL ends at 2,700 bytes
FALLBACK_INTENT = "nlu_fallback"
FALLBACK_ACTION = "action_default_fallback"
EXTERNAL_PREFIX = "EXTERNAL: "


class EventRow(NamedTuple):
    """An event in columns. Texts are safe for a database (`identity.shown`); absent ones are empty.

    `name` is the intent as filtered (behind `nlu_fallback`: the first real one of the ranking), the action, slot, loop
    or flow; `predicted` a user message's intent as the server said it. `confidence` is of `name`. `said` is the whole
    text of a user or bot and `words` its search words (`tokens.line`). `intents` are all names under which the message
    is found. `value` is what a slot was set to: texts as they are, anything else as JSON, empty for null.
    """

    timestamp: float
    rank: int
    hash: bytes
    type: str
    name: str = ""
    predicted: str = ""
    confidence: float | None = None
    said: str = ""
    channel: str = ""
    model_id: str = ""
    policy: str = ""
    intents: tuple[str, ...] = ()
    entities: tuple[str, ...] = ()
    is_payload: bool = False  # /intent, button or EXTERNAL: not typed by a user
    words: str = ""
    value: str = ""
    assistant_id: str = ""

    @property
    def key(self) -> tuple[float, int, bytes]:
        """Its place in the total order of the conversation."""
        return self[:3]

    @property
    def is_fallback(self) -> bool:
        """Whether the bot did not understand: nlu_fallback, or the default fallback action."""
        return self.predicted == FALLBACK_INTENT or (self.type == "action" and self.name == FALLBACK_ACTION)


def read(event: dict[str, Any]) -> EventRow:
    """The columns of an event that `identity.parse` gave. Raises NotAnEvent when it has no type or no usable timestamp."""
    event_type = event.get("event")
    if not isinstance(event_type, str) or not event_type:
        raise NotAnEvent("no event type")
    timestamp = usable_timestamp(event.get("timestamp"))
    if not isinstance(event["timestamp"], int | float):
        event = {**event, "timestamp": int(timestamp) if timestamp.is_integer() else timestamp}
    metadata = event.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    columns = _READERS.get(event_type, _other)(event, metadata)
    name = columns.get("name", "")
    return EventRow(
        timestamp=timestamp,
        rank=rank(event_type, name),
        hash=event_hash(event),
        type=shown(event_type),
        model_id=label(metadata.get("model_id")),
        assistant_id=label(metadata.get("assistant_id")),
        **columns,
    )


def _user(event: dict[str, Any], metadata: dict[str, Any]) -> dict[str, Any]:
    parse_data = event.get("parse_data")
    parse_data = parse_data if isinstance(parse_data, dict) else {}
    intent = parse_data.get("intent")
    intent = intent if isinstance(intent, dict) else {"name": intent}
    predicted = name = label(intent.get("name"))
    confidence = number(intent.get("confidence"))
    names = [predicted, label(intent.get("full_retrieval_intent_name"))]
    if predicted == FALLBACK_INTENT:
        # FallbackClassifier reports its threshold as confidence; the model's own opinion comes next in the ranking.
        real = _first_real(parse_data.get("intent_ranking"))
        name, confidence = label(real.get("name")) or predicted, number(real.get("confidence"))
        names.append(name)
    text = event.get("text")
    text = text if isinstance(text, str) else ""
    return {
        "name": name,
        "predicted": predicted,
        "confidence": confidence,
        "said": shown(text),
        "words": line(text),
        "channel": label(event.get("input_channel")),
        "intents": tuple(dict.fromkeys(filter(None, names))),
        "entities": entity_names(parse_data.get("entities")),
        "is_payload": text.startswith(("/", EXTERNAL_PREFIX)) or metadata.get("is_external") is True,
    }


def _first_real(ranking: Any) -> dict[str, Any]:
    for entry in ranking if isinstance(ranking, list) else []:
        if isinstance(entry, dict) and entry.get("name") != FALLBACK_INTENT:
            return entry
    return {}


def _bot(event: dict[str, Any], metadata: dict[str, Any]) -> dict[str, Any]:
    text = event.get("text")
    text = text if isinstance(text, str) else ""
    return {"name": label(metadata.get("utter_action")), "said": shown(text), "words": line(text)}


def _action(event: dict[str, Any], _metadata: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": label(event.get("name")) or label(event.get("action_text")),
        "confidence": number(event.get("confidence")),
        "policy": label(event.get("policy")),
    }


def _entities(event: dict[str, Any], _metadata: dict[str, Any]) -> dict[str, Any]:
    return {"entities": entity_names(event.get("entities"))}


def _slot(event: dict[str, Any], _metadata: dict[str, Any]) -> dict[str, Any]:
    return {"name": label(event.get("name")), "value": slot_value(event.get("value"))}


def _other(event: dict[str, Any], _metadata: dict[str, Any]) -> dict[str, Any]:
    return {"name": label(event.get("name")) or label(event.get("flow_id")) or label(event.get("agent_id"))}


_READERS = {
    "user": _user,
    "bot": _bot,
    "agent": _bot,
    "action": _action,
    "slot": _slot,
    "entities": _entities,
}


def label(value: Any) -> str:
    """A name as text, at most NAME_LIMIT long: strings as they are, null and absent empty, anything else as its JSON."""
    if isinstance(value, str):
        return shown(value)[:NAME_LIMIT]
    return "" if value is None else shown(json.dumps(value, sort_keys=True))[:NAME_LIMIT]


def slot_value(value: Any) -> str:
    """What a slot was set to, as it is filtered by; empty for null. Long ones are told apart by `summary.value_key`."""
    return shown((value or "") if value is None or isinstance(value, str) else _json(value))


_json = json.JSONEncoder(sort_keys=True, ensure_ascii=False).encode


def number(value: Any) -> float | None:
    """A finite number as a double, anything else None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        value = float(value)
    except OverflowError:
        return None
    return value if value - value == 0 else None  # NaN and infinities are not zero apart from themselves


def entity_names(entities: Any) -> tuple[str, ...]:
    """Names of the entities of a message, each once."""
    names = (
        (label(entity.get("entity")) for entity in entities if isinstance(entity, dict))
        if isinstance(entities, list)
        else ()
    )
    return tuple(dict.fromkeys(filter(None, names)))
