"""Stored sessions to ask about, and an answer to every query by looking at each event: slow, and plainly right."""

import json
import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction

import conversations.api.urls  # noqa: F401 - its rate limit takes the clock on import, which tests replace
from conversations.envelope import Envelope
from conversations.identity import parse as parse_json
from conversations.models import (
    Assignment,
    Assistant,
    Correction,
    Event,
    Flag,
    Later,
    Mention,
    Note,
    Reason,
    Review,
    Session,
    Tag,
    TagUse,
)
from conversations.opinions.placing import place
from conversations.query import (
    Group,
    Or,
    Query,
    Sequence,
    Special,
    parse,
)
from conversations.query.dates import resolve
from conversations.reading import EventRow, read
from conversations.store import store
from conversations.tokens import hits, line, phrase, tokens
from tests.histories import ACTIONS, INTENTS, NOW, TEXTS, History, Message

ZONE = "America/St_Johns"
UNSAID = ("action_listen", "action_session_start")
EVERYDAY = ("user", "bot", "action", "slot", "session_started", "user_featurization", "active_loop")
LOWEST = {
    "lowest-intent": ("user", min),
    "highest-intent": ("user", max),
    "lowest-action": ("action", min),
    "highest-action": ("action", max),
}


def envelopes(assistant: str, messages: Iterable[Message]) -> list[Envelope]:
    return [
        Envelope(assistant, message.sender, read(parse_json(message.body)), *message[1:])
        for message in messages
    ]


def talk(chance: random.Random, sender: str, turns: int) -> list[Message]:
    """A session in which little is said in many combinations."""
    clock = NOW - chance.uniform(1, 200) * 86_400
    messages: list[Message] = []

    def say(event: str, **body: Any) -> None:
        nonlocal clock
        clock += chance.choice([0.01, 2.5, 40.0])
        metadata = {"model_id": "m1", "assistant_id": "bank", **body.pop("metadata", {})}
        message = {"sender_id": sender, "event": event, "timestamp": clock, "metadata": metadata, **body}
        messages.append(Message(sender, json.dumps(message), "production"))

    if chance.random() < 0.7:
        say("action", name="action_session_start", policy=None, confidence=1.0)
        say("slot", name="city", value=chance.choice(["Paris", None]))
    for _ in range(turns):
        intent = {
            "name": chance.choice([*INTENTS, "faq"]),
            "confidence": chance.choice([0.25, 0.3, 0.45, 0.6, 0.7, 0.95, 1.0]),
        }
        if intent["name"] == "faq" and chance.random() < 0.5:
            intent["full_retrieval_intent_name"] = "faq/fees"
        ranking = [intent]
        if chance.random() < 0.15:
            ranking = [{"name": "nlu_fallback", "confidence": 0.5}, intent]
        entities = [{"entity": name, "value": 1} for name in ("amount", "city") if chance.random() < 0.2]
        text = (
            "/affirm"
            if chance.random() < 0.1
            else chance.choice([*TEXTS, "lost card", "card lost", "refund my card"])
        )
        say(
            "user",
            text=text,
            parse_data={"intent": ranking[0], "intent_ranking": ranking, "entities": entities},
            input_channel="web",
        )
        if chance.random() < 0.3:
            say(
                "slot",
                name=chance.choice(["city", "amount"]),
                value=chance.choice(["Paris", "Rome", 5, True, None, {"a": 1}]),
            )
        if chance.random() < 0.2:
            say("active_loop", name=chance.choice(["refund_form", "card_form", None]))
        for _ in range(chance.choice([0, 1, 1, 2])):
            say(
                "action",
                name=chance.choice(ACTIONS),
                policy=chance.choice(["RulePolicy", "TEDPolicy"]),
                confidence=chance.choice([0.2, 0.5, 0.9, 1.0, None]),
            )
            say("bot", text=chance.choice(["one moment", "here is your card", *TEXTS]), data={})
        if chance.random() < 0.05:
            say("restart")
        if chance.random() < 0.05:
            say("reminder", name="call_back")
    return messages


