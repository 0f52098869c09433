"""What a field of the query language is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "name", "text", "slot", "enum", "person", "id", "number", "confidence", "duration", "time", "date"
]
MEASURED = frozenset({"number", "confidence", "duration", "time", "date"})  # kinds of values with an order


@dataclass(frozen=True, slots=True)
class Field:
    """One field. `label`, `help` and the descriptions in `values` and `specials` are message ids for gettext.

    `scope`: "turn" fields may stand in parentheses ("in the same turn") and beside then and never, "session" fields
    may not; neither may the `session_values` of an enum. `confidence`: the short form `name:value<0.6` is understood.
    `specials`: words that mean something of their own outside of quotes, such as `me`.
    """

    name: str
    kind: Kind
    label: str
    help: str
    example: str
    scope: Literal["turn", "session"] = "turn"
    aliases: tuple[str, ...] = ()
    values: tuple[tuple[str, str], ...] = ()
    session_values: tuple[str, ...] = ()
    specials: tuple[tuple[str, str], ...] = ()
    confidence: bool = False
