"""Whatever a bot, a user or a stranger sends is shown as text: never as markup, never as an error, never as another answer.

Every text that Rasa can send is made hostile, in every type of event, and every page and API that shows it is read. The
pages of a harmless twin say which elements and attributes there may be.
"""

import json
import re
import time
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from django.test import Client
from django.urls import reverse

from conversations import tagging
from conversations.envelope import Envelope
from conversations.identity import shown
from conversations.models import Conversation, Event, Session, Tag
from conversations.store import store
from conversations.summary import value_key
from conversations.transcript.lines import KINDS
from conversations.views.window import write_key
from enterprise.models import User
from enterprise.pages.rejected import readable
from events.decode import decode
from events.models import RejectedMessage, Source

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

# Each carries the letters "xss", so that nothing of a page but text may hold them.
HOSTILE: dict[str, str] = {
    "script": "<script>xss()</script>",
    "breaks out of attributes": "\"><img src=x onerror=xss()>' onmouseover='xss()' xss=\"1\" `xss`",
    "breaks out of elements": "</title></textarea></script></style></pre></bdi></template>--><xss-el xss-at=1><svg onload=xss()>",
    "comments": "<!-- xss --><!--><xss-el>--><![CDATA[<xss-el>]]><?xss ?>",
    "script address": "javascript:xss()",
    "hidden script address": " \tjAvA\nScRiPt:xss()//https://xss.example/",
    "data address": "data:text/html,<script>xss()</script>",
    "address that breaks out": 'https://xss.example/"onmouseover="xss()',
    "mail address that breaks out": "mailto:xss@example.org?subject=<script>xss()</script>",
    "bidi override": "xss \u202e\u2066gnitirw\u2067\u202d\u061c",
    "zero width": "xss x\u200bs\u200ds\u2060\ufeff\u00ad",
    "NUL and controls": "xss\x00\x01\x07\x08\x0b\x0c\x1b[31m\x7f\x85\u2028\u2029",
    "lone surrogates": "xss\udfff\ud800x\udc00",
    "header lines": "xss\r\nSet-Cookie: xss=1\r\n\r\n<xss-el>",
    "template syntax": "{{ xss }}{% xss %}{# xss #}{{settings.SECRET_KEY}}${xss}#{xss}",
    "format syntax": "%s %d %(xss)s {0} {xss} %n %%xss",
    "entities": "&lt;xss-el&gt; &#60;xss-el&#62; &amp;lt;xss-el> &xss; &#x0;",
    "combining": "xss" + "\u0336\u0489" * 40,
    "astral": "😀xss\U0010ffff👩‍👩‍👧",
}
HARMLESS = "plain words xss"

FIELDS = sorted(
    {name for kind in KINDS.values() for name in (kind.subject, *(field for field, _ in kind.details)) if name}
    | {"text", "name", "value", "flow_id", "step_id", "agent_id", "block_id", "skill_id", "tool_call_id", "policy"}
    | {"action_text", "intent", "input_channel", "key", "path", "topic", "message", "metadata", "parse_data", "data"}
)  # fmt: skip
MESSAGES = {"user", "bot", "agent", "action", "slot"}


def users(text: str) -> Iterator[dict[str, Any]]:
    """User messages with `text` wherever Rasa 3.6 or Pro says something of them."""
    intent = {"name": text, "confidence": 0.4, "full_retrieval_intent_name": text}
    entity = {
        "entity": text,
        "value": text,
        "role": text,
        "group": text,
        "extractor": text,
        "start": 0,
        "end": 3,
    }
    data = {
        "text": text,
        "intent": intent,
        "entities": [
            entity,
            {**entity, "start": 1, "end": 4, "value": {text: text}},
            {**entity, "start": None},
        ],
        "intent_ranking": [intent, {"name": text + "2", "confidence": 0.3}],
        "response_selector": {
            text: {"ranking": [{"intent_response_key": f"{text}/{text}", "confidence": 0.9}]}
        },
        "commands": [
            {"command": text, "flow": text, "name": text, "value": text},
            {"command": {text: text}},
            text,
        ],
        "flows_from_semantic_search": [[text, 0.5]],
        text: text,
    }
    common = {"event": "user", "input_channel": text, "message_id": text, "parse_data": data}
    metadata = {"model_id": text, "assistant_id": text, text: text}
    yield {**common, "text": text, "metadata": metadata}
    yield {**common, "text": f"/{text}"}
    yield {**common, "text": f"EXTERNAL: {text}", "metadata": {**metadata, "is_external": True}}
    fallback = [{"name": "nlu_fallback", "confidence": 0.7}, {"name": text, "confidence": 0.2}]
    yield {**common, "text": text, "parse_data": {**data, "intent": fallback[0], "intent_ranking": fallback}}
    yield {**common, "text": {text: text}, "parse_data": text, "metadata": text, "input_channel": [text]}
    yield {**common, "text": text, "parse_data": {"intent": text, "entities": {text: text}}}


