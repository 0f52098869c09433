"""Reading a query: every form of the language, every mistake, and that no text breaks it or widens a result."""

import sys
from types import FrameType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conversations.query import (
    Group,
    Item,
    Or,
    Query,
    Range,
    Sequence,
    Setting,
    Special,
    Term,
    Text,
    Value,
    When,
    Word,
    parse,
)


def items(text: str) -> tuple[Item, ...]:
    parsed = parse(text)
    assert parsed.mistakes == ()
    assert not parsed.query.impossible
    return parsed.query.items


def term(field: str, *values: Value, negated: bool = False) -> Term:
    return Term(field, values, negated)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ()),
        ("  \t\n ", ()),
        ("intent:ask_refund", (term("intent", Word("ask_refund")),)),
        ("Intent:faq/Ask", (term("intent", Word("faq/Ask")),)),
        ("intent:a,b", (term("intent", Word("a"), Word("b")),)),
        ("intent:a intent:b", (term("intent", Word("a")), term("intent", Word("b")))),
        ("-intent:a", (term("intent", Word("a"), negated=True),)),
        ("\u2013intent:a", (term("intent", Word("a"), negated=True),)),
        ("intent:x<0.6", (term("intent", Word("x", confidence=Range(high=0.6, high_open=True))),)),
        ("intent:x>=60%", (term("intent", Word("x", confidence=Range(low=0.6))),)),
        ('intent:"a b"<=1,c', (term("intent", Word("a b", confidence=Range(high=1)), Word("c")),)),
        ('intent:"x<0.6"', (term("intent", Word("x<0.6")),)),
        (
            "action:utter_x<0.3",
            (term("action", Word("utter_x", confidence=Range(high=0.3, high_open=True))),),
        ),
        ("channel:x<3", (term("channel", Word("x<3")),)),
        ("conf:<0.6,>=90%", (term("conf", Range(high=0.6, high_open=True), Range(low=0.9)),)),
        ("Confidence:.3..0.6", (term("conf", Range(0.3, 0.6)),)),
        ("action_conf:1", (term("action-conf", Range(1, 1)),)),
        ("slot:city", (term("slot", Word("city")),)),
        (
            "slot:city=Paris,city=Rome",
            (term("slot", Word("city", equals="Paris"), Word("city", equals="Rome")),),
        ),
        ('slot:lang,city="New York"', (term("slot", Word("lang"), Word("city", equals="New York")),)),
        ('slot:"a=b"=c=d', (term("slot", Word("a=b", equals="c=d")),)),
        ('slot:city=""', (term("slot", Word("city", equals="")),)),
        ("duration:>10min", (term("duration", Range(low=600, low_open=True, unit="s")),)),
        ("duration:90s", (term("duration", Range(90, 91, high_open=True, unit="s")),)),
        ("duration:90", (term("duration", Range(90, 91, high_open=True, unit="s")),)),
        ("length:10m", (term("duration", Range(600, 660, high_open=True, unit="s")),)),
        ("duration:1h..2h", (term("duration", Range(3600, 7200, unit="s")),)),
        ("duration:..1d", (term("duration", Range(high=86400, unit="s")),)),
        ("time:09:00..17:00", (term("time", Range(540, 1020, unit="min")),)),
        ("time:22:00..6:00", (term("time", Range(1320, 360, unit="min")),)),
        ("time:18:00..24:00", (term("time", Range(1080, 1439, unit="min")),)),
        ("time:>=17:30,8:05", (term("time", Range(low=1050, unit="min"), Range(485, 485, unit="min")),)),
        ("reviewer:me,Me,ann", (term("reviewer", Special("me"), Special("me"), Word("ann")),)),
        ('reviewed-by:"me"', (term("reviewer", Word("me")),)),
        ("assigned:nobody", (term("assigned", Special("nobody")),)),
        ('reviewer:"nobody"', (term("reviewer", Word("nobody")),)),
        ("unfinished:*", (term("unfinished", Special("*")),)),
        ('unfinished:"*"', (term("unfinished", Word("*")),)),
        ("loop:me", (term("loop", Word("me")),)),
        ("review:Later", (term("review", Word("later")),)),
        ("verdict:none,broke", (term("verdict", Word("none"), Word("broke")),)),
        ("-is:mine", (term("is", Word("mine"), negated=True),)),
        ("id:whatsapp:+49", (term("id", Word("whatsapp:+49")),)),
        ("turn_tag:x", (term("turn-tag", Word("x")),)),
        ('action:"a,b","c \\"d\\" \\\\"', (term("action", Word("a,b"), Word('c "d" \\')),)),
        ("action:a:b", (term("action", Word("a:b")),)),
        ('channel:""', (term("channel", Word("")),)),
        ("env:prod", (term("environment", Word("prod")),)),
        ("text:refund*", (term("text", Word("refund", prefix=True)),)),
        ('text:"lost card"*,"x*"', (term("text", Word("lost card", prefix=True), Word("x*")),)),
        ("turns:3", (term("turns", Range(3, 3)),)),
        ("turns:>5", (term("turns", Range(low=5, low_open=True)),)),
        ("turns:2..5,>=9", (term("turns", Range(2, 5), Range(low=9)),)),
        ("turns:..5", (term("turns", Range(high=5)),)),
        ("turns:5..", (term("turns", Range(low=5)),)),
        ("date:7d", (term("date", When("7d")),)),
        ("date:Last-Week", (term("date", When("last-week")),)),
        ("date:2026-10-01..", (term("date", When("2026-10-01..")),)),
        ("date:>2026-10-01", (term("date", When(">2026-10-01")),)),
        ("is:FALLBACK", (term("is", Word("fallback")),)),
        ("hello", (Text(Word("hello")),)),
        ('-"lost card" ref*', (Text(Word("lost card"), negated=True), Text(Word("ref", prefix=True)))),
        ("\u201clost card\u201d", (Text(Word("lost card")),)),
        ("12:30 https://a.b/c?d=e", (Text(Word("12:30")), Text(Word("https://a.b/c?d=e")))),
        ('"OR" "then"', (Text(Word("OR")), Text(Word("then")))),
        ("(intent:a)", (term("intent", Word("a")),)),
        ("-((intent:a))", (term("intent", Word("a"), negated=True),)),
        (
            "(intent:a -text:b c)",
            (Group((term("intent", Word("a")), term("text", Word("b"), negated=True), Text(Word("c")))),),
        ),
        ("-(intent:a b)", (Group((term("intent", Word("a")), Text(Word("b"))), negated=True),)),
        ("(-intent:a)", (Group((term("intent", Word("a"), negated=True),)),)),
        ("(a OR turns:3)", (Or((Text(Word("a")), term("turns", Range(3, 3)))),)),
        ("((a b) OR -c)", (Or((Group((Text(Word("a")), Text(Word("b")))), Text(Word("c"), negated=True))),)),
        ("a then b", (Sequence("then", Text(Word("a")), Text(Word("b"))),)),
        (
            "x intent:a then<3 (intent:b c) y",
            (
                Text(Word("x")),
                Sequence(
                    "then", term("intent", Word("a")), Group((term("intent", Word("b")), Text(Word("c")))), 3
                ),
                Text(Word("y")),
            ),
        ),
        ("a NEVER<=3 b", (Sequence("never", Text(Word("a")), Text(Word("b")), 4),)),
    ],
)
def test_every_form_of_the_language_is_read(text, expected):
    assert items(text) == expected


