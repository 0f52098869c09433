"""Whatever a bot, a user or a stranger sends is shown as text: never as markup, never as an error, never as another answer.

Every text that Rasa can send is made hostile, in every type of event, and every page and API that shows it is read. The
pages of a harmless twin say which elements and attributes there may be.
"""

import base64
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
from conversations.query import parse as parse_query
from conversations.store import store
from conversations.summary import value_key
from conversations.transcript.lines import KINDS
from conversations.views.facets import NAMES
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


# Attributes that are text, for people or for scripts that take it as text.
_SHOWN_IN = {
    "title", "aria-label", "alt", "value", "content", "placeholder", "data-q", "data-text", "data-entities", "data-intent",
}  # fmt: skip
_ADDRESSES = {
    "href", "action", "data-href", "data-url", "data-poll", "data-more", "data-for-me", "data-not-mine", "hx-get", "hx-post", "src",
}  # fmt: skip


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
        elif name not in _SHOWN_IN and name != "hx-headers":  # a random token, which may hold any letters
            assert "xss" not in value, (where, tag, name, value)


def pages(client: Client) -> Iterator[tuple[str, str]]:
    """(name, HTML) of everything that shows what was stored."""

    def read(name: str, url: str, **headers: str) -> tuple[str, str]:
        answer = client.get(url, headers=headers)
        assert answer.status_code == 200, (name, url, answer.status_code)
        assert not [value for value in answer.headers.values() if "\n" in value or "\r" in value]
        assert "xss" not in answer.cookies
        return name, answer.content.decode("utf-8")

    part = {"HX-Request": "true"}
    yield read("list", "/sessions/")
    yield read("list of words", "/sessions/?q=xss")
    yield read("list poll", "/sessions/poll/?rows=1.0")
    yield read("drawer", "/sessions/facets/?q=xss&open=intent", **part)
    yield read("whole drawer", f"/sessions/facets/?open={','.join(NAMES)}", **part)
    for field in ("intent", "action", "slot", "entity", "channel"):
        yield read("offers", f"/sessions/complete/?text={field}:")
    yield read("views", "/views/?q=xss")
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
    assert [tag["value"] for tag in read("/api/conversations/tags")] == [" ".join(shown(text).split())]
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


# --- one megabyte ----------------------------------------------------------------------------------------------------


def test_a_megabyte_in_every_place_makes_a_page_that_can_be_read(client_of_ana: Client) -> None:
    text = "<b>xss " + "x" * 1_000_000
    places: dict[str, Any] = {
        "user": {
            "text": text,
            "input_channel": text,
            "parse_data": {"intent": {"name": text, "confidence": 0.9}},
        },
        "bot": {
            "text": text,
            "data": {"buttons": [{"title": text, "payload": text}], "custom": text, "image": text},
        },
        "action": {"name": text, "policy": text},
        "slot": {"name": text, "value": text},
        text: {text: text},
    }
    events: list[dict[str, Any]] = [{"event": name, **fields} for name, fields in places.items()]
    assert store(envelopes("large", iter(events), "", 1_795_000_000.0)).refused == []
    session = Session.objects.get()
    base = f"/sessions/{session.pk}/"
    for url in (f"{base}strip/", "/sessions/", "/sessions/?q=xss", f"{base}?technical=1", f"{base}events/"):
        answer = client_of_ana.get(url)
        assert (answer.status_code, len(answer.content) < 400_000) == (200, True), (url, len(answer.content))
        check(Page(answer.content.decode()), url)
    for event in Event.objects.all():
        answer = client_of_ana.get(f"{base}turns/{event.pk}/", headers={"HX-Target": "side"})
        assert (answer.status_code, len(answer.content) < 400_000) == (200, True), len(answer.content)
        assert client_of_ana.get(f"{base}events/{event.pk}/").status_code == 200
        raw = client_of_ana.get(f"{base}events/{event.pk}/?raw")
        assert json.loads(raw.content) == json.loads(event.body)
    assert len(strict(client_of_ana.get(f"/api/sessions/{session.pk}/events").content)) == len(events)
    assert len(client_of_ana.get("/api/conversationIntents").content) < 1000


# --- requests --------------------------------------------------------------------------------------------------------

