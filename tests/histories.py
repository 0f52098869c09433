"""Generated histories of conversations, with every special case that a broker may bring, counted.

`History(seed).publish(...)` gives messages as (sender, body text, environment, is_export). A recording of a small bot has
no ties, no late boundaries, no duplicates: a promise tested on recordings alone is not tested.
"""

import json
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, NamedTuple

NOW = 1_790_000_000.0  # the clock on receipt in tests, UTC seconds

CASES = frozenset({
    "tie", "equal bodies", "sessions off", "silence", "expiry with carry-over", "several channels", "several models",
    "several environments", "undo", "rewind", "rewind without a user message", "external", "payload", "export copy",
    "rounded copy", "many sessions", "restart", "session metadata", "nlu fallback", "core fallback", "nan", "nul",
    "lone surrogate", "huge integer", "unknown type", "future", "reset slots", "entities", "integral float", "long value",
    "late session start after silence", "agent", "no parse data", "odd intent", "loop", "loop left open", "flow", "repairing flow", "more turns than bits",
})  # fmt: skip

INTENTS = ["greet", "ask_refund", "block_card", "balance", "goodbye", "faq"]
TEXTS = [
    "hello there",
    "I want my money back",
    "block my card now",
    "¿dónde está?",
    "كم رصيدي",
    "残高を教えて",
    "ok 👍",
]
ACTIONS = ["utter_greet", "utter_refund", "action_block_card", "transfer_form", "utter_balance"]


class Message(NamedTuple):
    """One published message."""

    sender: str
    body: str
    environment: str = ""
    is_export: bool = False


@dataclass
class History:
    """A seeded writer of conversations; `cases` counts what occurred."""

    seed: int
    cases: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.messages: list[Message] = []

    def conversations(self, count: int, sessions: int = 3) -> list[Message]:
        """`count` conversations of up to `sessions` sessions each, in publishing order."""
        for number in range(count):
            _Writer(self, f"user-{self.seed}-{number}").write(self.random.randint(1, sessions))
        return self.messages

    def long(self, sessions: int = 60) -> list[Message]:
        """One customer of nine months."""
        self.cases["many sessions"] += 1
        _Writer(self, f"long-{self.seed}").write(sessions, short=True)
        return self.messages