def test_settings_are_read_apart_from_conditions():
    query = parse("sample:50 a sort:oldest in:conversation").query
    assert query.items == (Text(Word("a")),)
    assert query.settings == (
        Setting("sort", "oldest"),
        Setting("sample", "50"),
        Setting("in", "conversation"),
    )
    assert (query.sort, query.sample, query.in_conversation) == ("oldest", 50, True)
    assert (Query().sort, Query().sample, Query().in_conversation) == ("newest", None, False)


def test_spans_point_at_the_words_as_written():
    text = ' hello  -intent:"a b",c  (x  text:y) sort:oldest'
    query = parse(text).query
    assert [text[slice(*item.span)] for item in query.items] == ["hello", '-intent:"a b",c', "(x  text:y)"]
    assert text[slice(*query.settings[0].span)] == "sort:oldest"


def test_ten_thousand_characters_are_the_limit():
    assert parse("x" * 10_000).ok
    parsed = parse("x " * 5_001)
    assert [mistake.code for mistake in parsed.mistakes] == ["too_long"]
    assert parsed.query.impossible
    assert parsed.query.items == ()


@pytest.mark.parametrize("text", ["{}", "intent:{}", "(a OR {})", "turns:{}"])
@pytest.mark.parametrize("separator", [" ", ","])
def test_a_hundred_conditions_are_the_limit(text, separator):
    parsed = parse(text.format(separator.join(["1"] * 300)))
    if (text, separator) in (("{}", ","), ("(a OR {})", ",")):
        assert parsed.ok  # commas mean nothing between bare words: one phrase
    else:
        assert "too_many" in [mistake.code for mistake in parsed.mistakes]
        assert parsed.query.impossible
    assert parse(" ".join(["a"] * 100)).ok
    assert parse("intent:" + ",".join(["a"] * 100)).ok