def fill(seed: int, *, count: int = 8, assistant: str = "default") -> Assistant:
    """An assistant with generated conversations, in a zone of half hours: as they come, late, shuffled, and very long."""
    chance = random.Random(seed)
    history = History(seed)
    history.conversations(count=count)
    history.long(sessions=12)
    store(envelopes(assistant, history.messages))
    for number in range(count * 3):
        sender = "ana" if number == 1 else f"talk-{seed}-{number}"
        messages = talk(chance, sender, chance.choice([1, 2, 3, 5, 8]))
        late = chance.sample(messages, len(messages) // 4) if number % 4 == 0 else []
        if number % 8 == 0:
            chance.shuffle(messages)
        store(envelopes(assistant, [message for message in messages if message not in late]))
        store(envelopes(assistant, late))
    store(envelopes(assistant, talk(chance, f"endless-{seed}", 75)))
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
    newest: int | None = None  # the arrival of its newest user event
    marks: dict[tuple[str, str], set[Any]] = field(default_factory=dict)

    @cached_property
    def turns(self) -> list[list[EventRow]]:
        """The events of each turn; of turn 0 only if there are any."""
        found: list[list[EventRow]] = []
        for row in self.rows:
            if row.type == "user" or not found:
                found.append([])
            found[-1].append(row)
        return found

    def is_true(self, query: Query) -> bool:
        return all(self.item(item) for item in query.items)

    def item(self, item: Any) -> bool:
        if isinstance(item, Sequence):
            return self.follows(item)
        if isinstance(item, Or):
            found = any(self.item(one) for one in item.alternatives)
        elif isinstance(item, Group):
            found = any(self.in_turn(item, turn) for turn in self.turns)
        else:
            found = any(self.value(item.field, value) for value in item.values)
        return bool(found != item.negated)

    def in_turn(self, item: Any, turn: list[EventRow]) -> bool:
        if isinstance(item, Group):
            return all(self.in_turn(term, turn) for term in item.terms)
        return bool(
            any(self.of(item.field, value, row) for value in item.values for row in turn) != item.negated
        )

    def follows(self, item: Sequence) -> bool:
        reach = len(self.turns) if item.within is None else item.within - 1
        for at, turn in enumerate(self.turns):
            if self.in_turn(item.left, turn):
                later = any(self.in_turn(item.right, one) for one in self.turns[at + 1 : at + 1 + reach])
                if later == (item.kind == "then"):
                    return True
        return False

    def of(self, name: str, value: Any, row: EventRow) -> bool:
        """Whether an event is what a condition on turns asks for."""
        if name in ("text", "bot", "any"):
            sides = {"text": ("user",), "bot": ("bot", "agent"), "any": ("user", "bot", "agent")}[name]
            return row.type in sides and bool(hits(tokens(row.said), phrase(value.text, value.prefix)))
        if name in ("conf", "action-conf"):
            is_side = (
                row.type == "user" if name == "conf" else row.type == "action" and row.name not in UNSAID
            )
            return is_side and row.confidence is not None and row.confidence in value
        if value.confidence:
            is_side = row.type == ("user" if name == "intent" else "action") and row.name not in UNSAID
            return (
                is_side
                and row.name == value.text
                and row.confidence is not None
                and row.confidence in value.confidence
            )
        text = value.text
        match name:
            case "intent":
                return text in row.intents
            case "action":
                return row.type == "action" and row.name == text and text not in ("", *UNSAID)
            case "entity":
                return text in row.entities
            case "policy":
                return row.type == "action" and row.policy == text and row.name not in UNSAID
            case "slot" if value.equals is None:
                return row.type == "slot" and row.name == text and text != "session_started_metadata"
            case "slot":
                return bool(row.type == "slot" and row.name == text and row.value == value.equals != "")
            case "loop":
                return row.type in ("active_loop", "form", "flow_started") and row.name == text != ""
            case "event":
                return bool(row.type == text not in EVERYDAY)
            case "turn-tag":
                tagged = (
                    keys
                    for (known, word), keys in self.marks.items()
                    if known == name and word.casefold() == text.casefold()
                )
                return any(row.key in keys for keys in tagged)
            case "is":
                return self.shows(text, row)
        raise AssertionError(name)

    def shows(self, text: str, row: EventRow) -> bool:
        match text:
            case "fallback":
                return row.is_fallback
            case "restarted":
                return row.type == "restart"
            case "flagged" | "noted" | "corrected":
                return row.key in self.marks.get(("is", text), ())
            case "handoff":
                return row.type == "action" and row.name == "transfer_form"
        return False

    def value(self, name: str, value: Any) -> bool:
        session, users = self.session, [row for row in self.rows if row.type == "user"]
        now = datetime.fromtimestamp(NOW, UTC)
        match name:
            case "date":
                return session.activity_at in resolve(value.text, now, ZoneInfo(ZONE))
            case "started":
                return self.rows[0].timestamp in resolve(value.text, now, ZoneInfo(ZONE))
            case "time":
                local = datetime.fromtimestamp(session.activity_at, ZoneInfo(ZONE))
                return local.hour * 60 + local.minute in value
            case "duration":
                return self.rows[-1].timestamp - self.rows[0].timestamp in value
            case "turns":
                return sum(not row.is_payload for row in users) in value
            case "lowest-intent" | "highest-intent" | "lowest-action" | "highest-action":
                side, end = LOWEST[name]
                rows = [
                    row
                    for row in self.rows
                    if row.type == side and not row.is_payload and row.name not in UNSAID
                ]
                found = [row.confidence for row in rows if row.confidence is not None]
                return bool(found) and end(found) in value
            case "channel":
                return value.text in {row.channel for row in users} - {""}
            case "environment":
                return value.text in self.environments - {""}
            case "model":
                return value.text in {row.model_id for row in self.rows} - {""}
            case "assistant-id":
                return value.text in {row.assistant_id for row in self.rows} - {""}
            case "id":
                return value.text in session.conversation.sender_id
            case "unfinished":
                return self.open_loop != "" if isinstance(value, Special) else self.open_loop == value.text
            case "is" if value.text in ("unfinished", "abandoned"):
                return self.open_loop != ""
            case "is" if value.text == "noted":
                return ("is", "noted") in self.marks  # also of the session
            case "is" if value.text == "mine":
                return session.conversation.sender_id == "ana"
            case "tag" | "note" | "review" | "verdict" | "reason" | "reviewer" | "assigned" | "for":
                return self.opinion(name, value)
        return any(self.of(name, value, row) for row in self.rows)

    def opinion(self, name: str, value: Any) -> bool:
        if name == "note":
            return any(
                hits(tokens(text), phrase(value.text, value.prefix))
                for text in self.marks.get(("note", ""), ())
            )
        wanted = "ana" if value == Special("me") else value.text
        return any(name == known and wanted.casefold() == word.casefold() for known, word in self.marks)

    @cached_property
    def open_loop(self) -> str:
        latest = (float("-inf"), "")
        for row in self.rows:
            if row.type in ("active_loop", "form"):
                latest = max(latest, (row.timestamp, row.name))
            elif row.type == "restart" or (
                row.type.startswith("flow_") and not row.name.startswith("pattern_")
            ):
                is_open = row.type in ("flow_started", "flow_resumed")
                if is_open or row.type in ("restart", "flow_completed", "flow_cancelled"):
                    latest = max(latest, (row.timestamp, row.name if is_open else ""))
        return latest[1]


def judge(assistant: Assistant, people: list[Any], seed: int = 1) -> None:
    """Opinions of every kind on some sessions and turns, some taken back."""
    chance = random.Random(seed)
    reasons = [Reason.objects.create(assistant=assistant, text=text) for text in ("Wrong answer", "Loop")]
    tags = [Tag.objects.create(assistant=assistant, value=value) for value in ("Billing", "urgent")]
    conversations = set()
    for session in Session.objects.filter(assistant=assistant).order_by("start_at", "pk"):
        events = list(Event.objects.of_session(session).in_order())
        if chance.random() < 0.3:
            continue
        conversations.add(session.conversation_id)
        for _ in range(chance.choice([1, 2, 4])):
            event = chance.choice(events)
            placed = {
                "conversation_id": session.conversation_id, "anchor_at": event.timestamp, "anchor_rank": event.rank,
                "anchor_hash": event.hash, "is_removed": chance.random() < 0.2, "user": chance.choice(people),
            }  # fmt: skip
            is_turn = chance.random() < 0.7
            match chance.choice(
                ["review", "review", "tag", "tag", "flag", "note", "correction", "assignment", "later"]
            ):
                case "review":
                    verdict = chance.choice([1, 2, 3, 3])
                    reason = chance.choice([*reasons, None]) if verdict == 3 else None
                    arrived = max(one.pk for one in events) - chance.choice([0, 0, 0, 3])
                    Review.objects.create(
                        **placed,
                        verdict=verdict,
                        reason=reason,
                        watermark=arrived,
                        covers_from=session.start_at,
                    )
                case "tag":
                    TagUse.objects.create(**placed, tag=chance.choice(tags), source="person", is_turn=is_turn)
                case "flag" if not Flag.objects.filter(
                    conversation_id=session.conversation_id, anchor_at=event.timestamp
                ).exists():
                    Flag.objects.create(**placed, is_turn=True)
                case "note":
                    text = chance.choice(["ask legal", "Fine!", "legal says no"])
                    note = Note.objects.create(**placed, is_turn=is_turn, text=text, words=line(text))
                    if chance.random() < 0.4:
                        Mention.objects.create(note=note, user=chance.choice(people))
                case "correction" if not Correction.objects.filter(
                    conversation_id=session.conversation_id, anchor_at=event.timestamp
                ).exists():
                    Correction.objects.create(**placed, is_turn=True, intent="greet", was="faq")
                case "assignment" if not Assignment.objects.filter(
                    conversation_id=session.conversation_id
                ).exists():
                    Assignment.objects.create(**placed, to=chance.choice(people))
                case "later":
                    Later.objects.create(**placed)
    for pk in sorted(conversations):
        with transaction.atomic():
            place(pk)


def opinions_of(one: Seen) -> dict[tuple[str, str], set[Any]]:
    """What people said of a session: by (field, value), where (the keys of turns' events) or simply that."""
    keys = {row.key for row in one.rows}
    found: dict[tuple[str, str], set[Any]] = {}

    def said(model: Any) -> list[Any]:
        rows = model.objects.standing().filter(conversation_id=one.session.conversation_id).order_by("pk")
        return [row for row in rows if row.anchor in keys]

    def add(name: str, value: str, what: Any = True) -> None:
        found.setdefault((name, value), set()).add(what)

    for use in said(TagUse):
        add("tag", use.tag.value)
        add("turn-tag", use.tag.value, use.anchor if use.is_turn else None)
    for mark, model in (("flagged", Flag), ("noted", Note), ("corrected", Correction)):
        for row in said(model):
            add("is", mark, row.anchor if row.is_turn else None)
    for note in said(Note):
        add("note", "", note.text)
        for mention in note.mentions.all():
            add("for", mention.user.username)
    for given in said(Assignment):
        add("assigned", given.to.username)
        add("for", given.to.username)
    if ("for", "") in found or not any(name == "assigned" for name, _ in found):
        add("assigned", "nobody")
    for put_off in said(Later):
        add("review", "later")
        add("for", put_off.user.username)
    reviews = said(Review)
    latest = reviews[-1] if reviews else None
    if one.newest is not None:
        add(
            "review",
            "unread" if latest is None else "changed" if latest.watermark < one.newest else "reviewed",
        )
    add("verdict", ("none", "reviewed", "well", "broke")[latest.verdict if latest else 0])
    if latest and latest.reason:
        add("reason", latest.reason.text)
    for review in reviews:
        add("reviewer", review.user.username)
    return found


def seen(assistant: Assistant) -> list[Seen]:
    every = []
    for session in Session.objects.filter(assistant=assistant).select_related("conversation"):
        one = Seen(session)
        for event in Event.objects.of_session(session).in_order():
            body = parse_json(event.body)
            text = body.get("text")
            one.rows.append(read(body)._replace(said=text if isinstance(text, str) else ""))
            one.environments.add(event.environment)
            if event.type == "user":
                one.newest = max(event.pk, one.newest or 0)
        one.marks = opinions_of(one)
        every.append(one)
    return every


def expected(every: list[Seen], query: Query) -> set[int]:
    if query.impossible:
        return set()
    if not query.in_conversation:
        return {one.session.pk for one in every if one.is_true(query)}
    by_conversation: dict[int, list[Seen]] = {}
    for one in sorted(every, key=lambda one: one.rows[0].key):
        by_conversation.setdefault(one.session.conversation_id, []).append(one)
    return {
        one.session.pk
        for sessions in by_conversation.values()
        if all(_in_conversation(sessions, item) for item in query.items)
        for one in sessions
    }


def _in_conversation(sessions: list[Seen], item: Any) -> bool:
    if not isinstance(item, Sequence):
        # Of no session, where it is negated.
        return (all if item.negated else any)(one.item(item) for one in sessions)
    if item.within is not None:
        return any(one.item(item) for one in sessions)
    everything = Seen(sessions[0].session)
    everything.__dict__["turns"] = [turn for one in sessions for turn in one.turns]
    return everything.follows(item)


TURN = [
    *(f"intent:{name}" for name in ("greet", "ask_refund", "nlu_fallback", "5", "never_seen", '["a"]', "faq/fees")),
    "intent:greet,balance", "intent:ask_refund<0.5", "intent:balance>=0.9", "intent:greet<0.4,goodbye", "intent:nlu_fallback<0.3",
    "intent:greet<0.35,balance>0.95", "intent:greet<0.6", "intent:balance<=0.6", "intent:greet<0.6,faq<0.6", "intent:faq<0.7",
    "conf:<0.6", "conf:>=0.9", "conf:0.3..0.5", "conf:<0.35,>0.97", "action-conf:<0.5", "action-conf:0.3..0.95",
    "action:utter_greet", "action:action_default_fallback,action_restart", "action:action_listen", "action:utter_refund<0.6",
    "entity:amount", "entity:city,amount", "policy:RulePolicy", "policy:TEDPolicy", "slot:city", "slot:city=Paris", "slot:amount=5,city=Rome",
    "slot:amount=true", "loop:refund_form", "loop:refund_form,card_form", "event:reminder", "event:restart,rewind", "event:user",
    "is:fallback", "is:restarted", "is:handoff", "is:handoff,fallback",
    "text:money", 'text:"my money"', 'text:"money hello"', 'text:"want my"', "text:mon*", "text:donde", "text:hello,card",
    "bot:残高", "残高を教", "bot:كم", "👍", "hello", '"block my card now"', "text:a", "bot:human", 'text:"o\'k" ', 'text:"a\\b"',
    "text:'", 'text:"& | !"', "bot:sorry", "text:残", 'text:"lost card"', "card", "bot:moment",
]  # fmt: skip
# Of what columns of events do not tell: names, that in a long session are known by bits as far as these go.
LACKING = ("entity:", "policy:", "slot:city=", "slot:amount=", "faq/fees", "turn-tag:")
SESSION = [
    "channel:web", "channel:whatsapp,phone", "environment:production", "environment:alpha,zeta", "env:staging",
    "model:m1", "model:m2,m3", "assistant-id:bank", "id:talk", "id:-3", "id:endless",
    "turns:>3", "turns:1", "turns:2..5", "turns:0,4", "turns:<=1",
    "date:90d", "date:..2026-05-01", "date:2026-03..2026-04", "date:last-month,2026-02", "date:>=2026-08-15",
    "started:2026-03..2026-06", "started:<2026-05", "time:09:00..17:00", "time:22:00..06:30", "time:>17:30", "time:12:00",
    "duration:>2min", "duration:<30s", "duration:1min..1h", "lowest-intent:<0.4", "highest-intent:>=0.97", "lowest-action:<0.3",
    "highest-action:<=0.5", "unfinished:refund_form", "unfinished:*", "is:unfinished", "is:fallback,unfinished",
]  # fmt: skip
SAID_OF_TURNS = [
    "turn-tag:billing",
    "turn-tag:Billing,urgent",
    "turn-tag:nobody_has_it",
    "is:flagged",
    "is:noted",
    "is:corrected",
    "is:flagged,corrected",
]
SAID = [
    *SAID_OF_TURNS, "tag:urgent", "tag:billing,urgent", "note:legal", 'note:"ask legal"', "note:leg*", "review:unread", "review:reviewed",
    "review:changed", "review:later", "review:later,changed", "verdict:none", "verdict:reviewed,well", "verdict:broke", "reason:loop",
    'reason:"wrong answer",loop', "reviewer:me", "reviewer:ben", "reviewer:stranger", "assigned:me", "assigned:nobody", "assigned:ben,nobody",
    "for:me", "for:BEN", "is:mine", "is:flagged,mine",
]  # fmt: skip
TERMS = [*TURN, *SESSION]


def queries(
    seed: int, count: int, terms: Iterable[str] = TERMS, *, in_conversation: bool = False
) -> list[Query]:
    """Generated queries of one to four items, some negated; what the parser refuses is left out."""
    chance = random.Random(seed)
    terms = list(terms)
    turn = [term for term in terms if term in {*TURN, *SAID_OF_TURNS}]
    found = [Query()]

    def minus(part: str, probability: float = 0.25) -> str:
        return ("-" if chance.random() < probability else "") + part

    def group() -> str:
        return f"({' '.join(minus(part) for part in chance.choices(turn, k=chance.choice([2, 2, 3])))})"

    def item() -> str:
        match chance.choice(["term", "term", "group", "group", "or", "sequence", "sequence"]):
            case "group":
                return minus(group())
            case "or":
                return minus(f"({chance.choice(terms)} OR {chance.choice([chance.choice(terms), group()])})")
            case "sequence":
                within = chance.choice(["", "", "<2", "<3", "<70"])
                sides = [chance.choice([chance.choice(turn), chance.choice(turn), group()]) for _ in range(2)]
                return f"{sides[0]} {chance.choice(['then', 'never'])}{within} {sides[1]}"
        return minus(chance.choice(terms))

    while len(found) < count:
        text = " ".join(item() for _ in range(chance.choice([1, 1, 1, 2, 2, 3])))
        parsed = parse(text + (" in:conversation" if in_conversation else ""))
        if parsed.ok:
            found.append(parsed.query)
    return found