def bots(text: str) -> Iterator[dict[str, Any]]:
    """Answers with `text` in all that a channel would draw."""
    button = {"title": text, "payload": text, "url": text, "type": text, text: text}
    data = {
        "buttons": [button, text, {"payload": {text: text}}, {"title": text, "payload": "/picked"}],
        "quick_replies": [button],
        "image": text,
        "attachment": {"type": text, "payload": {"src": text, "url": text, "title": text}},
        "elements": [{"title": text, "image_url": text, "buttons": [button]}],
        "custom": {text: [text, {text: text}], "html": text},
        text: text,
    }
    metadata = {"utter_action": text, "model_id": text}
    yield {"event": "bot", "text": text, "data": data, "metadata": metadata}
    yield {"event": "bot", "text": None, "data": {"image": text, "attachment": text + "?"}}
    yield {
        "event": "bot",
        "text": f"see https://ok.example/{text} and mailto:a@b.example?{text} {text}",
        "data": text,
    }
    yield {
        "event": "agent",
        "text": text,
        "data": {"attachment": {"type": "image", "payload": {"src": text}}},
    }
    yield {"event": "user", "text": "/picked", "parse_data": {}}  # shows the title of the button


def acts(text: str) -> Iterator[dict[str, Any]]:
    """Actions, slots and loops."""
    yield {"event": "action", "name": text, "policy": text, "confidence": 0.5}
    yield {"event": "active_loop", "name": text}
    yield {"event": "rewind"}
    yield {"event": "action", "name": None, "action_text": text, "policy": text, "confidence": text}
    yield {"event": "action", "name": {text: text}, "policy": [text]}
    yield {"event": "slot", "name": text, "value": text}
    yield {"event": "slot", "name": "requested_slot", "value": text}
    yield {"event": "slot", "name": "nested", "value": {text: [text]}}
    yield {"event": text, **dict.fromkeys(FIELDS, text), text: text}
    yield {"event": text, "name": {text: text}}


def others(text: str) -> Iterator[dict[str, Any]]:
    """Every further type that Rasa and Rasa Pro have, with `text` in every field."""
    for kind in sorted(KINDS.keys() - MESSAGES):
        yield {"event": kind, **dict.fromkeys(FIELDS, text)}


def nested(text: str) -> Iterator[dict[str, Any]]:
    """The same with objects and lists where texts are expected."""
    for kind in sorted(KINDS.keys() - MESSAGES):
        yield {"event": kind, **{name: {text: [text]} for name in FIELDS}}


KINDS_OF_TALK = {"users": users, "bots": bots, "acts": acts, "others": others, "nested": nested}


def envelopes(sender: str, events: Iterator[dict[str, Any]], text: str, at: float) -> list[Envelope]:
    """As the transport would hand them over."""
    found = []
    for number, event in enumerate(events):
        body = json.dumps({"sender_id": sender, "timestamp": at + number / 8, **event}).encode()
        decoded = decode(body, environment=text)
        assert isinstance(decoded, Envelope), (decoded, event["event"])
        found.append(decoded)
    return found


def publish(text: str, at: float = 1_795_000_000.0) -> None:
    """A conversation for each kind of event, what lies around them, and a rejected message."""
    from conversations.store import _known

    _known.clear()
    for number, (name, make) in enumerate(KINDS_OF_TALK.items()):
        stored = store(envelopes(f"{name} {text}", make(text), shown(text), at + 100 * number))
        assert (stored.refused, stored.duplicates) == ([], 0)
    tagging.put_on("default", f"users {text}", tagging.read([{"value": text}]))
    raw = text.encode("utf-8", "surrogatepass")
    source = Source.objects.create(
        key="k", kind="rabbitmq", label=shown(text), problem=shown(text), created_at=at, n_rejected=1, connected=True,
        heartbeat_at=time.time(), state="stopped", reason=shown(text),
        facts={"server": shown(text), "exchange": shown(text), "queue_warning": shown(text), "exchange_made_by_us": True},
    )  # fmt: skip
    RejectedMessage.objects.create(
        source=source, body_hash=b"1" * 16, body=raw, size=len(raw), reason=shown(text), count=2,
        properties={"environment": shown(text)}, first_at=at, last_at=at + 1,
    )  # fmt: skip