LONG_NUMBER = "9" * 5000
NUMBERS = (
    "0",
    "-1",
    str(2**31),
    str(2**63 - 1),
    str(2**63),
    str(2**64),
    "9" * 30,
    LONG_NUMBER,
    "1e5",
    "٣",
    "1%00",
    "NaN",
)
TEXTS = (
    "%00", "a%00b", "%ED%A0%80", "%FF%FE", "%C0%AF", "%E2%80%AE", "%0D%0ASet-Cookie:x=1", "x" * 10_000, "%25%32%65",
    "..%2F..%2Fetc", "{{7*7}}", "<script>xss()</script>", "'%20OR%201=1--", "%F0%9F%98%80", "null", "[]", "%5B%5D",
)  # fmt: skip
BOMBS = (
    "(" * 9_000,
    "-" * 9_000,
    '"' * 9_001,
    "a OR " * 1_900,
    "(a " * 2_000,
    "a,b" * 3_000,
    "intent:" * 1_200,
    "\\" * 9_000,
)
NEVER_TRUE = (
    *BOMBS, "x" * 10_001, "intent:", "intent:greet<x", "intent:greet<", "turns:x", "turns:>nan", "turns:1e999x", "date:never",
    "date:2026-13-45", "date:99999999999999", "sort:nothing", "colour:red", "is:everything", '"open', "(open", "closed)",
    "turns:5..2..1", "\ud7ff\x00", "intent:a\x00b",
)  # fmt: skip


@pytest.fixture
def stored(client_of_ana: Client) -> Session:
    """Something that a widened result would show."""
    publish(HARMLESS)
    session: Session = Session.objects.get(conversation__sender_id=f"users {HARMLESS}")
    return session


def lead(client: Client, url: str, **options: Any) -> Any:
    """The answer, which is no error of ours and says in JSON under /api what was wrong."""
    client.raise_request_exception = False
    answer: Any = client.generic(options.pop("method", "GET"), url, **options)
    assert answer.status_code < 500, (answer.status_code, url[:200])
    if url.startswith("/api/") and answer.status_code >= 400:
        body = strict(answer.content)
        assert (body["status"], body["code"], bool(body["message"])) == (
            "failure",
            answer.status_code,
            True,
        ), url[:200]
    return answer


@pytest.mark.parametrize("query", NEVER_TRUE, ids=lambda query: f"{len(query)} {query[:12]!r}")
def test_a_query_that_cannot_be_read_finds_nothing_and_is_explained(
    client_of_ana: Client, stored: Session, query: str
) -> None:
    answer = lead(client_of_ana, f"/sessions/?q={quote(query)}")
    page = answer.content.decode()
    assert list(answer.context["page"].rows) == []
    if not parse_query(answer.context["ask"].text).ok:
        assert 'class="mistake' in page
    check(Page(page), "list")
    for url in ("/api/sessions", "/api/conversations"):
        refused = lead(client_of_ana, f"{url}?q={quote(query)}")
        assert refused.status_code == 400 or strict(refused.content) == [], url
    for url in (f"/sessions/{stored.pk}/", f"/sessions/{stored.pk}/strip/", "/sessions/poll/"):
        assert lead(client_of_ana, f"{url}?q={quote(query)}").status_code in (200, 204)


