"""What users and assistants say, read from an event's body. Everything in it may be missing, or of another type."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from conversations.identity import shown
from conversations.reading import FALLBACK_INTENT
from conversations.summary import UNSURE_BELOW

from . import spans, values
from .hits import Wanted
from .model import BotMessage, Choice, Guess, Media, Payload, Source, Tone, UserMessage
from .model import gettext_noop as _

SURE = 0.8  # from here on a confidence is good; below UNSURE_BELOW it is a warning
MAX_CHOICES = 30
MAX_RANKING = 10
MAX_PAYLOAD = 4000

_CUSTOM, _ELEMENTS, _ATTACHMENT, _MORE = _("custom payload"), _("elements"), _("attachment"), _("more data")
_KNOWN_DATA = {"elements", "quick_replies", "buttons", "attachment", "image", "custom", "text"}


def tone(confidence: float | None) -> Tone:
    """Green where the machine was sure, amber where it was not."""
    if confidence is None:
        return ""
    return "good" if confidence >= SURE else "warn" if confidence < UNSURE_BELOW else ""


def user(source: Source, event: dict[str, Any], wanted: Wanted) -> UserMessage:
    """A user's message. `source.name` is the intent behind a fallback, `source.predicted` what the server said."""
    said = event.get("text")
    said = said if isinstance(said, str) else ""
    data = values.mapping(event.get("parse_data"))
    metadata = values.mapping(event.get("metadata"))
    is_external = metadata.get("is_external") is True or said.startswith("EXTERNAL: ")
    is_payload = said.startswith("/") and not is_external
    found = spans.entities(data.get("entities"), said)
    hits = spans.find(wanted.user_text, said)
    is_fallback = source.predicted == FALLBACK_INTENT
    shown_part = {
        id(entity) for entity in found if entity.start is not None and entity.start < spans.MAX_TEXT
    }
    return UserMessage(
        id=source.id,
        timestamp=source.timestamp,
        segments=spans.segments(said, found, hits),
        guess=Guess(
            source.name or source.predicted,
            source.confidence,
            "warn" if is_fallback else "" if is_payload or not source.name else tone(source.confidence),
        ),
        is_fallback=is_fallback,
        predicted=source.predicted,
        retrieval=values.text(values.mapping(data.get("intent")).get("full_retrieval_intent_name")),
        entities=found,
        loose=[entity for entity in found if id(entity) not in shown_part],
        commands=[command(each) for each in values.items(data.get("commands"))[:MAX_CHOICES]],
        is_payload=is_payload,
        is_external=is_external,
        channel=values.text(event.get("input_channel")),
        is_reverted=source.reverted_at is not None,
        is_hit=bool(hits) or source.id in wanted.hits,
        is_cut=len(said) > spans.MAX_TEXT,
        size=len(source.body),
    )


def command(value: Any) -> str:
    """A command of Rasa Pro's dialogue understanding in one phrase: `start flow transfer_money`."""
    fields = values.mapping(value)
    if not fields:
        return values.text(value)
    name = values.text(fields.get("command")) or "?"
    about = fields.get("flow") or fields.get("name") or fields.get("flow_id")
    phrase = f"{name} {values.text(about)}" if about else name
    return f"{phrase} = {values.json_text(fields['value'])}" if "value" in fields else phrase


def ranking(event: dict[str, Any]) -> list[Guess]:
    """What the machine weighed, best first, without the fallback's own entry: its confidence is a threshold."""
    data = values.mapping(event.get("parse_data"))
    guesses = []
    for entry in values.items(data.get("intent_ranking")):
        fields = values.mapping(entry)
        name = values.text(fields.get("name"))
        if name and name != FALLBACK_INTENT:
            guesses.append(Guess(name, values.number(fields.get("confidence"))))
    if not guesses:
        intent = values.mapping(data.get("intent"))
        name = values.text(intent.get("name"))
        guesses = [Guess(name, values.number(intent.get("confidence")))] if name else []
    return [Guess(g.name, g.confidence, "" if i else tone(g.confidence)) for i, g in enumerate(guesses)][
        :MAX_RANKING
    ]


