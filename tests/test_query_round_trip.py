"""Canonical text, chips and edits: what is read, written and read again is the same query."""

import itertools
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import conversations.query as query_package
from conversations.query import (
    FIELDS,
    Field,
    Group,
    Or,
    Query,
    Range,
    Sequence,
    Setting,
    Special,
    Term,
    Text,
    When,
    Word,
    explain,
    in_words,
    is_turn,
    parse,
    render,
    with_term,
    without,
)
from conversations.tokens import words

# Big values are slow to draw on a busy machine; that says nothing about the code.
GENERATED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

# --- queries in their canonical form, as the parser gives them
awkward = st.sampled_from(['a"b', "\\", 'x\\"', "then", "OR", "never<3", "-a", "a,b", "(", "a*", "x<0.6", "a b", "é", "a:b",
                           "\u201cq\u201d", "\u2212x", "漢字", "7d", "*", "<", "http://x", "हिन्दी"])  # fmt: skip
names = st.one_of(
    awkward, st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
)
searchable = names.filter(words)
bounds = st.integers(0, 10**15 - 1)
confidences = st.one_of(st.sampled_from([0, 1]), st.integers(1, 999_999_999).map(lambda n: n / 10**9))


def half_open(number: st.SearchStrategy[int] | st.SearchStrategy[float]) -> st.SearchStrategy[Range]:
    return st.one_of(
        st.builds(lambda n, o: Range(low=n, low_open=o), number, st.booleans()),
        st.builds(lambda n, o: Range(high=n, high_open=o), number, st.booleans()),
    )


ranges = st.one_of(half_open(bounds), st.tuples(bounds, bounds).map(lambda pair: Range(min(pair), max(pair))))
text_words = st.builds(Word, searchable, st.booleans())
whens = st.sampled_from(["today", "last-week", "7d", "30min", "3mo", "2026", "2026-10", "2026-10-01", "2026-10-01..",
                         "..2026-10-01", "2026-10-01..2026-10-07", ">2026-10-01", "<=today", "14d..7d",
                         "2026-10-01t14:30..2026-10-01t14:45:10"]).map(When)  # fmt: skip


lengths = st.one_of(
    half_open(st.integers(0, 10**9 - 1)).map(lambda r: replace(r, unit="s")),
    st.tuples(st.integers(0, 10**9 - 1), st.integers(0, 10**9 - 1)).map(
        lambda p: Range(min(p), max(p), unit="s")
    ),
    st.tuples(st.integers(0, 10**6), st.sampled_from([1, 60, 3600, 86400])).map(
        lambda p: Range(p[0] * p[1], (p[0] + 1) * p[1], high_open=True, unit="s")
    ),
)
minutes = st.integers(0, 1439)
clocks = st.one_of(
    half_open(minutes).map(lambda r: replace(r, unit="min")),
    st.tuples(minutes, minutes).map(lambda p: Range(*p, unit="min")),
)
shares = st.one_of(
    half_open(confidences),
    st.tuples(confidences, confidences).map(lambda pair: Range(min(pair), max(pair))),
)
slots = st.one_of(names.map(Word), st.builds(lambda n, v: Word(n, equals=v), names.filter(bool), names))
MEASURES: dict[str, st.SearchStrategy[Any]] = {
    "number": ranges, "confidence": shares, "duration": lengths, "time": clocks, "date": whens, "text": text_words,
    "slot": slots, "id": names.filter(bool).map(Word),
}  # fmt: skip


def values_of(field: Field) -> st.SearchStrategy[Any]:
    if field.kind in MEASURES:
        return MEASURES[field.kind]
    if field.kind == "enum":
        return st.sampled_from([Word(name) for name, _ in field.values])
    some = names.map(Word)
    if field.specials:
        texts = [text for text, _ in field.specials] + ["nobody", "Me"]
        some = st.one_of(some, st.sampled_from(texts).map(Word))
        named = [Special(text) for text, _ in field.specials]  # type: ignore[arg-type]
        return st.one_of(some, st.sampled_from(named))
    if field.confidence:
        short = st.builds(
            lambda name, confidence: Word(name, confidence=confidence),
            names.filter(bool),
            half_open(confidences),
        )
        return st.one_of(some, short)
    return some


def is_mistaken_comma(term: Term) -> bool:
    """`x<0,6` and `city=Paris,Rome` are mistakes on purpose."""

    def swallows(left: Any, right: Any) -> bool:
        if isinstance(left, Word):
            decimal = left.confidence is not None and right.text.isdecimal()
            return decimal or (left.equals is not None and right.equals is None)
        return FIELDS[term.field].kind == "confidence" and right.low == right.high and right.low in (0, 1)

    return any(swallows(*pair) for pair in itertools.pairwise(term.values) if type(pair[0]) is type(pair[1]))


