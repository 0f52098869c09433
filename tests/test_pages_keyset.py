"""Pages by key show every session exactly once, in both directions, under each sort and filter."""

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from django.db.models import QuerySet

from conversations import filters, pages
from conversations.filters import Asked, matching
from conversations.models import Assistant, Session, SessionValue
from conversations.pages import BadCursor, Cursor, Key, Page, capped_count, session_page
from conversations.query import Query, parse
from tests.asking import fill
from tests.histories import NOW

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

FILTERS = ["", "intent:greet", "intent:greet,balance,goodbye", "text:money", "turns:>1", "-is:fallback", "date:200d",
           "intent:ask_refund<0.6", "intent:greet text:hello date:..2026-08-01", "channel:web,phone -intent:faq"]  # fmt: skip
SORTS = ["newest", "oldest", "confidence", "fallbacks", "longest"]


def expected_order(sort: str, rows: list[Session]) -> list[int]:
    def newest(row: Session) -> tuple[float, int]:
        return -row.activity_at, -row.pk

    keys = {
        "newest": newest,
        "oldest": lambda row: (row.activity_at, row.pk),
        "confidence": lambda row: (
            (0, row.min_intent_confidence, row.pk)
            if row.min_intent_confidence is not None
            else (1, *newest(row))
        ),
        "fallbacks": lambda row: (0, -row.n_fallbacks, -row.pk) if row.n_fallbacks else (1, *newest(row)),
        "longest": lambda row: (-row.n_user_messages, -row.pk),
    }
    return [row.pk for row in sorted(rows, key=keys[sort])]


