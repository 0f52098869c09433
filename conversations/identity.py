"""Which events are the same, and in which order the events of a conversation stand.

Pure: text in, bytes out. One function and one JSON library on every path, because `orjson` and `json` write some floats
differently, and one event must have one hash for ever (golden vectors: tests/test_identity.py).
"""

import hashlib
import json
import math
from typing import Any

HASH_VERSION = b"1"  # goes into every hash; a changed canonical form must change it
MIN_TIMESTAMP, MAX_TIMESTAMP = 1e8, 1e11  # seconds: 1973 to 5138; larger is milliseconds

_METADATA_SLOT = "session_started_metadata"
# Part of the unique key of stored events: a change needs a migration of theirs.
_RANKS = {
    "session_started": 2,
    "user": 3,
    "slot": 4,
    "user_featurization": 5,
    "action": 6,
    "active_loop": 7,
    "form": 7,
    "bot": 8,
    "rewind": 9,
    "undo": 9,
    "restart": 9,
}
RANK_METADATA_SLOT, RANK_SESSION_START, RANK_LISTEN, RANK_REST = 0, 1, 10, 11
RANK_REVERT = 9

Key = tuple[float, int, bytes]  # (timestamp, rank, hash): the total order of a conversation


class NotAnEvent(ValueError):
    """The text cannot be an event; the message says why, in a sentence for the operator."""


def parse(text: str) -> Any:
    """The canonical tree of a JSON text: integral floats are integers, other floats rounded to 9 decimals.

    Timestamps survive unchanged: neighbouring doubles above 1e8 are further apart than 1e-9. NaN and Infinity, `\\u0000`,
    lone surrogates and integers of any length are kept. Raises NotAnEvent for what is not JSON.
    """
    try:
        return _decode(text)
    except RecursionError as error:
        raise NotAnEvent("nested too deeply") from error
    except json.JSONDecodeError as error:
        raise NotAnEvent(f"not JSON: {error.msg} at character {error.pos}") from error
    except ValueError:  # an integer longer than Python converts by default
        return json.loads(text, parse_float=_canonical_float, parse_int=_any_int)


def _canonical_float(text: str) -> float | int:
    value = round(float(text), 9)
    return int(value) if value.is_integer() else value


_decode = json.JSONDecoder(parse_float=_canonical_float).decode


def _any_int(text: str) -> Any:
    return int(text) if len(text) <= 4000 else {"\x00int": text}


def event_hash(event: dict[str, Any]) -> bytes:
    """The 16 bytes that name an event within its conversation. `event` comes from `parse`; `sender_id` does not count."""
    rest = dict(event)
    rest.pop("sender_id", None)
    try:
        text = _encode(rest)
    except ValueError:  # an integer of more digits than Python prints by default
        text = _encode(_without_long_integers(rest))
    except RecursionError as error:
        raise NotAnEvent("nested too deeply") from error
    return hashlib.blake2b(HASH_VERSION + text.encode("ascii"), digest_size=16).digest()


_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), check_circular=False).encode


def _without_long_integers(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_long_integers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_long_integers(item) for item in value]
    if isinstance(value, int) and abs(value) >= 10**4000:
        return {"\x00int": hex(value)}
    return value


def sender_hash(sender_id: str) -> bytes:
    """The 16 bytes that name a conversation within its assistant; safe for lone surrogates and NUL."""
    return hashlib.blake2b(sender_id.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def rank(event_type: str, name: str) -> int:
    """Place of an event among those with the same timestamp: the order that Rasa gives a turn."""
    if event_type == "action":
        if name == "action_listen":
            return RANK_LISTEN
        if name == "action_session_start":
            return RANK_SESSION_START
    elif event_type == "slot" and name == _METADATA_SLOT:
        return RANK_METADATA_SLOT
    return _RANKS.get(event_type, RANK_REST)


def usable_timestamp(value: Any) -> float:
    """Seconds as a double; a numeric string is converted. Raises NotAnEvent with the reason for anything else."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            raise NotAnEvent("the timestamp is not a number") from None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise NotAnEvent("no timestamp" if value is None else "the timestamp is not a number")
    try:
        seconds = float(value)
    except OverflowError:
        seconds = math.inf
    if not math.isfinite(seconds):
        raise NotAnEvent("the timestamp is not finite")
    if seconds > MAX_TIMESTAMP:
        raise NotAnEvent("the timestamp is too large: milliseconds?")
    if seconds < MIN_TIMESTAMP:
        raise NotAnEvent("the timestamp is before 1973")
    return seconds


def shown(text: str) -> str:
    """`text` as a database can hold it and a page may show it: NUL and lone surrogates as `\\uXXXX`, the rest as it is."""
    if text.isascii() and "\x00" not in text:
        return text
    return "".join(
        f"\\u{ord(char):04x}" if char == "\x00" or "\ud800" <= char <= "\udfff" else char for char in text
    )
