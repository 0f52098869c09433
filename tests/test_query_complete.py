"""What is being typed at the caret, what is offered for it, and what becomes of the text when an offer is taken."""

import sys
from types import FrameType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conversations.query import FIELDS, SORTS, Special, Term, Word, parse, render
from conversations.query.complete import Completion, apply, complete, found
from tests.test_query_parser import BOMBS, PIECES
from tests.test_query_round_trip import GENERATED, names, queries

TURN_FIELDS = [row.name for row in FIELDS.values() if row.scope == "turn"]


def at(text: str) -> Completion:
    """The completion at the bar in `text`."""
    caret = text.index("|")
    return complete(text.replace("|", "", 1), caret)


def texts(completion: Completion, kind: str = "") -> list[str]:
    return [offer.text for offer in completion.offers if kind in ("", offer.kind)]


def taken(text: str, offer: str) -> str:
    """The text, and a bar for the caret, after the offer of this text was taken."""
    completion = at(text)
    chosen = next((one for one in completion.offers if one.text == offer), offer)
    after, caret = apply(text.replace("|", "", 1), completion, chosen)
    return f"{after[:caret]}|{after[caret:]}"


@pytest.mark.parametrize(
    ("text", "kind", "field", "prefix", "place"),
    [
        ("|", "field", "", "", ""),
        ("hello in|t x", "field", "", "in", "int"),
        ("-en|", "field", "", "en", "en"),
        ("-|", "field", "", "", ""),
        ("(a en|)", "field", "", "en", "en"),
        ("intent:|", "value", "intent", "", ""),
        ("-Intent:ask|_re<0.6", "value", "intent", "ask", "ask_re"),
        ('intent:a,"b c|d",e', "value", "intent", "b c", '"b cd"'),
        ('intent:"b c|', "value", "intent", "b c", '"b c'),
        ('intent:"b c| channel:x', "value", "intent", "b c", '"b c'),
        ('intent:"b\\|', "value", "intent", "b\\", '"b\\'),
        ("intent:x<0|", "measure", "intent", "<0", "<0"),
        ("env:|", "value", "environment", "", ""),
        ("slot:ci|ty=Paris", "value", "slot", "ci", "city"),
        ("slot:city=Pa|ris", "value", "slot", "Pa", "Paris"),
        ('"lost c|ard"', "value", "any", "lost c", '"lost card"'),
        ("is:|", "value", "is", "", ""),
        ("date:last|", "date", "date", "last", "last"),
        ("date:2026..to|day", "date", "date", "to", "today"),
        ("date:>to|", "date", "date", "to", "to"),
        ("date:1|4d..7d", "date", "date", "1", "14d"),
        ("turns:>|", "measure", "turns", "", ""),
        ("duration:15|", "measure", "duration", "15", "15"),
        ("sort:o|ldest", "setting", "sort", "o", "oldest"),
        ("nope:x|", "none", "", "x", "x"),
    ],
)
def test_what_is_typed_at_the_caret_is_known(text, kind, field, prefix, place):
    completion = at(text)
    assert (completion.kind, completion.field, completion.prefix) == (kind, field, prefix)
    assert text.replace("|", "", 1)[slice(*completion.span)] == place


@pytest.mark.parametrize(
    ("text", "lookup"),
    [("intent:a|", True), ("slot:a|", True), ("slot:a=|", True), ("reviewer:|", True), ("bot:w|", True), ("gre|", True),
     ("|", False), ("is:|", False), ("date:|", False), ("id:4|", False), ("sort:|", False), ("intent:x<|", False)],
)  # fmt: skip
def test_values_that_only_the_data_knows_are_to_be_looked_up(text, lookup):
    assert at(text).lookup == lookup


def test_the_slot_whose_value_is_typed_is_named():
    assert at('slot:lang,"my slot"=e|').slot == "my slot"
    assert at("slot:lang,ci|").slot == ""
    assert at("slot:lang,ci|").taken == ("lang",)