def test_warnings_never_crowd_out_what_makes_a_query_impossible():
    parsed = parse("a " + "AND " * 50 + "intnet:x")
    assert len(parsed.mistakes) == 20
    assert parsed.mistakes[-1].code == "unknown_field"


BOMBS = [
    "(", ")", "()", "(()", '"', '\\"', '"\\', "-", "-(", "(a OR ", "a OR ", "a then ", "then<3 ", "intent:", "intent:x<",
    ",", "intent:,", "intent:a,", "a:", "date:..", "date:1", "turns:9", "\u201c", "\u201d\u201c", "(-", "1..", "é\u0300",
    "sort:", "x(", 'a"b"', "𠀀", "\u0300\u0316", "intnet:a ",
]  # fmt: skip


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_is_answered_with_few_mistakes(bomb):
    for prefix in ("", "intent:", "date:", "(", '"', "text:"):
        text = (prefix + bomb * (10_000 // len(bomb) + 1))[:10_000]
        parsed = parse(text)
        assert parsed.ok or 0 < len([mistake for mistake in parsed.mistakes if not mistake.warning]) <= 20


def steps(text: str) -> int:
    """How many calls and lines of Python it takes to parse `text`: a cost that no busy machine changes."""
    count = 0

    def trace(_frame: FrameType, _event: str, _argument: object) -> Any:
        nonlocal count
        count += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        parse(text)
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_of_twice_the_size_costs_no_more_than_twice(bomb):
    half, whole = (steps((bomb * (size // len(bomb) + 1))[:size]) for size in (2_500, 5_000))
    assert whole < 2.5 * half + 2_000


PIECES = [
    "intent:", "text:", "turns:", "date:", "is:", "slot:", "conf:", "duration:", "time:", "assigned:", "unfinished:", "=", "me",
    "mine", "09:00", "10min", "sort:", "sample:", "in:", "nope:", "(", ")", "-", '"', "\\", ",", "..",
    "<", ">", "<=", "*", " ", " OR ", " then ", " never<2 ", " AND ", " NOT ", "7d", "2026-10-01", "0.5", "a", "b", "fallback",
    "conversation", "\u201c", "\u201d", "漢", "é", "👍", "\0", "\ud800",
]  # fmt: skip


@given(st.one_of(st.text(), st.lists(st.sampled_from(PIECES), max_size=30).map("".join)))
@settings(max_examples=1500, deadline=None)
def test_no_text_raises_and_every_mistake_has_a_place(text):
    parsed = parse(text)
    for mistake in parsed.mistakes:
        assert 0 <= mistake.span[0] <= mistake.span[1] <= len(text)
        assert mistake.sentence()
    assert parsed.query.impossible == any(not mistake.warning for mistake in parsed.mistakes)
    for item in (*parsed.query.items, *parsed.query.settings):
        assert 0 <= item.span[0] < item.span[1] <= len(text)


@given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join))
@settings(max_examples=500, deadline=None)
def test_a_text_without_mistakes_loses_no_word(text):
    parsed = parse(text)
    covered = sorted(item.span for item in (*parsed.query.items, *parsed.query.settings))
    if parsed.mistakes:
        return
    rest, at = "", 0
    for start, end in covered:
        assert start >= at
        rest += text[at:start]
        at = end
    assert not (rest + text[at:]).strip()
