"""Bytes of a message -> an event of a sender, or the reason why it is none. Pure; never raises, whatever the bytes.

Anything a Rasa server can say is kept, unknown types included: only what has no sender, type or time is rejected.
"""

import json
import logging
from typing import NamedTuple

from conversations.envelope import Envelope
from conversations.identity import NotAnEvent, parse, shown
from conversations.reading import read

log = logging.getLogger(__name__)

MAX_BODY = 16 * 1024 * 1024  # bytes


class Rejection(NamedTuple):
    """Why a message is no event: a sentence for the operator."""

    reason: str


def decode(
    body: bytes, *, assistant: str = "default", environment: str = "", is_export: bool = False
) -> Envelope | Rejection:
    """The event in `body`, or why there is none. The keywords are facts of the transport, which the body does not hold."""
    try:
        if len(body) > MAX_BODY:
            raise NotAnEvent(f"larger than 16 MB ({len(body)} bytes)")
        text = body.decode("utf-8")
        event = parse(text)
        if not isinstance(event, dict):
            raise NotAnEvent(f"not a JSON object but {_kind(event)}")
        sender_id = event.get("sender_id")
        if not isinstance(sender_id, str):
            sender_id = _number_as_written(text)
        return Envelope(assistant, sender_id, read(event), text, environment, is_export)
    except NotAnEvent as error:
        reason = str(error)
    except UnicodeDecodeError as error:
        reason = f"not UTF-8: {error.reason} at byte {error.start}"
    except RecursionError:
        reason = "nested too deeply"
    except Exception as error:
        # A mistake of ours must not stop the queue, nor lose the body: rejected rows are replayed after the fix.
        log.exception("a body could not be read", extra={"action": "decode_failed"})
        reason = shown(f"could not be read ({type(error).__name__}: {error})"[:500])
    return Rejection(reason)


class _Literal(str):
    """A number of the body, as written there."""

    __slots__ = ()


def _number_as_written(text: str) -> str:
    """The sender_id where it is a number: its JSON text to the letter, so that 1.0, 1 and 1e0 stay three senders."""
    event = json.loads(text, parse_float=_Literal, parse_int=_Literal, parse_constant=_Literal)
    if "sender_id" not in event:
        raise NotAnEvent("no sender_id")
    if not isinstance(event["sender_id"], _Literal):
        raise NotAnEvent(f"sender_id is {_kind(event['sender_id'])}")
    return str(event["sender_id"])


def _kind(value: object) -> str:
    names = {type(None): "null", bool: "a boolean", dict: "an object", list: "a list", str: "a text"}
    return names.get(type(value), "a number")
