"""A query matches exactly the sessions that a look at every event finds."""

import os

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from conversations import pages
from conversations.filters import asked, conditions, matching
from conversations.models import Assistant, Session, Signal
from conversations.pages import capped_count, session_page
from conversations.query import Query, parse
from enterprise.models import User
from tests.asking import LACKING, SAID, TERMS, Seen, expected, fill, judge, queries, seen
from tests.histories import NOW

GENERATED = int(os.environ.get("GENERATED_QUERIES", "300"))  # thousands now and then, by the environment

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


@pytest.fixture
def assistant(monkeypatch: pytest.MonkeyPatch) -> Assistant:
    monkeypatch.setattr("conversations.store.time.time", lambda: NOW)
    fill(99, count=1, assistant="another")
    return fill(1)


def ask(assistant: Assistant, text: str) -> set[int]:
    parsed = parse(text)
    assert parsed.ok, parsed.mistakes
    return set(
        matching(Session.objects.all(), parsed.query, assistant=assistant, now=NOW).values_list(
            "pk", flat=True
        )
    )


def test_every_single_term_matches_what_its_events_say(assistant: Assistant) -> None:
    every = seen(assistant)
    found = 0
    for term in TERMS:
        for text in (term, f"-{term}"):
            parsed = parse(text)
            if parsed.ok:
                wanted = expected(every, parsed.query)
                assert ask(assistant, text) == wanted, text
                found += bool(wanted) and len(wanted) < len(every)
    assert found > 60, "the terms must tell sessions apart"


def knowable(every: list[Seen], query: Query) -> set[int]:
    """Sessions of which everything that a query asks is known: some names stand in bodies only, and bits end."""
    if not any(name in str(query) for name in LACKING):
        return {one.session.pk for one in every}
    return {one.session.pk for one in every if one.session.turns_known}


def test_generated_queries_match_what_their_events_say(assistant: Assistant) -> None:
    every = seen(assistant)
    sizes = set()
    for query in queries(1, GENERATED):
        wanted = expected(every, query)
        found = matching(Session.objects.all(), query, assistant=assistant, now=NOW)
        known = knowable(every, query)
        answered = set(found.values_list("pk", flat=True))
        assert answered & known == wanted & known, str(query)
        assert answered <= wanted, str(query)  # what nobody knows never widens the result
        sizes.add(len(wanted))
    assert len(sizes) > 25


