"""What is wrong in a query is explained where it stands, and never widens the result."""

import pytest

from conversations.query import parse
from conversations.query.mistakes import MESSAGES


@pytest.mark.parametrize(
    ("text", "code", "place", "suggestion"),
    [
        ("x intnet:a", "unknown_field", "intnet:", "intent:"),
        ("-intnet:a", "unknown_field", "intnet:", "intent:"),
        ("zzzzz:a", "unknown_field", "zzzzz:", None),
        ("intent:", "missing_value", "intent:", None),
        ("intent: a", "missing_value", "intent: a", "intent:a"),
        ('x -text:  "a b"', "missing_value", '-text:  "a b"', '-text:"a b"'),
        ("intent: action:b", "missing_value", "intent:", None),
        ("intent:(a OR b)", "missing_value", "intent:", None),
        ("a then<1 b", "sequence_turns", "then<1", "then<2"),
        ("a NEVER<=0 b", "sequence_turns", "NEVER<=0", "never<2"),
        ("a then> b", "sequence_turns", "then>", None),
        ("a never<10000 b", "sequence_turns", "never<10000", None),
        ("-(a then b)", "sequence_inside", "then", None),
        ("then", "sequence_side", "then", None),
        ("a then (", "open_parenthesis", "(", None),
        ("assinged:me", "unknown_field", "assinged:", "assigned:"),
        ("reviewd_by:me", "unknown_field", "reviewd_by:", "reviewed-by:"),
        ("intent:,", "empty_value", "intent:,", None),
        ("turns>5", "missing_colon", "turns>5", "turns:>5"),
        ("turns:many", "not_a_number", "many", None),
        ("turns:2.5", "not_a_number", "2.5", None),
        ("turns:-3", "not_a_number", "-3", None),
        ("turns:9999999999999999", "not_a_number", "9999999999999999", None),
        ("turns:1,5..2", "reversed", "5..2", "2..5"),
        ("turns:..", "not_a_number", "..", None),
        ("intent:<0.6", "confidence_name", "<0.6", None),
        ("intent:x<", "no_confidence", "x<", None),
        ("intent:x<60", "no_confidence", "x<60", "x<60%"),
        ("intent:x<0,6", "confidence_comma", "6", None),
        ("intent<0.6", "missing_colon", "intent<0.6", "conf:<0.6"),
        ("date:tody", "not_a_date", "tody", "today"),
        ("date:2026-02-30", "no_such_day", "2026-02-30", None),
        ("date:2026-13-01", "no_such_day", "2026-13-01", None),
        ("date:0001-01-01", "no_such_day", "0001-01-01", None),
        ("date:3m", "date_unit", "3m", None),
        ("date:<7d", "date_comparison", "<7d", None),
        ("date:..", "not_a_date", "..", None),
        ("date:2026-10-07..2026-10-01", "reversed", "2026-10-07..2026-10-01", "2026-10-01..2026-10-07"),
        ("date:7d..14d", "reversed", "7d..14d", "14d..7d"),
        ("is:fallbak", "unknown_value", "fallbak", "fallback"),
        ("is:zzz", "unknown_value", "zzz", None),
        ("is:unread", "unknown_value", "is:unread", "review:unread"),
        ("-is:wel", "unknown_value", "wel", None),
        ("(a is:mine)", "session_in_group", "is:mine", None),
        ("(a is:fallback,unfinished)", "session_in_group", "is:fallback,unfinished", None),
        ("a never is:abandoned", "sequence_session", "is:abandoned", None),
        ("a then sort:oldest", "sequence_side", "then", None),
        ("a then sort:oldest b", "sequence_side", "then", None),
        ("intent=greet", "missing_colon", "intent=greet", "intent:greet"),
        ("-env=prod", "missing_colon", "-env=prod", "-environment:prod"),
        ("-turns>5", "missing_colon", "-turns>5", "-turns:>5"),
        ("conf:<0,6", "confidence_comma", "6", None),
        ("conf:60", "no_confidence", "60", "60%"),
        ("intent:x>60", "no_confidence", "x>60", "x>60%"),
        ("conf:0.9..0.1", "reversed", "0.9..0.1", "0.1..0.9"),
        ("conf:half", "no_confidence", "half", None),
        ("duration:long", "not_a_duration", "long", None),
        ("duration:1.5h", "not_a_duration", "1.5h", "90min"),
        ("duration:>0.5h", "not_a_duration", ">0.5h", ">30min"),
        ("duration:1..2h", "duration_unit", "1..2h", "1h..2h"),
        ("duration:2h..1h", "reversed", "2h..1h", "1h..2h"),
        ("duration:3mo", "not_a_duration", "3mo", None),
        ("time:9..17", "not_a_time", "9..17", "09:00..17:00"),
        ("time:9:00..17", "not_a_time", "9:00..17", "09:00..17:00"),
        ("time:14", "not_a_time", "14", "14:00..14:59"),
        ("time:25", "not_a_time", "25", None),
        ("time:12:60", "not_a_time", "12:60", None),
        ("time:24:00", "not_a_time", "24:00", None),
        ("time:..", "not_a_time", "..", None),
        ("slot:city=", "slot_value", "city=", None),
        ("slot:=x", "slot_value", "=x", None),
        ("slot:age>5", "slot_compared", "age>5", None),
        ("slot:city=Paris,Rome", "slot_comma", "Rome", "city=Rome"),
        ("reviewer:nobody", "no_nobody", "nobody", None),
        ('id:""', "missing_value", '""', None),
        ("text:!!!", "nothing_to_search", "!!!", None),
        ("hello &", "nothing_to_search", "&", None),
        ("*", "nothing_to_search", "*", None),
        ("a -", "lonely_minus", "-", None),
        ('x "abc', "open_quote", '"abc', None),
        ('text:"a', "open_quote", '"a', None),
        ("(a b", "open_parenthesis", "(", None),
        ("a b)", "close_parenthesis", ")", None),
        ("a ()", "empty_group", "()", None),
        ("((a b) c)", "too_deep", "(a b)", None),
        ("(((a b)))", "too_deep", "(", None),
        ("((a OR b) OR c)", "nested_or", "(a OR b)", None),
        ("(a b OR c)", "or_side", "a b", None),
        ("(a OR )", "or_side", "(a OR )", None),
        ("x OR y", "or_outside", "x OR y", "(x OR y)"),
        ("OR", "or_outside", "OR", None),
        ("NOT a", "not_word", "NOT", None),
        ("then a", "sequence_side", "then", None),
        ("a then", "sequence_side", "then", None),
        ("a then never b", "sequence_side", "then", None),
        ("a then b then c", "sequence_chain", "then", None),
        ("(a then b)", "sequence_inside", "then", None),
        ("a then -b", "sequence_negated", "-b", None),
        ("(a OR b) then c", "sequence_or", "(a OR b)", None),
        ("a then turns:3", "sequence_session", "turns:3", None),
        ("(a turns:3)", "session_in_group", "turns:3", None),
        ("(a sort:oldest)", "setting_inside", "sort:oldest", None),
        ("-sort:oldest", "setting_negated", "-sort:oldest", None),
        ("sort:oldest sort:newest", "setting_twice", "sort:newest", None),
        ("sort:", "missing_value", "sort:", None),
        ("sort:newst", "unknown_value", "sort:newst", "sort:newest"),
        ("sample:0", "sample_size", "sample:0", None),
        ("in:session", "unknown_value", "in:session", None),
        ("a\0", "bad_character", "\0", None),
        ("a\ud800", "bad_character", "\ud800", None),
    ],
)
def test_a_mistake_is_explained_where_it_stands_and_matches_nothing(text, code, place, suggestion):
    parsed = parse(text)
    assert code in [mistake.code for mistake in parsed.mistakes]
    mistake = next(mistake for mistake in parsed.mistakes if mistake.code == code)
    assert text[slice(*mistake.span)] == place
    assert mistake.suggestion == suggestion
    assert parsed.query.impossible
    assert not mistake.warning
    if suggestion:
        mended = text[: mistake.span[0]] + suggestion + text[mistake.span[1] :]
        assert code not in [mistake.code for mistake in parse(mended).mistakes]


