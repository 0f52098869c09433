"""The facet panel and the text say the same; edits of chips and facets change nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations.query import (
    FIELDS,
    Item,
    Query,
    Range,
    Special,
    Term,
    Word,
    parse,
    render,
)
from conversations.query.edit import with_setting, with_term, without
from conversations.query.facets import Facet, facet, text_value, toggled, value_text, with_facet
from tests.test_query_parser import PIECES
from tests.test_query_round_trip import GENERATED, queries, values_of

fields = st.sampled_from(list(FIELDS.values()))


def others(query: Query, field: str) -> list[Item]:
    return [item for item in query.items if not (isinstance(item, Term) and item.field == field)]


@st.composite
def asked(draw: st.DrawFn) -> tuple[Query, str, Facet]:
    """A query, and a facet of one of its fields or of another one."""
    query = draw(queries)
    named = [item.field for item in query.items if isinstance(item, Term)]
    field = draw(st.sampled_from(named) if named else fields.map(lambda row: row.name))
    some = st.lists(values_of(FIELDS[field]), max_size=4, unique=True).map(tuple)
    chosen, excluded = draw(some), draw(some)
    return (
        query,
        field,
        Facet(chosen, excluded, draw(st.sampled_from(["any", "all"])) if len(chosen) > 1 else "any"),
    )


def same(one: Facet, other: Facet) -> bool:
    """Values that would be misread side by side change places."""
    return (
        set(one.chosen) == set(other.chosen)
        and set(one.excluded) == set(other.excluded)
        and (one.mode, one.mixed) == (other.mode, other.mixed)
    )


@given(asked())
@GENERATED
def test_a_facet_goes_into_the_text_and_comes_out_again_and_nothing_else_changes(drawn):
    query, field, wanted = drawn
    for before in (query, parse(render(query)).query):
        text = with_facet(before, field, wanted)
        parsed = parse(text)
        assert parsed.mistakes == ()
        assert same(facet(parsed.query, field), wanted)
        assert others(parsed.query, field) == others(before, field)
        assert parsed.query.settings == before.settings


@given(queries, fields)
@GENERATED
def test_the_facet_that_a_text_has_leaves_it_as_it_is(query, field):
    text = render(query)
    now = facet(query, field.name)
    if not now.mixed:
        assert with_facet(parse(text).query, field.name, now) == text


@given(asked(), st.sampled_from(["chosen", "excluded", "off"]))
@GENERATED
def test_one_value_is_switched_and_nothing_else_changes(drawn, state):
    query, field, wanted = drawn
    before = facet(query, field)
    for value in (wanted.chosen + before.chosen + before.excluded)[:4]:
        parsed = parse(toggled(parse(render(query)).query, field, value, state))
        assert parsed.mistakes == ()
        after = facet(parsed.query, field)
        assert (value in after.chosen) == (state == "chosen")
        assert (value in after.excluded) == (state == "excluded")
        assert set(after.chosen) - {value} == set(before.chosen) - {value}
        assert set(after.excluded) - {value} == set(before.excluded) - {value}
        assert others(parsed.query, field) == others(query, field)


@given(fields.flatmap(lambda field: st.tuples(st.just(field.name), values_of(field))))
@GENERATED
def test_a_value_goes_through_a_form_and_back(drawn):
    field, value = drawn
    assert text_value(field, value_text(field, value)) == value


@pytest.mark.parametrize(
    "text", ["a b", "a,b", "", "(a)", '"', "a then b", "a)", "a sort:oldest", "a sample:5"]
)
def test_what_is_not_exactly_one_value_is_none(text):
    assert text_value("intent", text) is None
    assert text_value("nope", "a") is None


@pytest.mark.parametrize(
    ("text", "chosen", "excluded", "mode", "mixed"),
    [
        ("intent:a,b -intent:c", ("a", "b"), ("c",), "any", False),
        ("intent:a x intent:b", ("a", "b"), (), "all", False),
        ("intent:a intent:a", ("a",), (), "any", False),
        ("intent:a,b intent:c", ("a", "b", "c"), (), "any", True),
        ("-intent:a -intent:b,c", (), ("a", "b", "c"), "any", False),
        ("(intent:a x) (intent:b OR c) intent:d then e", (), (), "any", False),
        ("(intent:a)", ("a",), (), "any", False),
    ],
)
def test_a_text_is_read_as_a_facet(text, chosen, excluded, mode, mixed):
    found = facet(parse(text).query, "intent")
    expected = Facet(tuple(map(Word, chosen)), tuple(map(Word, excluded)), mode, mixed)
    assert found == expected
    assert found.state("a") == ("chosen" if "a" in chosen else "excluded" if "a" in excluded else "off")


@pytest.mark.parametrize(
    ("text", "value", "state", "mode", "after"),
    [
        ("  hello  env:prod   x ", "b", "chosen", None, "hello  env:prod   x intent:b"),
        ("intent:a  x", "b", "chosen", None, "intent:a,b x"),
        ("intent:a  x", "b", "chosen", "all", "intent:a intent:b x"),
        ("intent:a x intent:b", "c", "chosen", None, "intent:a intent:b intent:c x"),
        ("intent:a,b x", "a", "excluded", None, "intent:b x -intent:a"),
        ("intent:a,b x", "a", "off", None, "intent:b x"),
        ("x intent:a y", "a", "off", None, "x y"),
        ("intent:a,b intent:c", "d", "chosen", None, "intent:a,b intent:c intent:d"),
        ("intent:a,b intent:c", "b", "off", None, "intent:a intent:c"),
        ("intent:a,b intent:c", "c", "excluded", None, "intent:a,b -intent:c"),
        ("intnet:q intent:a", "a", "off", None, "intnet:q"),
        ('"abc', "a", "chosen", None, 'intent:a "abc'),
        ("x then", "a", "chosen", None, "intent:a x then"),
    ],
)
def test_a_facet_is_switched_in_the_text_as_written(text, value, state, mode, after):
    query = parse(text).query
    assert toggled(query, "intent", value, state, mode=mode) == after


def test_values_that_would_be_misread_side_by_side_change_places():
    paris, lang = Word("city", equals="Paris"), Word("lang")
    assert with_facet(Query(), "slot", Facet((paris, lang))) == "slot:lang,city=Paris"
    assert with_facet(Query(), "conf", Facet((Range(high=1), Range(0, 0)))) == "conf:0,<=1"
    short = Word("a", confidence=Range(high=0.5, high_open=True))
    assert with_facet(Query(), "intent", Facet((short, Word("6")))) == 'intent:a<0.5,"6"'
    assert with_facet(Query(), "reviewer", Facet((Special("me"), Word("me")))) == 'reviewer:me,"me"'


# --- chips


@pytest.mark.parametrize(
    ("text", "name", "value", "after"),
    [
        ("x", "sort", "oldest", "x sort:oldest"),
        ("sort:newest  x", "sort", "oldest", "sort:oldest x"),
        ("x sort:oldest y", "sort", None, "x y"),
        ("x", "sort", None, "x"),
        ('"x', "sample", "50", 'sample:50 "x'),
    ],
)
def test_a_setting_is_put_in_once(text, name, value, after):
    assert with_setting(parse(text).query, name, value) == after


texts = st.one_of(st.text(), st.lists(st.sampled_from(PIECES), max_size=15).map("".join))


@given(texts, st.sampled_from(["intent", "slot", "is", "assigned"]), st.text(max_size=8))
@GENERATED
def test_what_is_put_into_any_text_never_mends_a_mistake_of_it(text, field, value):
    before = parse(text)
    for after in (with_term(before.query, field, value), with_setting(before.query, "sort", "oldest")):
        parsed = parse(after)
        if not before.ok and not any(setting.name == "sort" for setting in before.query.settings):
            assert not parsed.ok
        if before.ok and not set(value) & set("\0") and value.isprintable() and field == "intent":
            assert parsed.ok


@given(texts)
@GENERATED
def test_every_chip_of_any_text_can_be_taken_off(text):
    query = parse(text).query
    for item in (*query.items, *query.settings):
        shorter = without(query, item)
        assert len(shorter) < len(text)
