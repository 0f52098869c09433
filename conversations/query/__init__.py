"""The query language of lists, API, views and exports: text <-> frozen values. Pure: no Django, no database."""

from .ast import (
    Group,
    Item,
    Or,
    Query,
    Range,
    Sequence,
    Setting,
    Span,
    Special,
    Term,
    Text,
    Value,
    When,
    Word,
)
from .edit import with_term, without
from .explain import Chip, Part, explain, in_words
from .fields import FIELDS, SORTS, Field, is_turn
from .mistakes import Mistake, Parsed
from .parser import parse
from .render import render

__all__ = [
    "FIELDS",
    "SORTS",
    "Chip",
    "Field",
    "Group",
    "Item",
    "Mistake",
    "Or",
    "Parsed",
    "Part",
    "Query",
    "Range",
    "Sequence",
    "Setting",
    "Span",
    "Special",
    "Term",
    "Text",
    "Value",
    "When",
    "Word",
    "explain",
    "in_words",
    "is_turn",
    "parse",
    "render",
    "with_term",
    "without",
]
