"""Answers a query: the conditions that the query language, the URL and the API put on sessions, as a queryset.

One way for pages, API, export and bulk. Each condition is answered by an index. `pages.py` takes one of them as the
driver, so that the newest fifty are read from the index in their order, however rare or old the value is.
"""

from conversations.filters.asked import Asked, Driver, asked_of, matching
from conversations.filters.conditions import LOOKED_AT, LOOKED_INTO, LOOKED_UP, NUMBERS, OF_SESSION, condition
from conversations.filters.context import Context, context_of, zone_of
from conversations.filters.rows import HasValue
from conversations.filters.sought import NAMES
from conversations.filters.times import between
from conversations.models import SessionValue

# Fields whose values are names, kept as they are: what is "never seen", what a person may choose from.
VALUE_KINDS: dict[str, SessionValue.Kind] = {**NAMES, **OF_SESSION, "is": SessionValue.Kind.IS}

__all__ = [
    "LOOKED_AT",
    "LOOKED_INTO",
    "LOOKED_UP",
    "NAMES",
    "NUMBERS",
    "OF_SESSION",
    "VALUE_KINDS",
    "Asked",
    "Context",
    "Driver",
    "HasValue",
    "asked_of",
    "between",
    "condition",
    "context_of",
    "matching",
    "zone_of",
]  # fmt: skip
