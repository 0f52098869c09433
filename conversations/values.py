"""Which values exist: the words of filter drop-downs, each found by one jump in the index, however many rows have it."""

from django.db import connection

from conversations.models import SessionValue

# From each value to the next greater one. A DISTINCT would read every row: half a second for a few dozen values.
_NEXT = """
WITH RECURSIVE existing(value) AS (
    SELECT min(value) FROM conversations_sessionvalue WHERE assistant_id = %(assistant)s AND kind = %(kind)s
    UNION ALL
    SELECT (
        SELECT min(value) FROM conversations_sessionvalue
        WHERE assistant_id = %(assistant)s AND kind = %(kind)s AND value > existing.value
    ) FROM existing WHERE existing.value IS NOT NULL
)
SELECT value FROM existing WHERE value IS NOT NULL LIMIT %(limit)s
"""
MOST = 10_000


def existing(assistant_id: int, kind: SessionValue.Kind, limit: int = MOST) -> list[str]:
    """The values of a kind that occur in this assistant's sessions, sorted; at most `limit`."""
    with connection.cursor() as cursor:
        cursor.execute(_NEXT, {"assistant": assistant_id, "kind": int(kind), "limit": limit})
        return sorted(value for (value,) in cursor.fetchall())