@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: f"{len(number)} {number[:8]}")
def test_no_number_in_an_address_is_an_error_of_ours(
    client_of_ana: Client, stored: Session, number: str
) -> None:
    ours = f"/sessions/{stored.pk}"
    for path in (
        "/sessions/{}/", "/sessions/{}/strip/", "/sessions/{}/poll/", "/sessions/{}/events/", "/sessions/{}/turns/1/",
        ours + "/turns/{}/", ours + "/events/{}/", "/status/rejected/{}/body/", "/api/sessions/{}", "/api/sessions/{}/events",
    ):  # fmt: skip
        assert lead(client_of_ana, path.format(number)).status_code == 404, path
    for path in (
        "/people/{}/link/", "/people/{}/role/", "/people/{}/disable/", "/people/{}/enable/", "/status/rejected/{}/replay/",
        "/status/sources/{}/resume/",
    ):  # fmt: skip
        assert lead(client_of_ana, path.format(number), method="POST").status_code == 404, path
    for path in ("/api/conversations/tags/{}", "/api/conversations/a/tags/{}"):
        assert lead(client_of_ana, path.format(number), method="DELETE").status_code in (404, 405), path
    n_sessions = Session.objects.count()
    for name in ("limit", "offset", "cursor"):
        answer = lead(client_of_ana, f"/api/sessions?{name}={number}")
        assert answer.status_code in (200, 400)
        assert answer.status_code == 400 or len(strict(answer.content)) <= n_sessions
    for query in (
        "/status/rejected/?source={}", "/status/rejected/?after={}~{}", "/sessions/poll/?rows={}.{}", "/sessions/?cursor={}",
        "/connect/?opened={}", ours + "/poll/?seen={}&revision={}&first={}~1~00", ours + "/events/?after={}~{}~{}",
    ):  # fmt: skip
        lead(client_of_ana, query.replace("{}", number))
    answer = client_of_ana.post("/status/rejected/replay/", {"source": number.replace("%00", "\x00")})
    assert answer.status_code == 302


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: f"{len(text)} {text[:12]}")
def test_no_text_in_an_address_is_an_error_of_ours(client_of_ana: Client, stored: Session, text: str) -> None:
    for path in ("/conversations/{}", "/conversations/{}/1795000000.5", "/enter/{}/", "/api/conversations/{}", "/api/{}", "/{}",
                 "/api/conversations/{}/tags", "/static/{}", "/sessions/{}/"):  # fmt: skip
        answer = lead(client_of_ana, path.format(text))
        assert answer.status_code in (302, 404, 410), path
        assert "\n" not in answer.headers.get("Location", "")
    for query in ("assistant", "project"):
        for path in ("/sessions/", "/sessions/poll/", "/api/sessions", "/api/conversations", "/api/conversationIntents",
                     "/api/conversations/tags", f"/conversations/{quote('users ' + HARMLESS)}"):  # fmt: skip
            answer = lead(client_of_ana, f"{path}?{query}={text}")
            known = path.startswith("/api/") == (query == "project") or "conversations/users" in path
            if known and text != "%00" and not (query == "assistant" and "conversations/users" in path):
                assert answer.status_code == 404, (path, query)
    for name in ("environment", "intent", "entity", "action", "policies", "text", "input_channels"):
        for path in ("/api/sessions", "/api/conversations"):
            answer = lead(client_of_ana, f"{path}?{name}={text}")
            assert answer.status_code == 400 or strict(answer.content) == [], (path, name)
    for name in (
        "since",
        "until",
        "start",
        "minimumUserMessages",
        "minimumNluConfidence",
        "tags_any",
        "limit",
        "offset",
    ):
        for path in ("/api/sessions", "/api/conversations"):
            if name in ("since", "tags_any") and path == "/api/sessions":
                continue  # not of this list
            answer = lead(client_of_ana, f"{path}?{name}={text}")
            assert answer.status_code == 400 or name == "since", (path, name)
    one = f"/api/conversations/{quote('users ' + HARMLESS)}"
    for name in ("since", "until"):
        assert lead(client_of_ana, f"{one}?{name}={text}").status_code == 400
    answer = lead(client_of_ana, f"{one}?environment={text}")
    assert answer.status_code == 400 or strict(answer.content)["events"] == []
    for query in ("/status/rejected/?after={}", "/connect/?via={}", "/sign-in/?next={}", "/sessions/?technical={}",
                  "/sessions/?cursor={}", f"/sessions/{stored.pk}/events/?before={{}}"):  # fmt: skip
        check(Page(lead(client_of_ana, query.format(text)).content.decode()), query)


@pytest.mark.parametrize(
    "at",
    ["nan", "inf", "-inf", "1e400", "-1", "0", "1_795_000_000.0", LONG_NUMBER, "１７９５", "1e11", "0x10"],
)
def test_a_time_that_no_clock_shows_leads_to_the_conversation(
    client_of_ana: Client, stored: Session, at: str
) -> None:
    sender = quote(f"users {HARMLESS}")
    assert lead(client_of_ana, f"/conversations/{sender}/{quote(at)}").status_code in (302, 404)
    answer = lead(client_of_ana, f"/api/conversations/{sender}?since={quote(at)}")
    assert answer.status_code in (200, 400)
    for name in ("before", "after"):
        assert lead(client_of_ana, f"/sessions/{stored.pk}/events/?{name}={quote(at)}~1~00").status_code in (
            200,
            400,
        )
    lead(client_of_ana, f"/sessions/{stored.pk}/poll/?first={quote(at)}~0~&last={quote(at)}~99~ff")


