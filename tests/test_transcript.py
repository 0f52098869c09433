"""The transcript: what a person reads of a conversation's events."""

import json
from dataclasses import dataclass
from datetime import UTC
from typing import Any
from zoneinfo import ZoneInfo

from conversations.identity import parse
from conversations.query import parse as parse_query
from conversations.reading import read
from conversations.transcript import (
    Action,
    BotMessage,
    Line,
    Slots,
    Source,
    Turn,
    Wanted,
    side,
    turns,
    wanted,
)

START = 1_800_000_000.0


@dataclass
class Row:
    """An event with the columns that the database would hold."""

    id: int
    timestamp: float
    rank: int
    hash: bytes
    type: str
    name: str
    predicted: str
    confidence: float | None
    environment: str
    is_export: bool
    is_future: bool
    reverted_at: float | None
    body: str


def row(event: dict[str, Any], number: int = 1, *, reverted_at: float | None = None) -> Row:
    event = {"timestamp": START + number, "sender_id": "someone", **event}
    body = json.dumps(event)
    columns = read(parse(body))
    return Row(
        id=number,
        timestamp=columns.timestamp,
        rank=columns.rank,
        hash=columns.hash,
        type=columns.type,
        name=columns.name,
        predicted=columns.predicted,
        confidence=columns.confidence,
        environment="production",
        is_export=False,
        is_future=False,
        reverted_at=reverted_at,
        body=body,
    )


def user(
    text: str | None = "hi", intent: str = "greet", confidence: float = 0.9, **more: Any
) -> dict[str, Any]:
    parse_data = {"intent": {"name": intent, "confidence": confidence}, "entities": [], **more}
    return {"event": "user", "text": text, "parse_data": parse_data, "input_channel": "rest"}


def bot(text: str | None = "Hello", **data: Any) -> dict[str, Any]:
    return {"event": "bot", "text": text, "data": data, "metadata": {"utter_action": "utter_hello"}}


def action(name: str | None, policy: str = "RulePolicy", **more: Any) -> dict[str, Any]:
    return {"event": "action", "name": name, "policy": policy, "confidence": 1.0, **more}


def rows(*events: dict[str, Any]) -> list[Source]:
    return [row(event, number) for number, event in enumerate(events, 1)]


def only(*events: dict[str, Any], **options: Any) -> Turn:
    (turn,) = turns(rows(*events), **options)
    return turn


def texts(message: Any) -> list[str]:
    return [segment.text for segment in message.segments]


def test_a_turn_is_the_message_and_all_that_followed() -> None:
    first, second = turns(
        rows(
            action("action_session_start"),
            {"event": "session_started"},
            action("action_listen"),
            user("hi"),
            {"event": "user_featurization", "use_text_for_featurization": False},
            action("utter_hello"),
            bot("Hello"),
            action("action_listen"),
            user("bye", "goodbye"),
        )
    )
    assert first.user is not None
    assert texts(first.user) == ["hi"]
    assert (first.user.guess.name, first.user.guess.confidence, first.user.guess.tone) == (
        "greet",
        0.9,
        "good",
    )
    assert [item.kind for item in first.items if not getattr(item, "is_technical", False)] == [
        "action",
        "bot",
    ]
    assert [item.kind for item in first.before] == ["line", "line", "line"]
    assert first.n_technical == 5
    assert first.first_key[0] == START + 1
    assert first.key[0] == START + 4
    assert second.user is not None
    assert second.user.guess.name == "goodbye"


def test_behind_a_fallback_the_real_intent_is_shown_and_the_turn_is_trouble() -> None:
    ranking = [{"name": "nlu_fallback", "confidence": 0.7}, {"name": "reset", "confidence": 0.31}]
    turn = only(user("locked out", "nlu_fallback", 0.7, intent_ranking=ranking))
    assert turn.user is not None
    assert turn.user.is_fallback
    assert turn.user.predicted == "nlu_fallback"
    assert (turn.user.guess.name, turn.user.guess.confidence) == ("reset", 0.31)
    assert turn.is_trouble


def test_a_sure_turn_is_no_trouble() -> None:
    assert not only(user()).is_trouble


def test_entities_stand_in_the_text_by_code_points() -> None:
    city = {"entity": "city", "start": 5, "end": 11, "value": "Berlin", "role": "to", "group": "1"}
    turn = only(user("😀 to Berlin!", entities=[city]))
    assert turn.user is not None
    assert texts(turn.user) == ["😀 to ", "Berlin", "!"]
    (mark,) = turn.user.segments[1].entities
    assert mark.label == "city:to#1"
    assert turn.user.loose == []


def test_overlapping_entities_share_the_runs_they_have_in_common() -> None:
    entities = [
        {"entity": "route", "start": 0, "end": 10, "value": "a"},
        {"entity": "city", "start": 4, "end": 16, "value": "b"},
    ]
    turn = only(user("from Berlin to Rome", entities=entities))
    assert turn.user is not None
    runs = [(s.text, [e.name for e in s.entities], [e.name for e in s.ends]) for s in turn.user.segments]
    assert runs == [
        ("from", ["route"], []),
        (" Berli", ["route", "city"], ["route"]),
        ("n to R", ["city"], ["city"]),
        ("ome", [], []),
    ]