def terms_of(fields: list[Field], negated: st.SearchStrategy[bool]) -> st.SearchStrategy[Term]:
    return st.sampled_from(fields).flatmap(
        lambda field: st.builds(
            Term, st.just(field.name), st.lists(values_of(field), min_size=1, max_size=3).map(tuple), negated
        )
    ).filter(lambda term: not is_mistaken_comma(term))  # fmt: skip


all_fields = list(FIELDS.values())
turn_fields = [field for field in all_fields if field.scope == "turn"]
texts = st.builds(Text, text_words, st.booleans())
terms = terms_of(all_fields, st.booleans())
turn_terms = st.one_of(terms_of(turn_fields, st.booleans()).filter(is_turn), texts)
groups = st.builds(Group, st.lists(turn_terms, min_size=1, max_size=3).map(tuple), st.booleans()).filter(
    lambda group: len(group.terms) > 1 or group.terms[0].negated
)
ors = st.builds(
    Or, st.lists(st.one_of(terms, texts, groups), min_size=2, max_size=3).map(tuple), st.booleans()
)
side = st.one_of(turn_terms, groups).filter(lambda item: not item.negated)
sequences = st.builds(
    Sequence, st.sampled_from(["then", "never"]), side, side, st.one_of(st.none(), st.integers(2, 9999))
)
items = st.one_of(terms, texts, groups, ors, sequences)
setting_sets = st.tuples(
    st.none()
    | st.sampled_from(["newest", "oldest", "confidence", "fallbacks", "longest"]).map(
        lambda v: Setting("sort", v)
    ),
    st.none() | st.integers(1, 1000).map(lambda n: Setting("sample", str(n))),
    st.none() | st.just(Setting("in", "conversation")),
).map(lambda found: tuple(filter(None, found)))
queries = st.builds(Query, st.lists(items, max_size=5).map(tuple), setting_sets)


@given(queries)
@settings(GENERATED, max_examples=300)
def test_a_rendered_query_is_read_as_the_same_query(query):
    parsed = parse(render(query))
    assert parsed.mistakes == ()
    assert parsed.query == query
    assert str(parsed.query) == render(query)


@given(queries)
@settings(GENERATED, max_examples=60)
def test_a_chip_taken_out_leaves_the_others(query):
    parsed = parse("  " + render(query) + " ").query
    for whole in (query, parsed):
        for index, item in enumerate(whole.items):
            rest = parse(without(whole, item))
            assert rest.mistakes == ()
            assert rest.query == Query(query.items[:index] + query.items[index + 1 :], query.settings)
        for setting in whole.settings:
            rest = parse(without(whole, setting))
            assert rest.query == Query(
                query.items, tuple(other for other in query.settings if other != setting)
            )


@given(queries, names, st.sampled_from(["intent", "action", "channel", "environment"]), st.booleans())
@settings(GENERATED, max_examples=60)
def test_a_term_put_in_is_there_once_and_nothing_else_changes(query, value, field, negated):
    wanted = Term(field, (Word(value),), negated)
    whole = parse(render(query)).query
    text = with_term(whole, field, value, negated=negated)
    found = parse(text).query
    assert not found.impossible
    assert found == (query if wanted in query.items else Query((*query.items, wanted), query.settings))
    assert with_term(found, field, value, negated=negated) == text


def test_a_value_joins_the_values_of_its_field():
    query = parse("hello  intent:a<0.5 sort:oldest").query
    assert with_term(query, "intent", "b c", any_of=True) == 'hello intent:a<0.5,"b c" sort:oldest'
    assert with_term(query, "channel", "rest", any_of=True) == "hello  intent:a<0.5 sort:oldest channel:rest"
    assert with_term(parse("intent:a,b").query, "intent", "b", any_of=True) == "intent:a,b"
    assert with_term(parse("-intent:a").query, "intent", "b", any_of=True) == "-intent:a intent:b"
    assert with_term(Query((Term("intent", (Word("a"),)),)), "intent", "b", any_of=True) == "intent:a,b"


def test_numbers_and_dates_are_put_in_as_expressions():
    assert with_term(Query(), "turns", ">5") == "turns:>5"
    assert with_term(parse("turns:>5").query, "turns", ">5") == "turns:>5"
    assert with_term(Query(), "date", "7d", negated=True) == "-date:7d"
    assert parse(with_term(Query(), "turns", "many")).query.impossible


def test_taking_a_chip_out_keeps_what_was_wrong():
    parsed = parse("intnet:x hello turns:3")
    hello, turns = parsed.query.items
    assert without(parsed.query, hello) == "intnet:x turns:3"
    assert parse(without(parsed.query, turns)).query.impossible