@pytest.fixture
def assistant(monkeypatch: pytest.MonkeyPatch) -> Assistant:
    monkeypatch.setattr("conversations.store.time.time", lambda: NOW)
    scope = fill(3, count=10)
    # Ties everywhere, so that the id decides.
    tied = list(Session.objects.filter(assistant=scope).order_by("pk").values_list("pk", flat=True)[:9])
    Session.objects.filter(pk__in=tied).update(activity_at=1_780_000_000.25)
    SessionValue.objects.filter(session__in=tied).update(period=1_780_000_000 // 600)
    return scope


def walk(
    assistant: Assistant, query: Query, size: int, cursor: str | None = None, *, back: bool = False
) -> Iterator[Page]:
    while True:
        found = matching(Session.objects.all(), query, assistant=assistant, now=NOW)
        page = session_page(found, query, cursor=cursor, size=size)
        yield page
        cursor = page.previous_cursor if back else page.next_cursor
        if cursor is None:
            return


@pytest.mark.parametrize("stretch", [1_000, 4])
@pytest.mark.parametrize("sort", SORTS)
def test_pages_walk_everything_exactly_once_in_both_directions(
    assistant: Assistant, sort: str, stretch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked_of(sessions: QuerySet[Session]) -> Asked | None:
        asked = filters.asked_of(sessions)
        return asked and replace(asked, stretch=min(asked.stretch, stretch))

    monkeypatch.setattr(pages, "asked_of", asked_of)
    monkeypatch.setattr(pages, "LOOKED_UP", stretch)
    monkeypatch.setattr(pages, "FEW", stretch)
    for text in FILTERS:
        query = parse(f"{text} sort:{sort}").query
        wanted = expected_order(
            sort, list(matching(Session.objects.all(), query, assistant=assistant, now=NOW))
        )
        assert len(wanted) > 2, text
        for size in (4, 500):
            forward = list(walk(assistant, query, size))
            assert [row.pk for page in forward for row in page.rows] == wanted, (text, size)
            assert all(len(page.rows) == size for page in forward[:-1])
            assert forward[0].previous_cursor is None
            if len(forward) > 1:
                back = list(walk(assistant, query, size, forward[-1].previous_cursor, back=True))
                rows = [row.pk for page in reversed(back) for row in page.rows]
                assert rows == wanted[: -len(forward[-1].rows)], (text, size)
                assert back[-1].previous_cursor is None
                assert all(page.next_cursor for page in back)


def test_a_row_that_comes_or_goes_moves_no_other_row(assistant: Assistant) -> None:
    query = Query()
    first = next(walk(assistant, query, 5))
    rest = [row.pk for page in walk(assistant, query, 5, first.next_cursor) for row in page.rows]
    Session.objects.filter(pk=first.rows[2].pk).update(activity_at=NOW + 5)
    Session.objects.filter(pk=first.rows[4].pk).delete()
    assert [row.pk for page in walk(assistant, query, 5, first.next_cursor) for row in page.rows] == rest


def test_a_cursor_survives_its_text_and_nothing_else_does() -> None:
    cursor = Cursor("fallbacks", 1, Key(1_780_000_000.123456, 2**40), True)
    assert Cursor.read(str(cursor), "fallbacks") == cursor
    nonsense = [
        "",
        "x",
        "é",
        "....",
        "A" * 9999,
        "bnVsbA",
        str(cursor)[:-3],
        str(cursor) + "AAAA",
        "W" * 4000,
    ]
    wrong: tuple[Any, ...] = (
        None, [], {}, ["newest", 0, 1.5, 3], ["newest", 1, 1.5, 3, 0], ["newest", 0, "1", 3, 0], ["newest", 0, 1.5, -3, 0],
        ["newest", 0, 1.5, 2**70, 0], ["newest", True, 1.5, 3, 0], ["newest", 0, 1.5, 3, 2], ["newest", 0, 1e300, 3, 0],
        ["newest", 0, float("nan"), 3, 0], ["newest", 0, 1.5, True, 0], ["worst", 0, 1.5, 3, 0], [["newest"], 0, 1, 3, 0],
    )  # fmt: skip
    nonsense += [base64.urlsafe_b64encode(json.dumps(words).encode()).decode().rstrip("=") for words in wrong]
    for text in nonsense:
        with pytest.raises(BadCursor):
            Cursor.read(text, "newest")


def test_a_cursor_of_another_sort_is_refused(assistant: Assistant) -> None:
    newest = next(walk(assistant, Query(), 2)).next_cursor
    with pytest.raises(BadCursor, match="sorted in another way"):
        next(walk(assistant, parse("sort:longest").query, 2, newest))


def test_a_count_stops_at_its_cap(assistant: Assistant) -> None:
    everything = Session.objects.filter(assistant=assistant)
    total = everything.count()
    assert capped_count(everything) == total
    assert capped_count(everything, cap=total) == total
    assert capped_count(everything, cap=3) == 4
    assert capped_count(Session.objects.none()) == 0


def test_a_queryset_that_no_query_made_is_paged_too(assistant: Assistant) -> None:
    everything = Session.objects.filter(assistant=assistant)
    page = session_page(everything, Query(), cursor=None, size=500)
    assert [row.pk for row in page.rows] == expected_order("newest", list(everything))


def test_costly_conditions_are_asked_of_a_bounded_number_at_a_time(
    assistant: Assistant, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any
) -> None:
    """SQLite takes no more than 32,766 parameters in a statement, some builds 999."""
    everything = Session.objects.filter(assistant=assistant)
    oldest = list(everything.order_by("activity_at", "pk").values_list("pk", flat=True)[:3])
    found = everything.filter(pk__in=oldest)
    found.all = everything.all  # type: ignore[method-assign] # what matches without the costly condition
    monkeypatch.setattr(pages, "MOST_ASKED", 4)
    walk = pages._Walk(pages.SORTS["newest"][0], None, True, Asked(assistant.pk))
    rounds = 1 + -(-(everything.count() - 4) // 4)
    assert rounds > 2
    with django_assert_num_queries(1 + rounds):
        (first,) = walk.decided(found, 1)
    assert first.id == oldest[-1]