def test_entities_whose_span_is_missing_or_wrong_are_listed_beside_the_text() -> None:
    entities: list[Any] = [
        {"entity": "a", "value": 1},
        {"entity": "b", "value": [1], "start": 3, "end": 99},
        {"entity": "c", "value": None, "start": 2, "end": 2},
        {"entity": "d", "value": "x", "start": "0", "end": True},
        "nonsense",
    ]
    turn = only(user("short", entities=entities))
    assert turn.user is not None
    assert texts(turn.user) == ["short"]
    assert [(e.name, e.value) for e in turn.user.loose] == [
        ("a", "1"),
        ("b", "[1]"),
        ("c", "null"),
        ("d", "x"),
    ]


def test_a_payload_shows_its_entities_beside_it_although_they_have_spans() -> None:
    entities = [{"entity": "city", "start": 7, "end": 24, "value": "Rome"}]
    turn = only(user('/inform{"city": "Rome"}', "inform", 1.0, entities=entities))
    assert turn.user is not None
    assert turn.user.is_payload
    assert [e.label for e in turn.user.loose] == ["city"]
    assert turn.user.guess.tone == ""


def test_what_the_query_asks_for_is_highlighted_whatever_its_case_and_accents() -> None:
    found = wanted(parse_query('"café au" hel*').query)
    turn = only(user("A CAFE AU lait"), bot("hello"), wanted=found)
    assert turn.user is not None
    assert [(s.text, s.is_hit) for s in turn.user.segments] == [
        ("A ", False),
        ("CAFE AU", True),
        (" lait", False),
    ]
    assert turn.is_hit
    (message,) = (item for item in turn.items if isinstance(item, BotMessage))
    assert message.is_hit


def test_events_that_satisfy_the_query_make_their_turn_a_hit_and_those_in_trouble_trouble() -> None:
    events = rows(user("a", "greet", 0.9), user("b", "refund", 0.9), action("action_pay"))
    paid = turns(events, wanted=Wanted(hits={events[2].id}, troubles={events[0].id}))
    assert [turn.is_hit for turn in paid] == [False, True]
    assert [turn.is_trouble for turn in paid] == [True, False]
    assert [item.is_hit for item in paid[1].items] == [True]
    assert not any(turn.is_hit or turn.is_trouble for turn in turns(events))
    assert not wanted(parse_query("nonsense:x greet").query)


def test_the_button_that_was_pressed_is_marked_and_named() -> None:
    first, second = turns(
        rows(
            user(),
            bot(
                "Sure?", buttons=[{"title": "Yes", "payload": "/affirm"}, {"title": "No", "payload": "/deny"}]
            ),
            user("/affirm", "affirm", 1.0),
        )
    )
    (message,) = first.items
    assert isinstance(message, BotMessage)
    assert [(b.title, b.is_picked) for b in message.buttons] == [("Yes", True), ("No", False)]
    assert second.user is not None
    assert second.user.picked == "Yes"


def test_an_image_that_rasa_repeats_as_attachment_is_shown_once() -> None:
    (message,) = only(bot(None, image="https://a.example/x.png", attachment="https://a.example/x.png")).items
    assert isinstance(message, BotMessage)
    assert [(m.kind, m.url, m.label) for m in message.media] == [
        ("image", "https://a.example/x.png", "x.png")
    ]


def test_only_web_addresses_become_links_or_images() -> None:
    (message,) = only(
        bot(
            "see javascript:alert(1) or https://a.example/b(c).",
            image="javascript:alert(1)",
            attachment="data:text/html,x",
        )
    ).items
    assert isinstance(message, BotMessage)
    assert [s.url for s in message.segments if s.url] == ["https://a.example/b(c)"]
    assert [m.url for m in message.media] == ["", ""]


def test_custom_payloads_and_elements_are_kept_as_json() -> None:
    (message,) = only(bot(None, custom={"a": "<b>"}, elements=[{"title": "x"}], unheard_of=1)).items
    assert isinstance(message, BotMessage)
    assert [p.says for p in message.payloads] == ["custom payload", "elements", "more data"]
    assert '"a": "<b>"' in message.payloads[0].text


def test_an_action_carries_its_policy_and_what_it_set_off() -> None:
    turn = only(
        user(),
        action("order_form"),
        {"event": "active_loop", "name": "order_form"},
        bot("Which city?"),
        action("action_default_fallback"),
        bot("Sorry"),
        {"event": "rewind"},
    )
    form, fallback = (item for item in turn.items if isinstance(item, Action))
    assert (form.name, form.policy, form.confidence) == ("order_form", "RulePolicy", 1.0)
    assert [note.says for note in form.notes] == ["form started"]
    assert [note.says for note in fallback.notes] == ["reverts the turn"]
    assert fallback.icon == "undo-2"


def test_an_end_to_end_action_shows_its_text() -> None:
    (item,) = only(action(None, action_text="Hello there")).items
    assert isinstance(item, Action)
    assert (item.name, item.is_text) == ("Hello there", True)


