"""A session opens at the turn that its query means: the same, turn by turn, as looking at every event."""

from collections.abc import Iterator

import pytest

from conversations.defining import Definition
from conversations.query import Group, Or, Query, Sequence, parse
from conversations.summary import UNSURE_BELOW
from conversations.tokens import line, phrase
from conversations.transcript.facts import Fact, holds, troubles
from conversations.transcript.matching import Mark, matcher
from conversations.views.opening import look, looks
from tests.asking import TURN, Seen, fill, queries, seen
from tests.test_store_histories import clock

__all__ = ["clock"]

HANDOFF = Definition(actions=("transfer_form",))


def fact(number: int, kind: str, name: str = "", **more: object) -> Fact:
    return Fact(number, (1000.0 + number, 0, b""), kind, name, **more)  # type: ignore[arg-type]


def found(text: str, facts: list[Fact], marks: tuple[Mark, ...] = ()) -> tuple[set[int], int | None]:
    parsed = parse(text)
    assert parsed.ok, parsed.mistakes
    starts = [one.key for one in facts if one.type == "user"]
    result = matcher(parsed.query).find(facts, starts, marks)
    return set(result.hits), result.opening


TALK = [
    fact(1, "action", "utter_hello"),
    fact(2, "user", "greet", confidence=0.9, words=line("hello, my card")),
    fact(3, "action", "utter_greet", confidence=1.0),
    fact(4, "user", "refund", confidence=0.4, words=line("money back please")),
    fact(5, "action", "pay", confidence=0.8),
    fact(6, "slot", "city", body='{"value": "Paris"}'),
    fact(7, "user", "refund", confidence=0.9, words=line("the card is lost")),
    fact(8, "action", "pay", confidence=0.3),
    fact(9, "active_loop", "refund_form"),
    fact(10, "restart"),
]


@pytest.mark.parametrize(
    ("text", "hits", "opening"),
    [
        ("intent:refund", {4, 7}, 4),
        ("intent:refund>0.6", {7}, 7),
        ("intent:refund action:utter_greet", {3, 4, 7}, 3),  # side by side: each its own turn
        ("intent:refund text:card", {2, 4, 7}, 7),  # the turn that has both matters most
        ("(intent:refund text:card)", {7}, 7),  # in the same turn
        ("(intent:refund -action-conf:<0.5)", {4}, 4),
        ("(intent:greet action:pay)", set(), None),
        ("action:pay<0.5", {8}, 8),
        ("conf:<0.6", {4}, 4),
        ("slot:city", {6}, 6),
        ("slot:city=Paris", {6}, 6),
        ("slot:city=Rome", set(), None),
        ("loop:refund_form", {9}, 9),
        ("unfinished:*", {9}, 9),
        ("is:restarted", {10}, 10),
        ("event:restart", {10}, 10),
        ("lowest-intent:<0.5", {4}, 4),
        ("action:utter_hello", {1}, 1),  # before the first message
        ("-intent:greet", set(), None),
        ("(intent:nothing OR action:pay)", {5, 8}, 5),
        ("intent:greet then action:pay", {2, 5, 8}, 2),
        ("action:pay then intent:greet", set(), None),
        ("action:pay never intent:greet", {5, 8}, 5),
        ("intent:greet then<2 text:lost", set(), None),
        ("intent:greet then<3 text:lost", {2, 7}, 2),
        ("channel:web", set(), None),
    ],
)
def test_a_query_points_at_turns(text: str, hits: set[int], opening: int | None) -> None:
    assert found(text, TALK) == (hits, opening)


def test_what_people_said_of_a_turn_points_at_it() -> None:
    marks = (Mark("flagged", 4), Mark("tag", 7, "angry"), Mark("broke", 7, "Wrong intent"), Mark("noted", 2))
    assert found("is:flagged", TALK, marks)[1] == 4
    assert found("turn-tag:angry", TALK, marks)[1] == 7
    assert found("tag:angry", TALK, marks)[1] == 7
    assert found("tag:calm", TALK, marks)[1] is None
    assert found('reason:"wrong intent"', TALK, marks)[1] == 7
    assert found("verdict:broke", TALK, marks)[1] == 7
    assert found("note:money", TALK, marks)[1] == 2
    assert found("(is:flagged intent:refund)", TALK, marks)[0] == {4}


