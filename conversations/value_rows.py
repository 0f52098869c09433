"""Writes the value rows of sessions that grow, under their conversations' locks: only what changes.

Rows of opinions (kinds from REVIEW on) are `opinions.placing`'s; that new turns change a review is known here first.
"""

from collections.abc import Sequence
from typing import Any

from conversations import bulk
from conversations.models import SessionValue
from conversations.rows import VALUE_COLUMNS, SessionRow

_REVIEW = int(SessionValue.Kind.REVIEW)
_KEY = ("session_id", "kind", "value")


def unread(session: SessionRow) -> tuple[Any, ...]:
    """The row (VALUE_COLUMNS) of a session with user events that nobody has reviewed."""
    return (session.id, _REVIEW, "unread", session.assistant_id, session.period, 0)


def write(rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert rows (VALUE_COLUMNS), or add their turns to those that are there."""
    without = [row for row in rows if not row[-1]]
    bulk.insert(SessionValue, VALUE_COLUMNS, without, skip_existing=True)
    bulk.insert_or(SessionValue, VALUE_COLUMNS, [row for row in rows if row[-1]], key=_KEY, bits="turns")


def move(sessions: Sequence[SessionRow]) -> None:
    """Give the value rows of these sessions their session's period."""
    bulk.update(
        SessionValue, ("period",), [(session.id, session.period) for session in sessions], key=("session_id",)
    )


def change_reviews(sessions: Sequence[SessionRow]) -> None:
    """Users went on in these reviewed sessions."""
    if not sessions:
        return
    ids = [session.id for session in sessions]
    SessionValue.objects.filter(session_id__in=ids, kind=_REVIEW).exclude(value="changed").delete()
    rows = [(session.id, _REVIEW, "changed", session.assistant_id, session.period, 0) for session in sessions]
    bulk.insert(SessionValue, VALUE_COLUMNS, rows, skip_existing=True)
