"""The fields of the query language: one row each. A later field is one more row here and one more compile rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from .mistakes import gettext_noop

Kind = Literal["name", "text", "number", "date", "enum", "id"]


@dataclass(frozen=True, slots=True)
class Field:
    """One field. `label`, `help` and the descriptions in `values` are message ids for gettext.

    `scope`: "turn" fields may stand in parentheses ("in the same turn"), "session" fields may not.
    `confidence`: the short form `name:value<0.6` is understood.
    """

    name: str
    kind: Kind
    label: str
    help: str
    example: str
    scope: Literal["turn", "session"] = "turn"
    aliases: tuple[str, ...] = ()
    values: tuple[tuple[str, str], ...] = ()
    confidence: bool = False


@dataclass(frozen=True, slots=True)
class Features:
    """Parts of the language that are read but may not be answered yet; what is off is a clear mistake."""

    groups: bool = False
    alternatives: bool = False
    sequences: bool = False
    sample: bool = False
    in_conversation: bool = False


ALL_FEATURES = Features(groups=True, alternatives=True, sequences=True, sample=True, in_conversation=True)

SORTS: tuple[tuple[str, str], ...] = (
    ("newest", gettext_noop("newest activity first")),
    ("oldest", gettext_noop("oldest activity first")),
    ("confidence", gettext_noop("lowest intent confidence first")),
    ("fallbacks", gettext_noop("most fallbacks first")),
    ("longest", gettext_noop("most user turns first")),
)

SETTINGS = ("sort", "sample", "in")

_ROWS = (
    Field(
        "intent",
        "name",
        gettext_noop("intent"),
        gettext_noop("A user message was understood as this intent; add <0.6 for its confidence."),
        "intent:ask_refund<0.6",
        confidence=True,
    ),
    Field(
        "action",
        "name",
        gettext_noop("action"),
        gettext_noop("The bot ran this action."),
        "action:action_check_balance",
    ),
    Field(
        "text",
        "text",
        gettext_noop("user text"),
        gettext_noop("The user wrote these words; quotes make a phrase, * at the end a beginning."),
        'text:"lost card"',
        aliases=("user",),
    ),
    Field(
        "channel",
        "name",
        gettext_noop("channel"),
        gettext_noop("The session came in over this channel."),
        "channel:rest",
        scope="session",
    ),
    Field(
        "environment",
        "name",
        gettext_noop("environment"),
        gettext_noop("The session came from this environment."),
        "environment:production",
        scope="session",
        aliases=("env",),
    ),
    Field(
        "date",
        "date",
        gettext_noop("date"),
        gettext_noop("Something happened in the session at this time, in the assistant's time zone."),
        "date:7d",
        scope="session",
        aliases=("activity",),
    ),
    Field(
        "turns",
        "number",
        gettext_noop("user turns"),
        gettext_noop("The user sent this many messages in the session."),
        "turns:>5",
        scope="session",
    ),
    Field(
        "is",
        "enum",
        gettext_noop("is"),
        gettext_noop("The session shows this sign of trouble or success."),
        "is:fallback",
        values=(("fallback", gettext_noop("the assistant fell back")),),
    ),
)

FIELDS: Mapping[str, Field] = {row.name: row for row in _ROWS}


def find(name: str, fields: Mapping[str, Field]) -> Field | None:
    """The field called `name` (any case) or that has it as an alias."""
    name = name.lower()
    return fields.get(name) or next((row for row in fields.values() if name in row.aliases), None)
