"""The fields of the query language: what is asked about them, and how they are found by name."""

from __future__ import annotations

from collections.abc import Mapping

from .ast import Term, Text, Word
from .field import Field, Kind
from .mistakes import gettext_noop
from .table import ROWS

__all__ = ["FIELDS", "SETTINGS", "SORTS", "Field", "Kind", "find", "is_turn"]

SORTS: tuple[tuple[str, str], ...] = (
    ("newest", gettext_noop("newest activity first")),
    ("oldest", gettext_noop("oldest activity first")),
    ("confidence", gettext_noop("lowest intent confidence first")),
    ("fallbacks", gettext_noop("most fallbacks first")),
    ("longest", gettext_noop("most user turns first")),
)

SETTINGS = ("sort", "sample", "in")

FIELDS: Mapping[str, Field] = {row.name: row for row in ROWS}


def find(name: str, fields: Mapping[str, Field] = FIELDS) -> Field | None:
    """The field called `name` (any case, `_` for `-`) or that has it as an alias."""
    name = name.lower().replace("_", "-")
    return fields.get(name) or next((row for row in fields.values() if name in row.aliases), None)


def is_turn(term: Term | Text, fields: Mapping[str, Field] = FIELDS) -> bool:
    """Whether `term` is true of a turn, and may stand in parentheses and beside then and never; else it is about
    the whole session. One value about the session makes the whole term one."""
    if isinstance(term, Text):
        return True
    field = fields.get(term.field)
    if field is None or field.scope == "session":
        return False
    return not any(isinstance(value, Word) and value.text in field.session_values for value in term.values)