@pytest.mark.parametrize(
    ("text", "code", "meant"), [("a AND b", "and_word", "a b"), ("intent:a,,b,", "empty_value", "intent:a,b")]
)
def test_a_warning_leaves_the_query_as_it_is(text, code, meant):
    parsed = parse(text)
    assert [mistake.code for mistake in parsed.mistakes] == [code]
    assert parsed.mistakes[0].warning
    assert parsed.query == parse(meant).query
    assert not parsed.query.impossible


def test_the_short_form_of_confidence_is_no_mistake():
    assert parse("intent:ask_refund<0.6").ok


def test_every_message_has_its_parameters():
    seen = set()
    texts = [argument[0] for mark in test_a_mistake_is_explained_where_it_stands_and_matches_nothing.pytestmark
             for argument in mark.args[1]]  # fmt: skip
    texts += ["x" * 10_001, " ".join(["a"] * 101), "a AND b", "(a b)", "(a OR b)", "a then b", "sample:5"]
    texts += ["in:conversation"]
    for text in texts:
        for mistake in parse(text).mistakes:
            seen.add(mistake.code)
            sentence = mistake.sentence()
            assert sentence.endswith((".", "?", mistake.params.get("example", "."))), sentence
            assert "%(" not in sentence
    assert seen == set(MESSAGES)
