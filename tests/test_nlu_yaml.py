"""Corrections as training data: whatever a customer wrote, a reader of Rasa's format gets it back to the letter."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from conversations.nlu_yaml import Entity, Example, entities_of, example_line, fragment, is_example

# The grammar of annotations, as Rasa 3.6.21 reads it (tests/rasa/test_corrections_load.py asks Rasa itself).
ANNOTATION = re.compile(r"\[([^\]]+)\](?:\(([^:)]+)(?::[^)]+)?\)|\{([^}]+)\}|\[(.*?)\])")


def plain(line: str) -> str:
    return ANNOTATION.sub(lambda found: found[1], line)


def places(line: str) -> list[tuple[int, int]]:
    found, offset = [], 0
    for match in ANNOTATION.finditer(line):
        start = match.start() - offset
        offset += len(match[0]) - len(match[1])
        if match[2] or match[3] or match[4]:
            found.append((start, start + len(match[1])))
    return found


BRACKETS = st.text(alphabet="[](){}a b:\"'\\-", max_size=30)


@given(BRACKETS)
def test_a_message_of_brackets_is_read_back_without_an_entity(text: str) -> None:
    line = example_line(text)
    assert plain(line) == text.strip()
    assert places(line) == []


@given(BRACKETS, st.lists(st.tuples(st.integers(0, 29), st.integers(1, 9)), max_size=4))
def test_entities_stand_where_they_were_whatever_brackets_are_around(
    text: str, wanted: list[tuple[int, int]]
) -> None:
    entities = [Entity(start, start + length, "city", "}x]{[") for start, length in wanted]
    line = example_line(text, entities)
    assert plain(line) == text.strip()
    before = len(text) - len(text.lstrip())
    known = {(entity.start - before, entity.end - before) for entity in entities}
    assert set(places(line)) <= known
    inside = [place for place in known if place[0] >= 0 and place[1] <= len(text.strip())]
    usable = [place for place in inside if "]" not in text.strip()[slice(*place)]]
    if any(text.strip()[slice(*place)].strip() for place in usable):
        assert places(line)


@pytest.mark.parametrize(
    ("entities", "line"),
    [
        ([Entity(5, 11, "city")], "from [Berlin](city) to LA"),
        ([Entity(5, 11, "city", "Berlin")], "from [Berlin](city) to LA"),
        (
            [Entity(15, 17, "city", "Los Angeles")],
            'from Berlin to [LA]{"entity": "city", "value": "Los Angeles"}',
        ),
        (
            [Entity(5, 11, "city", role="from", group="1"), Entity(15, 17, "city", role="to")],
            'from [Berlin]{"entity": "city", "role": "from", "group": "1"} to [LA]{"entity": "city", "role": "to"}',
        ),
        (
            [Entity(15, 17, "city"), Entity(15, 17, "state", "California")],
            'from Berlin to [LA][{"entity": "city"},{"entity": "state", "value": "California"}]',
        ),
        ([Entity(5, 11, "my city")], 'from [Berlin]{"entity": "my city"} to LA'),
        ([Entity(5, 17, "trip"), Entity(5, 11, "city")], "from [Berlin to LA](trip)"),
        ([Entity(5, 99, "city"), Entity(3, 3, "nothing"), Entity(4, 5, "blank")], "from Berlin to LA"),
    ],
)
def test_entities_are_annotated_in_the_shortest_form_that_says_all(entities: list[Entity], line: str) -> None:
    assert example_line("from Berlin to LA", entities) == line


def test_blanks_at_the_ends_go_and_places_move_with_them() -> None:
    assert example_line("  to Bonn \n", [Entity(5, 9, "city")]) == "to [Bonn](city)"


def test_entities_that_rules_find_and_those_that_are_none_are_left_out() -> None:
    good = {"start": 0, "end": 2, "entity": "city", "value": True, "role": "to"}
    data = [
        good,
        {**good, "extractor": "DucklingEntityExtractor"},
        {**good, "extractor": "SpacyEntityExtractor"},
        {"entity": "city", "value": "Bonn"},
        {**good, "start": True},
        {**good, "entity": 3},
        "Bonn",
        good,
    ]
    assert entities_of(data) == (Entity(0, 2, "city", "true", "to"),)
    assert entities_of({"entity": "city"}) == ()


@pytest.mark.parametrize(
    ("text", "intent", "expected"),
    [
        ("hello", "greet", True),
        ("hello", "faq/ask_hours", True),
        ("hello", "faq/ask/hours", False),
        ("hello", "nlu_fallback", False),
        ("hello", " ", False),
        (" \n", "greet", False),
        ("/greet", "greet", False),
        ("EXTERNAL: reminder", "greet", False),
    ],
)
def test_only_words_of_users_under_names_that_can_be_learned_are_examples(
    text: str, intent: str, expected: bool
) -> None:
    assert is_example(text, intent) is expected
    assert ("hello" in fragment([Example(text, intent)])) is expected


def test_the_fragment_holds_each_message_once_by_intent_and_is_yaml() -> None:
    examples = [
        Example("hi there", "greet"),
        Example(" hi there ", "greet"),
        Example("two\nlines", "greet"),
        Example("- - dashes: # and more", "greet"),
        Example("off it goes", "off"),
        Example("bell \x07 \u2028 end", "greet"),
    ]
    text = fragment(examples, notes=["New: “off”", "two\nlines\x07"])
    assert not text.isascii(), "Rasa would undo backslashes"
    assert "# New: “off”\n" in text
    assert "\x07" not in text
    read = YAML(typ="safe").load(text)
    assert read == {
        "version": "3.1",
        "nlu": [
            {"intent": "greet", "examples": "- hi there\n- - - dashes: # and more\n"},
            {"intent": "greet", "examples": [{"text": "two\nlines"}, {"text": "bell \x07 \u2028 end"}]},
            {"intent": "off", "examples": "- off it goes\n"},
        ],
    }
    assert text.splitlines()[2] == 'version: "3.1"'


def test_what_no_file_can_hold_is_written_as_escapes() -> None:
    text = fragment([Example("a\x00b \ud800", "greet", (Entity(0, 1, "letter"),))])
    assert "- a\\u0000b \\ud800\n" in text
    text.encode()


def test_a_fragment_of_nothing_is_a_file_that_can_be_read() -> None:
    assert YAML(typ="safe").load(fragment([])) == {"version": "3.1", "nlu": []}