def test_pages_hold_what_matches_in_its_order_however_it_is_found(
    assistant: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LOOKED_AT", "LOOKED_UP", "LOOKED_INTO", "SPARED"):
        monkeypatch.setattr(conditions, name, 6)
    monkeypatch.setattr(asked, "FEW", 4)
    monkeypatch.setattr(pages, "FEWER", 0)
    for number, query in enumerate(queries(2, GENERATED // 5)):
        if number % 3 == 0:
            monkeypatch.setattr(pages, "FEWER", 10**6 if number % 2 else 0)
        found = matching(Session.objects.all(), query, assistant=assistant, now=NOW)
        wanted = list(found.order_by("-activity_at", "-pk").values_list("pk", flat=True))
        met: list[int] = []
        cursor = None
        while True:
            page = session_page(found, query, cursor=cursor, size=7)
            met += [row.pk for row in page.rows]
            cursor = page.next_cursor
            if cursor is None:
                break
        assert met == wanted, str(query)


def test_what_people_said_is_found_as_what_happened_is(assistant: Assistant, ana: User, ben: User) -> None:
    judge(assistant, [ana, ben])
    every = seen(assistant)
    sizes = set()
    alone = [parse(term).query for term in SAID]
    for query in [*alone, *queries(3, GENERATED // 2, [*SAID, *SAID, *TERMS])]:
        wanted = expected(every, query)
        found = matching(Session.objects.all(), query, assistant=assistant, now=NOW, user=ana)
        known = knowable(every, query)
        assert set(found.values_list("pk", flat=True)) & known == wanted & known, str(query)
        sizes.add(len(wanted))
    assert len(sizes) > 20


def test_without_a_person_nobody_is_me(assistant: Assistant) -> None:
    for text in ("assigned:me", "for:me", "reviewer:me", "is:mine"):
        assert ask(assistant, text) == set()
        assert ask(assistant, f"-{text}") == set(
            Session.objects.filter(assistant=assistant).values_list("pk", flat=True)
        )


def test_whole_conversations_are_searched_when_asked(assistant: Assistant) -> None:
    every = seen(assistant)
    sizes = set()
    for query in queries(4, GENERATED // 5, in_conversation=True):
        wanted, known = expected(every, query), knowable(every, query)
        if known != {one.session.pk for one in every}:
            continue
        found = matching(Session.objects.all(), query, assistant=assistant, now=NOW)
        assert set(found.values_list("pk", flat=True)) == wanted, str(query)
        sizes.add(len(wanted))
    assert len(sizes) > 5


def test_a_sample_is_the_same_whenever_it_is_drawn_and_part_of_a_larger_one(assistant: Assistant) -> None:
    drawn = {}
    for size in (1, 5, 20, 1000):
        query = parse(f"turns:>0 sample:{size}").query
        found = matching(Session.objects.all(), query, assistant=assistant, now=NOW)
        drawn[size] = set(found.values_list("pk", flat=True))
        assert {row.pk for row in session_page(found, query, cursor=None, size=500).rows} == drawn[size]
        assert capped_count(found) == len(drawn[size])
    assert [len(drawn[size]) for size in (1, 5, 20)] == [1, 5, 20]
    assert drawn[1] < drawn[5] < drawn[20] < drawn[1000] == ask(assistant, "turns:>0")


def test_a_mistake_matches_nothing(assistant: Assistant) -> None:
    for text in ("intent:greet nosuchfield:x", 'text:"open', "turns:many", "-is:happy"):
        parsed = parse(text)
        assert not parsed.ok
        found = matching(Session.objects.all(), parsed.query, assistant=assistant, now=NOW)
        assert not found.exists()
        assert not session_page(found, parsed.query, cursor=None).rows


def test_alternatives_are_answered_although_the_bar_does_not_offer_them_yet(assistant: Assistant) -> None:
    both = ask(assistant, "intent:greet") | ask(assistant, "turns:1")
    assert ask(assistant, "(intent:greet OR turns:1)") == both
    everything = set(Session.objects.filter(assistant=assistant).values_list("pk", flat=True))
    assert ask(assistant, "-(intent:greet OR turns:1)") == everything - both


def test_a_long_value_is_found_by_its_whole_name(assistant: Assistant) -> None:
    from conversations.models import SessionValue
    from conversations.rows import period_of
    from conversations.summary import value_key

    session = Session.objects.filter(assistant=assistant).first()
    assert session is not None
    name = "x" * 300
    SessionValue.objects.create(
        session=session,
        kind=1,
        value=value_key(name),
        assistant=assistant,
        period=period_of(session.activity_at),
    )
    assert ask(assistant, f"intent:{name}") == {session.pk}
    assert ask(assistant, f"intent:{name}y") == set()


def test_dates_are_the_assistants_whoever_asks(assistant: Assistant) -> None:
    session = Session.objects.filter(assistant=assistant).first()
    assert session is not None
    # 2026-04-01T00:30 UTC is still the evening of 31 March in St John's.
    Session.objects.filter(pk=session.pk).update(activity_at=1775003400.0)
    assert session.pk in ask(assistant, "date:2026-03-31")
    assert session.pk not in ask(assistant, "date:2026-04-01")


def test_a_page_costs_the_same_queries_however_many_sessions_match(assistant: Assistant) -> None:
    for text in (
        "",
        "is:fallback",
        "intent:greet,balance",
        "text:money",
        "turns:>1",
        "intent:greet<0.5",
        "is:fallback sort:longest",
    ):
        query = parse(text).query
        counts = set()
        for size in (1, 5, 50):
            found = matching(Session.objects.all(), query, assistant=assistant, now=NOW)
            with CaptureQueriesContext(connection) as captured:
                page = session_page(found, query, cursor=None, size=size)
                assert [row.conversation.sender_id for row in page.rows]
            counts.add(len(captured))
        assert len(counts) == 1, text
        assert max(counts) <= 7, text


def test_a_count_is_that_of_the_matches(assistant: Assistant) -> None:
    for query in queries(5, GENERATED // 8):
        found = matching(Session.objects.all(), query, assistant=assistant, now=NOW)
        assert capped_count(found) == len(found), str(query)
        assert capped_count(found, cap=2) == min(len(found), 3), str(query)


def test_conditions_that_a_caller_adds_hold_on_pages_and_in_counts_too(assistant: Assistant) -> None:
    for text in (
        "",
        "intent:greet",
        "intent:greet,balance",
        "intent:greet<0.6",
        "text:money",
        "turns:>1 is:fallback",
    ):
        query = parse(text).query
        found = matching(Session.objects.all(), query, assistant=assistant, now=NOW).filter(n_events__gt=20)
        wanted = {session.pk for session in found}
        assert {row.pk for row in session_page(found, query, cursor=None, size=500).rows} == wanted
        assert capped_count(found) == len(wanted)


def test_the_largest_queries_are_answered(assistant: Assistant) -> None:
    names = [f"name_{number}" for number in range(99)]
    for text in (
        f"intent:{','.join(names)}",
        f"(intent:{','.join(names[:49])} action:{','.join(names[:49])})",
        f"(text:{','.join(names[:49])} -action:{','.join(names[:49])})",
        " ".join(f"(intent:{name} text:{name})" for name in names[:49]),
        " ".join(f"intent:{name} then text:{name}" for name in names[:40]),
        " ".join(f"-(entity:{name} bot:{name})" for name in names[:40]),
        "intent:greet then<999999999999999 text:hello",
        "action-conf:<0.5 never<999999999999999 text:hello",
        f"(is:handoff text:hello) {' '.join(names[:90])}",
    ):
        parsed = parse(text)
        if not parsed.ok:
            assert "then<" in text or "never<" in text, parsed.mistakes
            continue
        found = matching(Session.objects.all(), parsed.query, assistant=assistant, now=NOW)
        assert len(found) == capped_count(found)
        session_page(found, parsed.query, cursor=None)


def test_a_message_without_a_confidence_has_no_low_one(assistant: Assistant) -> None:
    every = seen(assistant)
    query = parse("(text:donde -conf:<=1)").query
    found = matching(Session.objects.all(), query, assistant=assistant, now=NOW)
    assert set(found.values_list("pk", flat=True)) == expected(every, query)


def test_a_signal_of_many_names_is_answered_in_a_turn(assistant: Assistant) -> None:
    many = [f"name_{number}" for number in range(400)]
    Signal.objects.create(
        assistant=assistant,
        name="complaint",
        intents=many,
        actions=[*many, "utter_refund"],
        slots=many,
        loops=["refund_form"],
    )
    scope = Assistant.objects.get(pk=assistant.pk)
    assert ask(scope, "(is:complaint text:card)") == ask(scope, "(action:utter_refund text:card)") != set()
    assert ask(scope, "is:complaint") == ask(scope, "(action:utter_refund OR unfinished:refund_form)")
    assert ask(scope, "intent:greet then is:complaint") == ask(scope, "intent:greet then action:utter_refund")
