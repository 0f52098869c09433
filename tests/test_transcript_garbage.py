"""A transcript takes whatever JSON a bot, a channel or a stranger put into an event."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conversations.query import parse as parse_query
from conversations.transcript import Line, Source, side, turns, wanted
from conversations.transcript.lines import KINDS
from tests.test_transcript import Row, row

_NAMES = [
    "text", "data", "metadata", "parse_data", "intent", "entities", "intent_ranking", "name", "confidence", "buttons",
    "quick_replies", "image", "attachment", "custom", "elements", "title", "payload", "value", "entity", "start", "end",
    "role", "group", "commands", "policy", "action_text", "response_selector", "default", "ranking", "type", "url",
    "input_channel", "message_id", "is_external", "flows_from_semantic_search", "flow_id", "utter_action", "src",
]  # fmt: skip
_TYPES = [*KINDS, "user", "bot", "agent", "action", "slot", "unheard_of"]
_TEXT = st.text(st.characters(exclude_categories=()), max_size=20)
_LEAF = (
    st.none() | st.booleans() | st.integers() | st.floats() | _TEXT
    | st.sampled_from(["/inform{}", "EXTERNAL: x", "https://a.example/b", "mailto:a@b", "javascript:x", "😀 hello"])
)  # fmt: skip
_JSON = st.recursive(
    _LEAF,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(_NAMES) | _TEXT, inner, max_size=5)
    ),
    max_leaves=8,
)
_EVENT = st.builds(
    lambda kind, fields: {**fields, "event": kind},
    st.sampled_from(_TYPES),
    st.dictionaries(st.sampled_from(_NAMES), _JSON, max_size=6),
)
_FOUND = wanted(parse_query('hello b* intent:greet,"x" action:x is:fallback').query)


_unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@_unhurried
@given(st.lists(_EVENT, max_size=6))
def test_no_event_body_stops_a_transcript(events: list[dict[str, Any]]) -> None:
    rows: list[Source] = [row(event, number) for number, event in enumerate(events, 1)]
    found = turns(rows, wanted=_FOUND)
    _is_complete(rows, found)
    for turn in found:
        assert side(turn, rows).turn is turn


@_unhurried
@given(st.lists(_JSON, min_size=1, max_size=4), st.sampled_from(_TYPES))
def test_not_even_a_body_that_is_no_event(bodies: list[Any], event_type: str) -> None:
    rows: list[Source] = [
        Row(n, 1.8e9 + n, 3, bytes([n]), event_type, "", "", None, "", False, False, None, json.dumps(body))
        for n, body in enumerate(bodies, 1)
    ]
    _is_complete(rows, turns(rows, wanted=_FOUND))


@pytest.mark.parametrize("body", ["", "{", "[" * 5000, '{"text": ' + "9" * 5000 + "}", "null", '"x"', "NaN"])
def test_nor_text_that_is_no_json(body: str) -> None:
    rows: list[Source] = [
        Row(1, 1.8e9, 3, b"", kind, "", "", None, "", False, False, None, body) for kind in _TYPES
    ]
    _is_complete(rows, turns(rows))
    assert side(turns(rows)[0], rows).raw[0].size == len(body)


def _is_complete(rows: list[Source], found: list[Any]) -> None:
    """Every event is drawn somewhere, and what is drawn can be written to a page."""
    drawn = set()
    for turn in found:
        for item in [turn.user, *turn.before, *turn.items]:
            if item is not None:
                drawn.add(item.id)
                drawn.update(note.id for note in getattr(item, "notes", []))
                for text in _texts(item):
                    text.encode("utf-8")
                    assert "\x00" not in text
    missing = [r for r in rows if r.id not in drawn and r.type != "slot"]
    assert missing == []


def _texts(item: Any) -> list[str]:
    texts = [segment.text for segment in getattr(item, "segments", [])]
    for detail in [*getattr(item, "details", []), *getattr(item, "slots", [])]:
        texts += [detail.says, detail.value]
    for payload in getattr(item, "payloads", []):
        texts.append(payload.text)
    for choice in getattr(item, "buttons", []):
        texts += [choice.title]
    return texts


def test_every_type_in_the_table_reads_as_a_sentence_of_its_own() -> None:
    for kind in set(KINDS) - {"slot"}:
        (turn,) = turns([row({"event": kind, "name": "x", "flow_id": "f", "agent_id": "a"})])
        (item,) = turn.items
        assert isinstance(item, Line), kind
        assert item.says, kind


def test_all_57_types_of_rasa_pro_are_told() -> None:
    folder = os.environ.get("ENTERPRISE_SAMPLES")
    if not folder:
        pytest.skip("ENTERPRISE_SAMPLES does not name the folder with recorded events")
    text = (Path(folder) / "rasa-pro-3.21-event-types.jsonl").read_text()
    events = [json.loads(json.loads(line)["body"]) for line in text.splitlines()]
    assert len({event["event"] for event in events}) == 57
    rows: list[Source] = [row(event, number) for number, event in enumerate(events, 1)]
    _is_complete(rows, turns(rows))
    for event in events:
        if event["event"] in ("user", "bot", "agent", "action", "slot"):
            continue
        (turn,) = turns([row(event)])
        (line,) = turn.items
        assert isinstance(line, Line)
        assert line.says, event["event"]