@pytest.mark.parametrize(
    ("text", "turn_only", "inside"),
    [
        ("a |", False, False),
        ("(|", False, True),
        ("(a |", True, True),
        ("(| a)", True, True),
        ("(a OR |", False, True),
        ("(a OR | b)", True, True),
        ("((a b) OR (|", True, True),
        ("a then |", True, False),
        ("| never b", True, False),
        ("(a) |", False, False),
        ("a) |", False, False),
    ],
)
def test_where_only_turns_may_stand_no_field_of_the_session_is_offered(text, turn_only, inside):
    completion = at(text)
    assert (completion.turn_only, completion.inside_group) == (turn_only, inside)
    assert [one[:-1] for one in texts(completion, "field")] == (TURN_FIELDS if turn_only else list(FIELDS))
    if turn_only:
        assert "mine" not in texts(at(text.replace("|", "is:|")))
    else:
        assert "mine" in texts(at(text.replace("|", "is:|")))


@pytest.mark.parametrize(
    ("text", "operators"),
    [
        ("intent:a |", ["then", "then<3", "never", "never<3"]),
        ("(a b) nev|", ["never", "never<3"]),
        ("a then|", ["then", "then<3"]),
        ("|", []),
        ("-a |", []),
        ("channel:x |", []),
        ("is:mine |", []),
        ("a then b |", []),
        ("(a OR b) |", []),
        ("sort:oldest |", []),
        ("(a |", ["OR"]),
        ("(a b |", []),
        ("(a OR b |", ["OR"]),
        ("(a o|", ["OR"]),
    ],
)
def test_operators_are_offered_where_they_may_stand(text, operators):
    assert texts(at(text), "operator") == operators


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("int|", "intent:"), ("INT|", "intent:"), ("action_c|", "action-conf:"), ("conf|", "conf:"), ("user|", "text:"),
        ("env|", "environment:"), ("so|", "sort:"), ("assignee|", "assigned:"), ("time|", "time:"), ("unr|", "review:unread"),
        ("handof|", "is:handoff"), ("yest|", "date:yesterday"), ("review:re|", "reviewed"), ("is:per|", "handoff"),
        ("verdict:|", "none"), ("assigned:|", "me"), ("for:M|", "me"), ("unfinished:|", "*"), ("date:3|", "3d"),
        ("date:last|", "last-week"), ("date:>|", "today"), ("date:2026-10-01..|", "today"), ("turns:7|", "7"),
        ("conf:|", "<0.3"), ("conf:<|", "0.3"), ("action:x<|", "<0.3"), ("duration:>15|", "15min"), ("time:2|", ">02:00"),
        ("time:9|", ">09:00"), ("time:<9|", "09:00"), ("conf:.5|", ">.5"), ("turns:>4|", "4"), ("turns:2..4|", "4"),
        ("sample:|", "20"), ("in:|", "conversation"), ("sort:|", SORTS[0][0]),
    ],
)  # fmt: skip
def test_the_best_offer_comes_first(text, first):
    completion = at(text)
    assert completion.offers[0].text == first
    assert completion.offers[0].label


def test_values_that_stand_in_the_term_already_are_not_offered_again():
    assert texts(at("review:unread,|")) == ["reviewed", "changed", "later"]
    assert at("review:unread,|").taken == ("unread",)


def test_a_setting_is_offered_once_and_only_for_the_whole_list():
    assert texts(at("|"), "setting") == ["sort:", "sample:", "in:"]
    assert texts(at("sort:oldest |"), "setting") == ["sample:", "in:"]
    assert texts(at("| SAMPLE:5"), "setting") == ["sort:", "in:"]
    for text in ("(|", "-|", "a then |"):
        assert texts(at(text), "setting") == []


def test_offers_speak_the_language_of_the_page():
    completion = complete("gefühl", 6, lambda message: {"intent": "Gefühl"}.get(message, message))
    assert [(offer.text, offer.label) for offer in completion.offers] == [("intent:", "Gefühl")]
    dated = complete("date:3", 6, ngettext=lambda one, many, count: f"~{count}")
    assert dated.offers[0].label == "3d"
    assert dated.offers[0].help == "~3"