def bot(source: Source, event: dict[str, Any], wanted: Wanted) -> BotMessage:
    """An answer with all that a channel would have drawn beside its text."""
    said = event.get("text")
    said = said if isinstance(said, str) else ""
    data = event.get("data")
    metadata = values.mapping(event.get("metadata"))
    hits = spans.find(wanted.bot_text, said)
    utter = metadata.get("utter_action") or metadata.get("template_name") or metadata.get("template")
    buttons = choices(values.mapping(data).get("buttons")) + choices(
        values.mapping(data).get("quick_replies")
    )
    return BotMessage(
        id=source.id,
        timestamp=source.timestamp,
        segments=spans.segments(said, (), hits, spans.links(said[: spans.MAX_TEXT])),
        utter_action=values.text(utter),
        buttons=buttons[:MAX_CHOICES],
        n_more_buttons=max(0, len(buttons) - MAX_CHOICES),
        media=media(values.mapping(data)),
        payloads=payloads(data),
        is_agent=source.type == "agent",
        is_reverted=source.reverted_at is not None,
        is_hit=bool(hits) or source.id in wanted.hits,
        is_cut=len(said) > spans.MAX_TEXT,
        size=len(source.body),
    )


def choices(buttons: Any) -> list[Choice]:
    """Buttons or quick replies; one without a title shows its payload."""
    result = []
    for button in values.items(buttons):
        if isinstance(button, str):
            result.append(Choice(values.text(button), shown(button)))
        elif isinstance(button, dict):
            payload = button.get("payload")
            payload = shown(payload) if isinstance(payload, str) else values.text(payload)
            title = values.text(button.get("title")) or values.text(payload)
            result.append(Choice(title or "?", payload, spans.safe_url(button.get("url"))))
    return result


def media(data: dict[str, Any]) -> list[Media]:
    """Image and attachment; Rasa repeats an image as attachment, which is shown once."""
    image, attachment = data.get("image"), data.get("attachment")
    found = []
    if isinstance(image, str) and image:
        found.append(_medium("image", image))
    if isinstance(attachment, str) and attachment and attachment != image:
        found.append(_medium("file", attachment))
    elif isinstance(attachment, dict):
        inner = values.mapping(attachment.get("payload"))
        address = inner.get("src") or inner.get("url")
        if isinstance(address, str) and address and address != image:
            found.append(_medium("image" if attachment.get("type") == "image" else "file", address))
    return found


def _medium(kind: Any, address: str) -> Media:
    url = spans.safe_url(address)
    if url.lower().startswith("mailto:"):
        url = ""
    try:
        name = urlsplit(url).path.rsplit("/", 1)[-1] if url else ""
    except ValueError:
        url = name = ""
    return Media(kind, values.text(name or address, 120), url)


def payloads(data: Any) -> list[Payload]:
    """What is left of an answer's data, as JSON."""
    if data is not None and not isinstance(data, dict):
        return [_payload(_MORE, data)]
    fields = values.mapping(data)
    found = [
        _payload(says, fields[name])
        for name, says in (("custom", _CUSTOM), ("elements", _ELEMENTS))
        if fields.get(name)
    ]
    attachment = fields.get("attachment")
    if attachment and not isinstance(attachment, str) and not media({"attachment": attachment}):
        found.append(_payload(_ATTACHMENT, attachment))
    more = {name: value for name, value in fields.items() if name not in _KNOWN_DATA and value}
    for name in ("image", "buttons", "quick_replies"):
        value = fields.get(name)
        if value and not isinstance(value, str if name == "image" else list):
            more[name] = value
    return [*found, _payload(_MORE, more)] if more else found


def _payload(says: str, value: Any) -> Payload:
    text, is_cut = values.pretty(value, MAX_PAYLOAD)
    return Payload(says, text, is_cut)