def test_trouble_is_what_was_not_understood_taken_back_handed_over_or_said_again() -> None:
    facts = [
        fact(1, "user", "greet", confidence=0.9, words=line("where is my money")),
        fact(2, "user", "greet", confidence=0.9, words=line("where is my money")),
        fact(3, "user", "yes", confidence=0.9, words=line("yes")),
        fact(4, "user", "yes", confidence=0.9, words=line("yes")),
        fact(5, "user", "greet", predicted="nlu_fallback", confidence=0.9),
        fact(6, "user", "greet", confidence=0.5),
        fact(7, "user", "greet", confidence=0.9, is_reverted=True),
        fact(8, "action", "transfer_form"),
        fact(9, "action", "action_default_fallback"),
    ]
    assert troubles(facts, UNSURE_BELOW, HANDOFF) == [2, 5, 6, 7, 8, 9]


def test_words_are_found_as_the_index_finds_them() -> None:
    assert holds(line("My LOST card!"), phrase("lost card"))
    assert holds(line("My lost cards"), phrase("lost car", prefix=True))
    assert not holds(line("My lost cards"), phrase("lost car"))
    assert not holds(line("x"), phrase("!"))


def turns_of(items: object, one: Seen) -> Iterator[int]:
    """Turns that an item is about, by looking at each event."""
    for number, turn in enumerate(one.turns):
        if isinstance(items, Or):
            is_true = any(not each.negated and one.in_turn(each, turn) for each in items.alternatives)
        else:
            is_true = not items.negated and one.in_turn(items, turn)  # type: ignore[attr-defined]
        if is_true:
            yield number


def pointed(query: Query, one: Seen) -> set[int]:
    """Turns in which some item of the query is true; of an order, those with its left side or, for then, its right."""
    result: set[int] = set()
    for item in query.items:
        if not isinstance(item, Sequence):
            result.update(turns_of(item, one))
            continue
        reach = len(one.turns) if item.within is None else item.within - 1
        for at, turn in enumerate(one.turns):
            if one.in_turn(item.left, turn):
                after = [
                    at + 1 + n
                    for n, later in enumerate(one.turns[at + 1 : at + 1 + reach])
                    if one.in_turn(item.right, later)
                ]
                if bool(after) == (item.kind == "then"):
                    result.update([at, *after])
    return result


def positive(item: object) -> bool:
    """Whether an item names something that can be pointed at in each of its groups."""
    if isinstance(item, Sequence):
        return positive(item.left) and positive(item.right)
    if isinstance(item, Group):
        return any(not term.negated for term in item.terms) and not item.negated
    if isinstance(item, Or):
        return not item.negated and all(positive(one) for one in item.alternatives)
    return not item.negated  # type: ignore[attr-defined]


@pytest.mark.django_db
@pytest.mark.both_databases
@pytest.mark.usefixtures("clock")
def test_hits_are_the_turns_that_an_evaluator_finds_event_by_event() -> None:
    every = seen(fill(3, count=4))
    terms = [term for term in TURN if not term.startswith("turn-tag") and "handoff" not in term]
    checked = hits = 0
    for query in queries(5, 300, terms):
        if not query.items or not all(positive(item) for item in query.items):
            continue
        wanted = matcher(query)
        batch = looks([one.session for one in every], wanted)
        for one in every:
            expected = pointed(query, one)
            keys = {row.key: number for number, turn in enumerate(one.turns) for row in turn}
            batched = batch.get(one.session.pk) or look(one.session, wanted)
            facts = {each.id: each.key for each in batched.facts}
            got = {keys[facts[pk]] for pk in batched.hits}
            assert got == expected, (str(query), one.session.conversation.sender_id)
            assert batched.matches.opening is None or keys[facts[batched.matches.opening]] in expected
            checked += 1
            hits += bool(got)
    assert checked > 1000
    assert hits > checked / 20