@pytest.mark.parametrize(
    ("text", "offer", "after"),
    [
        ("hello int|", "intent:", "hello intent:|"),
        ("int|ent:x y", "intent:", "intent:|x y"),
        ("-env| x", "environment:", "-environment:| x"),
        ("intent:gr|eet x", "greet", "intent:greet |x"),
        ("intent:gr|<0.6", "greet", "intent:greet|<0.6"),
        ("intent:gr|,bye", "ask refund", 'intent:"ask refund"|,bye'),
        ("(intent:gr|)", "greet", "(intent:greet|)"),
        ('intent:"ask r|', 'a"b', 'intent:"a\\"b" |'),
        ("intent:|", "then", 'intent:"then" |'),
        ("slot:ci|=Paris", "city", "slot:city|=Paris"),
        ("slot:city=|", "New York", 'slot:city="New York" |'),
        ("assigned:|", "nobody", "assigned:nobody |"),
        ("date:1|4d..7d", "1w", "date:1w|..7d"),
        ("date:2026-10-01..t|", "today", "date:2026-10-01..today |"),
        ("intent:x<|", "<0.6", "intent:x<0.6 |"),
        ("a th|", "then", "a then |"),
        ("(a o| b)", "OR", "(a OR |b)"),
        ("x unr|", "review:unread", "x review:unread |"),
        ("so|", "sort:", "sort:|"),
        ("sort:|", "oldest", "sort:oldest |"),
    ],
)
def test_an_offer_goes_into_the_text(text, offer, after):
    assert taken(text, offer).replace(" | ", " |") == after


def test_a_person_called_me_is_not_the_one_who_asks():
    completion = at("assigned:|")
    assert apply("assigned:", completion, "me")[0] == 'assigned:"me" '
    offered = next(offer for offer in completion.offers if offer.text == "me")
    text, _ = apply("assigned:", completion, offered)
    assert parse(text).query.items[0] == Term("assigned", (Special("me"),))


def test_a_looked_up_value_of_any_field_becomes_a_term():
    completion = at("x ask|")
    offer = found(completion, "intent", "ask refund", "12")
    assert (offer.kind, offer.label, offer.help) == ("term", "ask refund", "12")
    assert apply("x ask", completion, offer) == ('x intent:"ask refund" ', 22)


anything = st.one_of(st.text(), st.lists(st.sampled_from(PIECES), max_size=20).map("".join))


@given(anything, st.integers(-1, 60))
@settings(GENERATED, max_examples=400)
def test_any_text_has_a_completion_that_changes_nothing_outside_of_its_place(text, caret):
    completion = complete(text, caret)
    start, end = completion.span
    assert 0 <= start <= max(0, min(caret, len(text))) <= end <= len(text)
    for offer in completion.offers:
        after, where = apply(text, completion, offer)
        assert after.startswith(text[:start] + offer.text)
        assert after.endswith(text[end:].removeprefix(":"))
        assert 0 <= where <= len(after)
        assert offer.label


@given(queries, names.filter(bool), st.sampled_from(["intent", "tag", "reviewer", "unfinished", "slot"]))
@GENERATED
def test_a_value_that_is_taken_is_that_value(query, name, field):
    before = f"{render(query)} {field}:"
    text, caret = apply(before, complete(before, len(before)), name)
    parsed = parse(text)
    assert parsed.mistakes == ()
    assert parsed.query.items == (*query.items, Term(field, (Word(name),)))
    assert caret == len(text)


@given(queries)
@settings(GENERATED, max_examples=15)
def test_every_offer_at_the_end_of_a_query_is_understood(query):
    before = f"{render(query)} "
    for offer in complete(before, len(before)).offers:
        text, caret = apply(before, complete(before, len(before)), offer)
        for value in complete(text, caret).offers[:3] if offer.kind in ("field", "setting") else ():
            parsed = parse(apply(text, complete(text, caret), value)[0])
            assert parsed.mistakes == ()


def steps(bomb: str, size: int) -> int:
    """How many calls and lines of Python a completion takes: a cost that no busy machine changes."""
    times = size // len(bomb)
    count = 0

    def trace(_frame: FrameType, _event: str, _argument: object) -> Any:
        nonlocal count
        count += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        complete(bomb * times, len(bomb) * (times // 3 * 2))
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_text_of_twice_the_size_costs_no_more_than_twice(bomb):
    half, whole = (steps(bomb, size) for size in (2_500, 5_000))
    assert whole < 2.5 * half + 5_000


def test_a_text_beyond_the_limit_has_no_completion():
    assert complete("x" * 10_001, 10_001) == Completion("none", "", (10_001, 10_001))
    assert complete("x" * 9_999 + " ", 10_000).kind == "field"