class Page(HTMLParser):
    """The kinds of elements with their attributes, the attributes that do something, and the text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.kinds: set[tuple[str, str]] = set()
        self.attributes: list[tuple[str, str, str]] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.kinds |= {(tag, ""), *((tag, name) for name, _ in attrs)}
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data[:100]}")

    def handle_pi(self, data: str) -> None:
        raise AssertionError(f"an instruction: {data[:100]}")

    def unknown_decl(self, data: str) -> None:
        raise AssertionError(f"a declaration: {data[:100]}")


_SHOWN_IN = {"title", "aria-label", "alt", "value", "content", "placeholder"}  # attributes that are text
_ADDRESSES = {"href", "action", "data-href", "data-url", "data-poll", "data-more", "hx-get", "src"}


def check(page: Page, where: str) -> None:
    """Nothing of the page but text and addresses stems from the data, and no address runs anything."""
    for tag, name, value in page.attributes:
        assert not name.startswith("on"), (where, tag, name)
        assert name not in ("style", "srcdoc", "formaction"), (where, tag, name)
        if name in _ADDRESSES:
            scheme = urlsplit(value).scheme
            outside = tag == "a" and name == "href" and scheme in ("http", "https", "mailto")
            assert not scheme or outside, (where, tag, name, value)
            assert not value.startswith("//"), (where, value)
            assert not re.search(r"[\x00-\x20\x7f\ud800-\udfff]", value), (where, tag, name, value)
        elif name not in _SHOWN_IN:
            assert "xss" not in value, (where, tag, name, value)


def pages(client: Client) -> Iterator[tuple[str, str]]:
    """(name, HTML) of everything that shows what was stored."""

    def read(name: str, url: str, expected: int = 200, **headers: str) -> tuple[str, str]:
        answer = client.get(url, headers=headers)
        assert answer.status_code == expected, (name, url, answer.status_code)
        assert not [value for value in answer.headers.values() if "\n" in value or "\r" in value]
        assert "xss" not in answer.cookies
        return name, answer.content.decode("utf-8")

    part = {"HX-Request": "true"}
    yield read("list", "/sessions/")
    yield read("list of words", "/sessions/?q=xss")
    yield read("list poll", "/sessions/poll/?rows=1.0")
    for name in ("status", "connect", "rejected-list", "people", "profile"):
        yield read(name, reverse(name))
    for session in Session.objects.order_by("start_at"):
        base = f"/sessions/{session.pk}/"
        events = list(Event.objects.of_session(session).in_order())
        yield read("session", f"{base}?technical=1")
        yield read("session of words", f"{base}?q=xss")
        yield read("strip", f"{base}strip/?q=xss")
        after = write_key((session.start_at - 1, 0, b""))
        yield read("poll", f"{base}poll/?revision=-1&first={quote(after)}")
        yield read("events", f"{base}events/?after={quote(after)}")
        yield read("events part", f"{base}events/", **part)
        for event in events if len(events) < 20 else events[::9]:
            yield read("side", f"{base}turns/{event.pk}/", **part, **{"HX-Target": "side"})
            yield read("event", f"{base}events/{event.pk}/")
        yield read("turn", f"{base}turns/{events[-1].pk}/?technical=1")


@pytest.fixture
def client_of_ana(ana: User) -> Client:
    User.objects.filter(pk=ana.pk).update(first_name=HOSTILE["script"])
    client = Client()
    client.force_login(ana)
    return client


_allowed: set[tuple[str, str]] = set()


@pytest.fixture
def allowed(client_of_ana: Client) -> set[tuple[str, str]]:
    """Elements, and attributes by element, of the same pages about harmless words that make use of everything."""
    if not _allowed:
        publish(HARMLESS)
        rich: list[dict[str, Any]] = [
            {"event": "bot", "text": "see https://ok.example/", "data": {
                "image": "https://ok.example/a.png", "attachment": "https://ok.example/b.pdf",
                "buttons": [{"title": str(n)} for n in range(40)], "custom": {"a": "b" * 9000}}},
            {"event": "bot", "text": "x" * 3000},
            {"event": "user", "text": "y" * 3000, "parse_data": {}},
        ]  # fmt: skip
        store(envelopes(f"bots {HARMLESS}", iter(rich), "", 1_795_000_150.0))
        for _name, html in pages(client_of_ana):
            _allowed.update(Page(html).kinds)
        for model in (Conversation, Tag, RejectedMessage, Source):
            model._default_manager.all().delete()
    return _allowed


def test_the_kinds_of_events_that_are_made_hostile_are_all_that_rasa_has() -> None:
    told = {event["event"] for make in KINDS_OF_TALK.values() for event in make("x")}
    assert told >= KINDS.keys() | MESSAGES
    assert len(told - {"x"}) >= 57


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_pages_show_it_as_text_and_never_as_markup(
    client_of_ana: Client, allowed: set[tuple[str, str]], text: str
) -> None:
    publish(text)
    for name, html in pages(client_of_ana):
        page = Page(html)
        assert page.kinds <= allowed, (name, page.kinds - allowed)
        check(page, name)
        if name in ("session", "status", "rejected-list"):
            seen = readable(text.encode("utf-8", "surrogatepass")) if name == "rejected-list" else shown(text)
            assert seen in page.text, name


def test_every_event_of_a_hostile_conversation_has_its_line(client_of_ana: Client) -> None:
    text = HOSTILE["script"]
    publish(text)
    session = Session.objects.get(conversation__sender_id=f"others {text}")
    html = client_of_ana.get(f"/sessions/{session.pk}/?technical=1").content.decode()
    for kind in KINDS.keys() - MESSAGES - {"active_loop", "form", "rewind", "undo", "restart"}:
        assert f"<code>{kind}</code>" in html, kind


# --- the API ---------------------------------------------------------------------------------------------------------


def strict(content: bytes) -> Any:
    """The value of JSON that every parser in the world reads: UTF-8, no NaN, no name twice, no lone surrogate."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len(dict(pairs)) == len(pairs), [name for name, _ in pairs]
        return dict(pairs)

    def never(constant: str) -> None:
        raise AssertionError(constant)

    return json.loads(content.decode("utf-8"), object_pairs_hook=once, parse_constant=never)


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_the_api_answers_strict_json_that_says_it_to_the_letter(client_of_ana: Client, text: str) -> None:
    publish(text)

    def read(url: str) -> Any:
        answer = client_of_ana.get(url)
        assert (answer.status_code, answer["Content-Type"]) == (200, "application/json"), (
            url,
            answer.content,
        )
        assert answer["X-Content-Type-Options"] == "nosniff"
        return strict(answer.content)

    for name in (
        "conversationIntents", "conversationActions", "conversationEntities", "conversationPolicies",
        "conversations/slotNames", "conversations/inputChannels",
    ):  # fmt: skip
        assert value_key(shown(text)) in read(f"/api/{name}"), name
    assert [tag["value"] for tag in read("/api/conversations/tags")] == [shown(text.strip())]
    assert len(read("/api/conversations")) == len(KINDS_OF_TALK)
    assert len(read("/api/conversations?q=xss")) <= len(KINDS_OF_TALK)
    rows = {row["sender_id"]: row["id"] for row in read("/api/sessions")}
    for name, make in KINDS_OF_TALK.items():
        sent = list(make(text))
        sender = shown(f"{name} {text}")
        read(f"/api/sessions/{rows[sender]}")
        by_session = read(f"/api/sessions/{rows[sender]}/events")
        by_sender = read(f"/api/conversations/{quote(sender, safe='')}")
        assert by_sender["sender_id"] == sender
        for events in (by_session, by_sender["events"]):
            for event in events:
                del event["timestamp"], event["is_flagged"], event["sender_id"]
            assert events == sent


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_the_query_language_finds_it_by_name(client_of_ana: Client, text: str) -> None:
    publish(text)
    name = json.dumps(shown(text), ensure_ascii=False)
    if any(char in text for char in '"\\\x00'):
        name = name.replace("\\\\", "\\")  # checked in the parser's own tests; here only that nothing breaks
    for field in ("intent", "action", "channel", "environment", "text", "bot"):
        answer = client_of_ana.get("/sessions/", {"q": f"{field}:{name}"})
        assert answer.status_code == 200
        check(Page(answer.content.decode()), field)