def cursor(*words: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(words).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "text",
    [
        "x", "====", "%00", "AAAA", "é", cursor(), cursor("newest", 0, 1e308, 2**70, 0), cursor("newest", 0, float("nan"), 1, 0),
        cursor("newest", 99, 1, 1, 0), cursor("newest", 0, 10**400, 1, 0), cursor("oldest", 0, 1, 1, 0), cursor([[[[]]]] * 50),
        base64.urlsafe_b64encode(b"[" * 90_000).decode(), cursor("newest", -1, 1, 1, 0), cursor("newest", True, 1, 1, 0),
    ],
    ids=lambda text: text[:20],
)  # fmt: skip
def test_what_is_no_cursor_is_refused_in_words(client_of_ana: Client, stored: Session, text: str) -> None:
    answer = lead(client_of_ana, f"/sessions/?cursor={quote(text, safe='%')}")
    assert answer.status_code == 400
    assert len(answer.content.decode().split()) > 4, answer.content
    assert lead(client_of_ana, f"/api/sessions?cursor={quote(text, safe='%')}").status_code == 400


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[", b"\xff\xfe", b"null", b"[" * 100_000, b'{"a":' * 50_000, b"NaN", b'"x"', b"[" + b"9" * 10_000 + b"]", b"1e999",
        b'[{"value": "\\ud800"}]', b'[{"value": "a\\u0000b"}]', b'[{"id": 1e99}]', b'[{"id": ' + b"9" * 400 + b"}]", b"[[[]]]",
        b'{"username": "\\ud800", "password": "\\u0000"}', b'{"username": "a\\u0000", "password": "x"}', b"\x00", b"x" * 3_000_000,
    ],
    ids=lambda body: f"{len(body)} {body[:16]!r}",
)  # fmt: skip
def test_no_body_is_an_error_of_ours(client_of_ana: Client, body: bytes) -> None:
    stranger = Client(raise_request_exception=False)
    for path, expected in (("/api/auth", (400, 401, 413)), ("/api/conversations/a/tags", (200, 400, 413))):
        for kind in (
            "application/json",
            "text/plain",
            "multipart/form-data; boundary=x",
            "application/x-www-form-urlencoded",
            "\x00",
        ):
            answer = lead(stranger, path, method="POST", data=body, content_type=kind)
            assert answer.status_code in expected, (path, kind, answer.content)
    for path in ("/sign-in/", "/people/new/", "/profile/person/", "/profile/password/", "/demo/play/"):
        for kind in (
            "application/json",
            "multipart/form-data; boundary=x",
            "application/x-www-form-urlencoded",
        ):
            assert lead(client_of_ana, path, method="POST", data=body, content_type=kind).status_code in (
                200,
                302,
                400,
                413,
                422,
            )


@pytest.mark.parametrize("text", [*HOSTILE.values(), "x" * 100_000], ids=[*HOSTILE, "100,000 characters"])
def test_no_form_is_an_error_of_ours(client_of_ana: Client, ana: User, text: str) -> None:
    client_of_ana.raise_request_exception = False
    text = text.encode("utf-8", "replace").decode()
    for path, fields in {
        "/sign-in/": ["username", "password", "next"],
        "/people/new/": ["username", "first_name", "role"],
        f"/people/{ana.pk}/role/": ["role"],
        "/profile/person/": ["first_name", "time_zone"],
        "/profile/password/": ["current", "password", "again"],
        "/profile/theme/": ["theme"],
        "/demo/remove/": ["back"],
        "/status/rejected/replay/": ["source"],
    }.items():
        answer: Any = client_of_ana.post(path, dict.fromkeys(fields, text))
        assert answer.status_code in (302, 422), path
        assert urlsplit(answer.headers.get("Location", "")).netloc == ""
        page = Page(answer.content.decode())
        check(page, path)


@pytest.mark.parametrize(
    "headers",
    [
        {"cookie": "zone=%00; theme=<script>; csrftoken=\x01; enterprise_session=" + "x" * 5000},
        {"cookie": "zone=../../../etc/passwd; enterprise_session=%00"},
        {"authorization": "Bearer " + "x" * 9000},
        {"authorization": "Bearer \xff\xfe.\x00."},
        {"authorization": "Basic \xff"},
        {"host": "xss\r\n.example"},
        {"host": "<script>"},
        {"accept": "\x00/<script>;q=NaN"},
        {"accept-language": "xx-" + "y" * 9000},
        {"hx-request": "true", "hx-current-url": "javascript:xss()", "hx-target": "<script>"},
        {"x-forwarded-for": "<script>, ::::"},
        {"range": "bytes=0-" + LONG_NUMBER},
        {"if-modified-since": "\x00"},
    ],
    ids=str,
)
def test_no_header_is_an_error_of_ours(headers: dict[str, str]) -> None:
    client = Client(raise_request_exception=False)
    for path in (
        "/",
        "/sign-in/",
        "/sessions/",
        "/api/health",
        "/api/sessions",
        "/api/user",
        "/static/css/nothing.css",
    ):
        answer: Any = client.get(path, headers=headers)
        assert answer.status_code < 500, path
        assert "xss" not in answer.headers.get("Location", "")
        assert urlsplit(answer.headers.get("HX-Redirect", "")).scheme == ""
