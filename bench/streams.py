"""Streams of published messages of any length: recorded conversations, multiplied and interleaved by time.

Every copy of a conversation has a sender_id and a time of its own and is otherwise what Rasa published. Lanes, more
than fifty, each play one conversation after the other, so that as many conversations run at once at every moment.
The same seed gives the same stream.
"""

import gzip
import heapq
import json
import os
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

RECORDING = Path(__file__).resolve().parent.parent / "events" / "demo" / "recording.jsonl.gz"
SAMPLE = "helpdesk-events.jsonl.gz"  # in the folder that ENTERPRISE_SAMPLES names, or named by it directly
LANES = 72  # conversations at once
BEGIN = 1_780_000_000.0  # UTC seconds; in the past, so that no event is "from the future"
BURST = 0.05  # seconds: a longer gap is a person typing, or a script that did not wait like one
TYPING = (3.0, 20.0)  # seconds that a person takes in place of such a gap


class Message(NamedTuple):
    """What a broker delivers. `app_id` is the environment that Rasa names."""

    body: bytes
    app_id: str = ""


class Step(NamedTuple):
    """An event of a recorded conversation: seconds since its beginning, the decoded body, the environment."""

    offset: float
    event: dict[str, Any]
    app_id: str


Conversation = Sequence[Step]


@dataclass(frozen=True)
class Sources:
    """Conversations to multiply, and where they come from (for the report)."""

    conversations: list[Conversation]
    names: str


def sources() -> Sources:
    """Our own recording, or generated conversations where it is missing; and the sample that ENTERPRISE_SAMPLES names."""
    found: list[Conversation] = []
    names = []
    given = os.environ.get("ENTERPRISE_SAMPLES", "")
    sample = Path(given) / SAMPLE if Path(given).is_dir() else Path(given)
    for path in (RECORDING, *([sample] if given and sample.is_file() else [])):
        if path.is_file():
            found += recorded(path)
            names.append(path.name)
    if not RECORDING.is_file():
        found += generated()
        names.append("generated conversations")
    return Sources(found, " and ".join(names))


def recorded(path: Path) -> list[Conversation]:
    """The conversations of a recording: a JSON object a line, with `body` (text) and AMQP `properties`."""
    by_sender: dict[str, list[tuple[float, dict[str, Any], str]]] = {}
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            message = json.loads(line)
            event = json.loads(message["body"])
            app_id = message.get("properties", {}).get("app_id") or ""
            by_sender.setdefault(event["sender_id"], []).append((event["timestamp"], event, app_id))
    conversations: list[Conversation] = []
    for events in by_sender.values():
        events.sort(key=itemgetter(0))
        conversations.append([Step(at - events[0][0], event, app_id) for at, event, app_id in events])
    return conversations


def stream(conversations: Sequence[Conversation], n_events: int, *, seed: int = 1) -> Iterator[Message]:
    """`n_events` messages in the order in which they would be published."""
    lanes = [_lane(conversations, seed, number) for number in range(LANES)]
    for _, _, message in islice(heapq.merge(*lanes), n_events):
        yield message


def _lane(
    conversations: Sequence[Conversation], seed: int, number: int
) -> Iterator[tuple[float, int, Message]]:
    """One conversation after the other, at the pace of a person, as (time, lane, message)."""
    choice = random.Random(f"{seed}/{number}")
    clock = BEGIN + choice.uniform(*TYPING)
    count = 0
    while True:
        count += 1
        sender = f"customer-{seed}-{number}-{count}"
        before = 0.0
        for step in choice.choice(conversations):
            gap = step.offset - before
            before = step.offset
            clock += gap if gap < BURST else choice.uniform(*TYPING)
            event = {**step.event, "sender_id": sender, "timestamp": clock}
            yield clock, number, Message(json.dumps(event).encode(), step.app_id)
        clock += choice.uniform(*TYPING)


def generated(count: int = 200, *, seed: int = 1) -> list[Conversation]:
    """Conversations of a small bot, with bodies of the size that Rasa publishes."""
    choice = random.Random(seed)
    return [_conversation(choice) for _ in range(count)]


_INTENTS = [
    f"ask_{name}" for name in ("balance", "card", "refund", "fees", "limit", "branch", "loan", "human")
]
_WORDS = [
    "please",
    "my",
    "the",
    "card",
    "account",
    "money",
    "transfer",
    "is",
    "late",
    "when",
    "will",
    "it",
    "arrive",
    "thanks",
    "no",
    "yes",
    "why",
    "not",
    "help",
    "me",
]


def _conversation(choice: random.Random) -> Conversation:
    steps: list[Step] = []
    clock = 0.0

    def say(event: str, pause: float = 0.0003, **rest: Any) -> None:
        nonlocal clock
        clock += pause
        metadata = {"model_id": "b5d1", "assistant_id": "bench", **rest.pop("metadata", {})}
        steps.append(
            Step(
                clock,
                {"sender_id": "", "event": event, "timestamp": 0.0, "metadata": metadata, **rest},
                "production",
            )
        )

    def act(name: str, policy: str | None, confidence: float | None) -> None:
        say("action", name=name, policy=policy, confidence=confidence, action_text=None, hide_rule_turn=False)

    act("action_session_start", None, 1.0)
    say("session_started")
    act("action_listen", None, None)
    for _ in range(choice.randint(2, 9)):
        ranking = [
            {"name": name, "confidence": choice.random() / 9}
            for name in choice.sample(_INTENTS, len(_INTENTS))
        ]
        ranking[0]["confidence"] = choice.uniform(0.4, 1)
        text = " ".join(choice.choices(_WORDS, k=choice.randint(1, 14)))
        parse_data = {
            "intent": ranking[0],
            "entities": [
                {"entity": "amount", "start": 0, "end": 4, "value": text[:4], "extractor": "DIETClassifier"}
            ],
            "text": text,
            "message_id": f"{choice.getrandbits(128):032x}",
            "metadata": {},
            "intent_ranking": ranking,
        }
        say(
            "user", choice.uniform(2, 30), text=text, parse_data=parse_data, input_channel="rest",
            message_id=parse_data["message_id"],
        )  # fmt: skip
        say("user_featurization", use_text_for_featurization=False)
        if choice.random() < 0.5:
            say("slot", name=choice.choice(["amount", "card", "branch"]), value=text[:4])
        answer = f"utter_{ranking[0]['name']}"
        act(answer, "TEDPolicy", choice.random())
        data = dict.fromkeys(("elements", "quick_replies", "buttons", "attachment", "image", "custom"))
        say("bot", text=text[::-1], data=data, metadata={"utter_action": answer})
        act("action_listen", "TEDPolicy", choice.random())
    return steps


def at_once(senders: Sequence[str]) -> list[int]:
    """How many conversations run at each message of a stream: begun, and not yet over. `senders` message by message."""
    last = {sender: index for index, sender in enumerate(senders)}
    running: set[str] = set()
    counts = []
    for index, sender in enumerate(senders):
        running.add(sender)
        counts.append(len(running))
        if last[sender] == index:
            running.remove(sender)
    return counts
