"""What rows of the list draw, and how their values are looked up."""

import pytest
from django.db import connection
from django.template.defaultfilters import truncatechars

from conversations.filters.rows import has_rows, rows
from conversations.models import Assistant, Session, SessionValue
from conversations.views.row_chips import mark_of, shortened


@pytest.mark.parametrize("text", ["", "rest", "x" * 24, "x" * 25, "é" * 25, "e\u0301" * 30, "socketio " * 9])
def test_a_name_is_shortened_as_templates_do_it(text: str) -> None:
    assert shortened(text, 24) == truncatechars(text, 24)


def test_each_status_has_a_sign_and_all_but_none_have_words() -> None:
    marks = {status: mark_of(status) for status in ("none", "unread", "changed", "reviewed")}
    assert len(set(marks.values())) == 4
    assert [status for status, mark in marks.items() if "visually-hidden" not in mark] == ["none"]


@pytest.mark.django_db
@pytest.mark.skipif(connection.vendor != "sqlite", reason="the plan is SQLite's")
def test_sqlite_looks_a_sessions_values_up_by_the_session() -> None:
    assistant = Assistant.objects.create(name="planned")
    wanted = (*rows(SessionValue.Kind.INTENT, "a", "b"), *rows(SessionValue.Kind.ACTION, "c"))
    found = Session.objects.filter(has_rows(wanted, assistant.pk), assistant=assistant)
    assert "session_id=?" in found.explain()
    assert "value_newest" not in found.explain()