def test_slots_in_a_row_share_a_line_and_internal_ones_are_technical() -> None:
    turn = only(
        user(),
        {"event": "slot", "name": "city", "value": "Rome"},
        {"event": "slot", "name": "n", "value": None},
        {"event": "slot", "name": "requested_slot", "value": "city"},
    )
    slots, internal = turn.items
    assert isinstance(slots, Slots)
    assert [(slot.says, slot.value) for slot in slots.slots] == [("city", "Rome"), ("n", "null")]
    assert isinstance(internal, Line)
    assert internal.is_technical


def test_reverted_messages_stay_and_say_so() -> None:
    (turn,) = turns([row(user(), 1, reverted_at=START + 5), row(bot(), 2, reverted_at=START + 5)])
    assert turn.is_reverted
    assert turn.is_trouble
    assert turn.items[0].is_reverted


def test_days_are_those_of_the_reader() -> None:
    events = [row(user(), 1), row({**user("later"), "timestamp": START + 7200}, 2)]  # 08:00 and 10:00 UTC
    assert [t.new_day for t in turns(events, zone=UTC)] == [True, False]
    assert [t.new_day for t in turns(events, zone=ZoneInfo("Pacific/Marquesas"))] == [
        True,
        True,
    ]  # 22:30, 00:30
    assert [t.new_day for t in turns(events, zone=UTC, after=START - 60)] == [False, False]


def test_a_session_starts_a_turn_that_its_first_message_joins() -> None:
    events = rows(user("old"), action("action_session_start"), {"event": "session_started"}, user("new"))
    key = (events[1].timestamp, events[1].rank, events[1].hash)
    old, new = turns(events, sessions={key: 2})
    assert (old.session, new.session) == (None, 2)
    assert new.user is not None
    assert new.id == 4


def test_an_unknown_event_is_a_line_with_its_name_and_fields() -> None:
    (item,) = only({"event": "brand_new", "what": {"a": 1}, "metadata": {"model_id": "m"}}).items
    assert isinstance(item, Line)
    assert item.type == "brand_new"
    assert [(d.says, d.value) for d in item.details] == [("what", '{"a": 1}')]
    assert not item.is_technical


def test_commands_of_rasa_pro_read_as_phrases() -> None:
    commands = [
        {"command": "start flow", "flow": "pay"},
        {"command": "set slot", "name": "n", "value": 2},
        "odd",
    ]
    turn = only(user(commands=commands))
    assert turn.user is not None
    assert turn.user.commands == ["start flow pay", "set slot n = 2", "odd"]


def test_a_huge_message_is_cut_and_says_its_size() -> None:
    turn = only(user("word " * 100_000))
    assert turn.user is not None
    assert turn.user.is_cut
    assert sum(len(text) for text in texts(turn.user)) == 2000
    assert turn.user.size > 500_000


def test_nul_and_lone_surrogates_are_shown_as_escapes() -> None:
    turn = only(user("a\x00b\ud800"))
    assert turn.user is not None
    assert texts(turn.user) == ["a\\u0000b\\ud800"]


def test_the_side_ranks_intents_without_the_fallback_and_tells_what_followed() -> None:
    ranking = [
        {"name": "nlu_fallback", "confidence": 0.7},
        {"name": "reset", "confidence": 0.31},
        {"name": "unlock", "confidence": 0.28},
    ]
    events = rows(
        {
            **user("help", "nlu_fallback", 0.7, intent_ranking=ranking),
            "message_id": "m1",
            "metadata": {"model_id": "abc"},
        },
        {"event": "slot", "name": "city", "value": "Rome"},
        action("action_default_fallback"),
        bot("Sorry"),
        {"event": "rewind"},
    )
    (turn,) = turns(events)
    facts = side(turn, events)
    assert [(g.name, g.percent, g.tone) for g in facts.ranking] == [("reset", 31, "warn"), ("unlock", 28, "")]
    assert (facts.model, facts.environment, facts.channel, facts.message_id) == (
        "abc",
        "production",
        "rest",
        "m1",
    )
    assert facts.slots == ["city"]
    assert [(d.says, d.value) for d in facts.followed] == [
        ("answer", "utter_hello"),
        ("reverts the turn", ""),
    ]
    assert [raw.type for raw in facts.raw] == ["user", "slot", "action", "bot", "rewind"]


def test_the_side_shows_what_the_selector_of_the_messages_own_intent_weighed() -> None:
    def weighed(*keys: str) -> dict[str, Any]:
        return {"ranking": [{"intent_response_key": key, "confidence": 0.5} for key in keys]}

    selector = {
        "all_retrieval_intents": ["faq", "chat"],
        "faq": weighed("faq/a", "faq/b"),
        "chat": weighed("chat/x"),
    }
    for intent, shown in (("faq", ["faq/a", "faq/b"]), ("chat", ["chat/x"]), ("order", [])):
        events = rows(user("what", intent, response_selector=selector))
        assert [guess.name for guess in side(turns(events)[0], events).selected] == shown
