"""The same questions by joins over events, beside the answers of value rows and their bits: what the bits are for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.reading import Bench

REPEATS = 3  # seconds each
PATIENCE = 20  # seconds
_TURN = "SELECT {} FROM conversations_event e WHERE e.conversation_id = s.conversation_id AND e.type = 'user' AND {}"
_NEXT = (
    "NOT EXISTS (SELECT 1 FROM conversations_event u WHERE u.conversation_id = e.conversation_id AND u.type = 'user'"
    " AND u.timestamp > e.timestamp AND u.timestamp <= a.timestamp)"
)
_PAGE = "SELECT s.id FROM conversations_session s WHERE s.assistant_id = %s AND EXISTS ({}) ORDER BY s.activity_at DESC, s.id DESC LIMIT 51"
_SAME_TURN = (
    "SELECT 1 FROM conversations_event e JOIN conversations_event a ON a.conversation_id = e.conversation_id"
    " AND a.timestamp >= e.timestamp WHERE e.conversation_id = s.conversation_id AND e.type = 'user' AND e.name = '{}'"
    f" AND a.type = 'action' AND a.name = '{{}}' AND {_NEXT}"
)
_THEN = (
    "SELECT 1 FROM conversations_event e JOIN conversations_event a ON a.conversation_id = e.conversation_id"
    " AND a.timestamp > e.timestamp WHERE e.conversation_id = s.conversation_id AND e.type = 'user' AND e.name = '{}'"
    " AND a.type = 'user' AND a.name = '{}'"
)
QUESTIONS = {
    "(intent:ask_00 action:utter_ask_00)": _SAME_TURN.format("ask_00", "utter_ask_00"),
    "(intent:ask_35 action:utter_ask_35)": _SAME_TURN.format("ask_35", "utter_ask_35"),
    "(intent:ask_telegraph action:utter_telegraph)": _SAME_TURN.format("ask_telegraph", "utter_telegraph"),
    "intent:ask_35 then intent:ask_36": _THEN.format("ask_35", "ask_36"),
    "intent:ask_telegraph": _TURN.format("1", "e.name = 'ask_telegraph'"),
}


def run(bench: Bench) -> None:
    """Each question both ways."""
    from django.db import OperationalError, connection  # noqa: PLC0415

    def by_joins(exists: str) -> int:
        with connection.cursor() as cursor:
            cursor.execute(f"SET statement_timeout = '{PATIENCE}s'")
            try:
                cursor.execute(_PAGE.format(exists), [bench.assistant.pk])
                return len(cursor.fetchall())
            except OperationalError:
                return -1  # no answer within PATIENCE
            finally:
                cursor.execute("SET statement_timeout = 0")

    repeats, bench.repeats = bench.repeats, REPEATS
    for text, exists in QUESTIONS.items():
        ours = bench.asks(f"as asked: {text}"[:44], text, limit=None)
        joined = bench.run("  by joins over events", lambda _index, exists=exists: by_joins(exists))  # type: ignore[misc]
        print(f"{'':10}by joins : as asked = {joined.median / max(ours.median, 0.01):,.0f}")
    bench.repeats = repeats
