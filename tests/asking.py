"""Stored sessions to ask about, and an answer to every query by looking at each event: slow, and plainly right."""

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import conversations.api.urls  # noqa: F401 - its rate limit takes the clock on import, which tests replace
from conversations.envelope import Envelope
from conversations.identity import parse as parse_json
from conversations.models import Assistant, Event, Session
from conversations.query import Query, Range, Term, Text, When, Word, parse
from conversations.query.dates import resolve
from conversations.reading import EventRow, read
from conversations.store import store
from conversations.tokens import hits, phrase, tokens
from tests.histories import NOW, History, Message

ZONE = "America/St_Johns"


def envelopes(assistant: str, messages: Iterable[Message]) -> list[Envelope]:
    return [
        Envelope(assistant, message.sender, read(parse_json(message.body)), *message[1:])
        for message in messages
    ]


def fill(seed: int, *, count: int = 12, assistant: str = "default") -> Assistant:
    """An assistant with generated conversations, in a zone of half hours."""
    history = History(seed)
    history.conversations(count=count)
    history.long(sessions=12)
    store(envelopes(assistant, history.messages))
    scope = Assistant.objects.get(name=assistant)
    scope.time_zone = ZONE
    scope.save()
    return scope


@dataclass
class Seen:
    """A session and all that was said and done in it, read from the bodies."""

    session: Session
    rows: list[EventRow] = field(default_factory=list)
    environments: set[str] = field(default_factory=set)

    def is_true(self, query: Query) -> bool:
        return all(self.item(item) for item in query.items)  # type: ignore[arg-type]

    def item(self, item: Term | Text) -> bool:
        return any(self.value(item.field, value) for value in item.values) != item.negated

    def value(self, name: str, value: Word | Range | When) -> bool:
        users = [row for row in self.rows if row.type == "user"]
        if isinstance(value, When):
            now = datetime.fromtimestamp(NOW, UTC)
            return self.session.activity_at in resolve(value.text, now, ZoneInfo(ZONE))
        if isinstance(value, Range):
            return sum(not row.is_payload for row in users) in value
        if name in ("text", "bot", "any"):
            sides = {"text": ("user",), "bot": ("bot", "agent"), "any": ("user", "bot", "agent")}[name]
            said = [row.said for row in self.rows if row.type in sides]
            return any(hits(tokens(text), phrase(value.text, value.prefix)) for text in said)
        if name == "intent" and value.confidence:
            return any(
                row.name == value.text and row.confidence is not None and row.confidence in value.confidence
                for row in users
            )
        found: set[str] = set()
        for row in self.rows:
            if name == "intent":
                found.update(row.intents)
            elif name == "action" and row.type == "action":
                found.add(row.name)
            elif name == "channel":
                found.add(row.channel)
            elif name == "is" and row.is_fallback:
                found.add("fallback")
        if name == "environment":
            found = self.environments
        return value.text in found - {"", "action_listen", "action_session_start"}


def seen(assistant: Assistant) -> list[Seen]:
    every = []
    for session in Session.objects.filter(assistant=assistant):
        one = Seen(session)
        for event in Event.objects.of_session(session):
            one.rows.append(read(parse_json(event.body)))
            one.environments.add(event.environment)
        every.append(one)
    return every


def expected(every: list[Seen], query: Query) -> set[int]:
    return {one.session.pk for one in every if not query.impossible and one.is_true(query)}


TERMS = [
    *(f"intent:{name}" for name in ("greet", "ask_refund", "nlu_fallback", "5", "never_seen", '["a"]')),
    "intent:greet,balance", "intent:ask_refund<0.5", "intent:balance>=0.9", "intent:greet<0.4,goodbye", "intent:nlu_fallback<0.3",
    "intent:greet<0.35,balance>0.95", "intent:greet<0.6", "intent:balance<=0.6", "intent:greet<0.6,faq<0.6", "intent:faq<0.75",
    "action:utter_greet", "action:action_default_fallback,action_restart", "action:action_listen",
    "channel:web", "channel:whatsapp,phone", "environment:production", "environment:alpha,zeta", "env:staging",
    "is:fallback", "turns:>3", "turns:1", "turns:2..5", "turns:0,4", "turns:<=1",
    "date:90d", "date:..2026-05-01", "date:2026-03..2026-04", "date:last-month,2026-02", "date:>=2026-08-15",
    "text:money", 'text:"my money"', 'text:"money hello"', 'text:"want my"', "text:mon*", "text:donde", "text:hello,card",
    "bot:残高", "残高を教", "bot:كم", "👍", "hello", '"block my card now"', "text:a", "bot:human", 'text:"o\'k" ', 'text:"a\\b"',
    "text:'", 'text:"& | !"', "bot:sorry", "text:残",
]  # fmt: skip


def queries(seed: int, count: int) -> list[Query]:
    """Generated queries of one to four terms, some negated; what the parser refuses is left out."""
    chance = random.Random(seed)
    found = [Query()]
    while len(found) < count:
        parts = chance.choices(TERMS, k=chance.choice([1, 1, 2, 2, 3, 4]))
        text = " ".join(("-" if chance.random() < 0.25 else "") + part for part in parts)
        parsed = parse(text)
        if parsed.ok:
            found.append(parsed.query)
    return found
