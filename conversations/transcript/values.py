"""Reads values of any JSON without trusting it: nothing here raises. Shared by all that shows events."""

from __future__ import annotations

import json
from typing import Any

from conversations.identity import NotAnEvent, parse, shown

SHORT = 200  # code points of a value on a line


def body(text: str) -> dict[str, Any]:
    """The event of a stored body; empty when it is nothing that can be read."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError, TypeError):
        try:
            value = parse(text)
        except (NotAnEvent, ValueError, RecursionError, TypeError):
            return {}
    return mapping(value)


def mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def text(value: Any, limit: int = SHORT) -> str:
    """Any JSON value as one line of text that is safe to show: strings as they are, the rest as JSON."""
    if not isinstance(value, str):
        if value is None:
            return ""
        value = dumps(value)
    return shown(value if len(value) <= limit else value[: limit - 1] + "…")


def json_text(value: Any, limit: int = SHORT) -> str:
    """Like `text`, but null is said: for values that were set to it on purpose."""
    return "null" if value is None else text(value, limit)


def dumps(value: Any, indent: int | None = None) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, indent=indent, default=str)
    except (ValueError, RecursionError, TypeError):
        return "…"


def pretty(value: Any, limit: int) -> tuple[str, bool]:
    """Indented JSON, safe to show, and whether it was cut at `limit` code points."""
    whole = dumps(value, indent=2)
    return shown(whole[:limit]), len(whole) > limit


def number(value: Any) -> float | None:
    """A finite number as a double, anything else None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        value = float(value)
    except OverflowError:
        return None
    return value if value - value == 0 else None


def index(value: Any) -> int | None:
    """A whole number from 0, anything else None."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