@pytest.mark.parametrize(
    ("text", "chips"),
    [
        ("intent:a,b", ["intent is a or is b anywhere in the session"]),
        ("-intent:a<0.6", ["not intent is a with confidence below 0.6 anywhere in the session"]),
        ("turns:2..5", ["user turns from 2 to 5"]),
        ("turns:3,>=9", ["user turns 3 or at least 9"]),
        ("date:7d", ["date in the last 7 days"]),
        ("date:1d", ["date in the last day"]),
        ("date:last-week", ["date last week"]),
        ("date:2026-10-01..today", ["date from 2026-10-01 to today"]),
        ("date:..7d", ["date until 7 days ago"]),
        ("date:>2026-10-01T10:00", ["date after 2026-10-01T10:00"]),
        ("is:fallback", ["shows a fallback anywhere in the session"]),
        ('ref* "a b"', [
            "user or bot text contains a word that begins with ref anywhere in the session",
            "user or bot text contains a b anywhere in the session",
        ]),
        ("-(intent:a -text:b)", ["not intent is a and not user text contains b in the same turn"]),
        ("(channel:x OR a)", ["channel is x or user or bot text contains a"]),
        ("intent:a then<3 action:b",
         ["intent is a then, less than 3 turns later, action is b"]),
        ("(conf:<0.6 action-conf:0.2..0.4)",
         ["intent confidence below 0.6 and action confidence from 0.2 to 0.4 in the same turn"]),
        ("slot:city,city=Paris", ["slot is city or is city with the value Paris anywhere in the session"]),
        ("-is:mine is:flagged",
         ["not shows a conversation of the person who asks", "shows a flagged turn anywhere in the session"]),
        ("review:changed verdict:none,well",
         ["review changed since", "verdict not reviewed yet or went well"]),
        ("assigned:nobody,ann for:me unfinished:*",
         ["assigned to is nobody or is ann", "for is the person who asks", "left unfinished is any form or flow"]),
        ("id:49 note:legal*",
         ["conversation id contains 49", "note contains a word that begins with legal"]),
        ("duration:>10min,90s,1h..2h,1d",
         ["duration longer than 10 minutes or 90 seconds or from 1 hour to 2 hours or 1 day"]),
        ("duration:<=0,..90min", ["duration at most 0 seconds or at most 90 minutes"]),
        ("time:22:00..06:00,<9:00,>=17:05,12:00",
         ["time of day from 22:00 to 06:00 or before 09:00 or at least 17:05 or 12:00"]),
        ("a never b", ["user or bot text contains a and never after it user or bot text contains b"]),
        ("intent:a never<3 action:b", ["intent is a and never in the next 2 turns action is b"]),
        ("intent:a never<2 action:b", ["intent is a and never in the next turn action is b"]),
        ("sort:longest sample:5 in:conversation",
         ["sorted by most user turns first", "random sample of 5", "in whole conversations"]),
    ],
)  # fmt: skip
def test_a_query_is_said_in_words(text, chips):
    query = parse(text).query
    found = explain(query)
    assert [chip.text for chip in found] == chips
    assert [chip.item for chip in found] == [*query.items, *query.settings]
    assert all(chip.span == chip.item.span for chip in found)


def test_a_whole_query_is_said_in_one_line():
    assert in_words(parse("turns:>5 review:unread").query) == "user turns above 5; review unread"
    assert in_words(parse("").query) == "all sessions"
    assert in_words(parse("turns:x hello").query) == "nothing, because of a mistake"


@given(queries)
@settings(GENERATED, max_examples=60)
def test_every_query_has_a_chip_for_each_part_and_values_stay_untranslated(query):
    chips = explain(query, "~{}".format, lambda one, many, count: "~" + (one if count == 1 else many))
    assert len(chips) == len(query.items) + len(query.settings)
    for chip in chips:
        assert chip.parts
        for part in chip.parts:
            assert part.kind == "value" or part.text.startswith("~")


def test_the_query_language_needs_no_django():
    program = "import sys, conversations.query, conversations.tokens; sys.exit('django' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.parametrize("field", FIELDS.values(), ids=lambda field: field.name)
def test_every_field_is_described_by_an_example_that_works(field):
    parsed = parse(field.example)
    assert parsed.mistakes == ()
    assert [item.field for item in parsed.query.items if isinstance(item, Term)] == [field.name]
    for alias in field.aliases:
        assert parse(field.example.replace(field.name, alias, 1)).query == parsed.query
    grammar = (Path(query_package.__file__).parent / "GRAMMAR.md").read_text(encoding="utf-8")
    assert f"| `{field.name}`" in grammar
    assert all(f"`{value}`" in grammar for value, _ in (*field.values, *field.specials))