class _Writer:
    def __init__(self, history: History, sender: str) -> None:
        self.history, self.sender, self.random, self.cases = history, sender, history.random, history.cases
        self.marks_sessions = self.random.random() < 0.7
        self.clock = NOW - self.random.uniform(30, 270) * 86_400
        self.model = "m1"
        self.channel = "web"
        self.environment = self.random.choice(["", "production", "staging"])
        self.slots: dict[str, Any] = {}

    def chance(self, probability: float, case: str) -> bool:
        happens = self.random.random() < probability
        self.cases[case] += happens
        return happens

    def emit(self, event: str, *, stamped: bool = True, **body: Any) -> dict[str, Any]:
        if not self.chance(0.03, "tie"):
            self.clock += self.random.choice([0.0004, 0.013, 1.7, 3.25])
        message = {"sender_id": self.sender, "event": event, "timestamp": self.clock, **body}
        if stamped:
            message["metadata"] = {"model_id": self.model, "assistant_id": "bank", **body.get("metadata", {})}
        self.publish(message)
        return message

    def publish(self, message: dict[str, Any]) -> None:
        environment = self.environment
        self.history.messages.append(Message(self.sender, json.dumps(message), environment))
        if self.chance(0.02, "export copy"):
            self.history.messages.append(
                Message(self.sender, json.dumps(message), self.random.choice(["", "zeta"]), True)
            )
        if self.chance(0.02, "several environments"):
            self.history.messages.append(Message(self.sender, json.dumps(message), "alpha"))
        if self.chance(0.02, "rounded copy"):
            turned = dict(reversed(list(message.items())))
            text = json.dumps(turned).replace("0.30000000000000004", "0.3")
            self.history.messages.append(Message(self.sender, text, environment))

    def write(self, sessions: int, *, short: bool = False) -> None:
        if not self.marks_sessions:
            self.cases["sessions off"] += 1
        if self.chance(0.1, "rewind without a user message"):
            self.emit("rewind")
        for number in range(sessions):
            if number:
                self.silence()
            if self.chance(0.3, "several channels") and number:
                self.channel = self.random.choice(["whatsapp", "web", "phone"])
            if self.chance(0.2, "several models") and number:
                self.model = self.random.choice(["m2", "m3"])
            is_last = 0 < number == sessions - 1
            if self.marks_sessions or (is_last and self.chance(0.2, "late session start after silence")):
                self.session_start(number)
            turns = self.random.randint(1, 2 if short else 6)
            if short and number == 1:
                turns = 70
                self.cases["more turns than bits"] += 1
            for _ in range(turns):
                self.turn()
        self.oddities()

    def silence(self) -> None:
        self.cases["silence"] += 1
        self.clock += self.random.choice([1800, 7200, 3 * 86_400])

    def session_start(self, number: int, policy: str | None = None) -> None:
        if number == 0 and self.chance(0.4, "session metadata"):
            self.emit("slot", name="session_started_metadata", value={"page": "home"})
        self.emit("action", name="action_session_start", policy=policy, confidence=1.0)
        self.emit("session_started")
        if self.slots and self.chance(0.7, "expiry with carry-over"):
            for name, value in self.slots.items():
                self.emit("slot", name=name, value=value)
        self.emit("action", name="action_listen", policy=None, confidence=None)

    def turn(self) -> None:
        intent = self.random.choice(INTENTS)
        confidence: Any = round(self.random.uniform(0.3, 1), self.random.choice([2, 16]))
        if self.chance(0.05, "integral float"):
            confidence = 1.0
        if self.random.random() < 0.05:
            confidence = 0.30000000000000004
        parsed = {"name": intent, "confidence": confidence}
        ranking = [parsed, {"name": "goodbye", "confidence": 0.1}]
        text: Any = self.random.choice(TEXTS)
        parse_data: Any = {"intent": parsed, "intent_ranking": ranking, "entities": [], "text": text}
        metadata: dict[str, Any] = {}
        if self.chance(0.1, "nlu fallback"):
            parse_data["intent"] = {"name": "nlu_fallback", "confidence": 0.7}
            parse_data["intent_ranking"] = [parse_data["intent"], *ranking]
        if self.chance(0.1, "payload"):
            text = "/affirm"
        if self.chance(0.05, "external"):
            text, metadata = "EXTERNAL: reminder", {"is_external": True}
        if self.chance(0.2, "entities"):
            parse_data["entities"] = [{"entity": "amount", "value": 5, "start": 0, "end": 1}]
        if self.chance(0.02, "no parse data"):
            parse_data = self.random.choice([None, 7, []])
        elif self.chance(0.02, "odd intent"):
            parse_data["intent"] = self.random.choice([{"name": 5}, "text", {}, {"name": ["a"]}])
        if self.chance(0.03, "nul"):
            text += " a\u0000b"
        if self.chance(0.03, "lone surrogate"):
            text += " \ud83d"
        user = self.emit(
            "user", text=text, parse_data=parse_data, input_channel=self.channel, metadata=metadata
        )
        if self.chance(0.05, "equal bodies"):
            self.publish(user)
        if self.random.random() < 0.4:
            value: Any = self.random.choice(["x", 1, None, {"deep": [1.5]}])
            if self.chance(0.1, "nan"):
                value = float("nan")
            if self.chance(0.1, "huge integer"):
                value = 10**400
            name = "amount" if not self.chance(0.1, "long value") else "s" * 200
            self.slots[name] = value
            self.emit("slot", name=name, value=value)
        self.emit("user_featurization", use_text_for_featurization=False)
        self.answer(user)
        if self.chance(0.1, "loop"):
            self.emit("active_loop", name="transfer_form")
            if not self.chance(0.3, "loop left open"):
                self.emit("active_loop", name=None)
        if self.chance(0.05, "flow"):
            self.emit("flow_started", flow_id="transfer_money")
            if self.chance(0.5, "repairing flow"):
                self.emit("flow_started", flow_id="pattern_clarification")
                self.emit("flow_completed", flow_id="pattern_clarification")
            if self.random.random() < 0.5:
                self.emit("flow_completed", flow_id="transfer_money")
        if self.chance(0.05, "restart"):
            self.emit("action", name="action_restart", policy="RulePolicy", confidence=1.0)
            self.emit("restart")
            self.slots.clear()
            if self.marks_sessions:
                self.session_start(1, policy="followup_action")
                return
        self.emit("action", name="action_listen", policy="RulePolicy", confidence=1.0)

    def answer(self, user: dict[str, Any]) -> None:
        if self.chance(0.06, "core fallback"):
            self.emit("action", name="action_default_fallback", policy="RulePolicy", confidence=0.4)
            self.emit("bot", text="Sorry, say it again?", data={}, metadata={"utter_action": "utter_default"})
            self.emit("rewind")
            self.cases["rewind"] += 1
            return
        self.emit(
            "action", name=self.random.choice(ACTIONS), policy="TEDPolicy", confidence=self.random.random()
        )
        self.emit(
            "bot",
            text=self.random.choice(TEXTS),
            data={"buttons": None},
            metadata={"utter_action": "utter_x"},
        )
        if self.chance(0.04, "undo"):
            self.emit("undo")
        if self.chance(0.03, "reset slots"):
            self.emit("reset_slots")
            self.slots.clear()

    def oddities(self) -> None:
        if self.chance(0.2, "unknown type"):
            self.emit("flow_telepathy", flow_id="transfer", stamped=False)
        if self.chance(0.1, "agent"):
            self.emit("agent", text="A human here.", data={})
        if self.chance(0.1, "future"):
            message = {
                "sender_id": self.sender,
                "event": "bot",
                "timestamp": NOW + 40 * 86_400,
                "text": "hi",
                "data": {},
            }
            self.publish(message)
