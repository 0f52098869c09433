"""A database that the version before has filled becomes this version's, without losing a row."""

import os
import subprocess
import sys
from pathlib import Path

from tests.services import CHECKOUT
from tests.test_schema_migrators import empty_database

__all__ = ["empty_database"]

FILL = """
import json
from django.db import connection

def insert(table, **row):
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO conversations_{table} ({', '.join(row)}) VALUES ({', '.join(['%s'] * len(row))})",
            list(row.values()),
        )

first, last = 1780000199.5, 1780000200.5
insert("assistant", id=1, name="default", session_gap=3600, time_zone="UTC", created_at="2026-06-01T00:00:00Z")
insert("conversation", id=1, assistant_id=1, sender_hash=b"ann", sender_id="ann", n_events=2, n_sessions=1,
    marks_sessions=False, first_at=first, last_at=last, tail="[]", last_session=1, activity_at=last, revision=1,
    created_at=first)
insert("session", id=1, conversation_id=1, assistant_id=1, start_at=first, start_rank=3, start_hash=b"hi",
    last_at=last, last_rank=3, last_hash=b"bye", activity_at=last, n_events=2, n_user_messages=2, n_payloads=0,
    n_bot_messages=0, n_fallbacks=0, n_reverted=0, n_reverts=0, channel="", environment="", model_id="",
    opening_text="", trouble_text="", revision=1)
for intent, text, at in (("greet", "Hi", first), ("leave", "Bye", last)):
    insert("sessionvalue", session_id=1, kind=1, value=intent, assistant_id=1, activity_at=last)
    body = {"event": "user", "timestamp": at, "text": text, "parse_data": {"intent": {"name": intent}}}
    insert("event", conversation_id=1, timestamp=at, rank=3, hash=text.encode(), type="user", name=intent,
        predicted=intent, text=text, environment="", is_export=False, is_future=False, received_at=at,
        body=json.dumps(body))
"""
LOOK = """
from conversations.models import Conversation, Event, Session, SessionValue
from conversations.rebuild import rebuild_stale
conversation, session = Conversation.objects.get(), Session.objects.get()
assert conversation.is_stale and not session.turns_known and session.verdict == 0
assert set(SessionValue.objects.values_list("value", "period", "turns")) == {
    ("greet", 2966667, 0), ("leave", 2966667, 0)}
assert rebuild_stale(1)
assert not Conversation.objects.get().is_stale
session = Session.objects.get(pk=1)
assert session.turns_known and session.newest_turn == Event.objects.latest("id").pk
assert dict(SessionValue.objects.filter(kind=1).values_list("value", "turns")) == {"greet": 2, "leave": 4}
assert SessionValue.objects.get(kind=30).value == "unread"
assert list(Event.objects.order_by("id").values_list("words", flat=True)) == [" hi ", " bye "]
print("as it should be")
"""


def test_rows_of_the_version_before_are_kept_and_computed_anew(empty_database: str, tmp_path: Path) -> None:
    environment = {**os.environ, "DATABASE_URL": empty_database, "DATA_DIR": str(tmp_path)}
    environment |= {"DJANGO_SETTINGS_MODULE": "enterprise.settings", "SECRET_KEY": "x"}

    def manage(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=CHECKOUT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    manage("migrate", "conversations", "0002")
    manage("shell", "-c", FILL)
    manage("migrate")
    assert "as it should be" in manage("shell", "-c", LOOK)
