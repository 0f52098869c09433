"""One customer's chat with the demo assistant: sending messages, slips of the finger, pressing buttons that are shown.

Standard library only, no newer than Python 3.8 (it runs in Rasa's environment).
"""

from __future__ import annotations

import random
import sys
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote

from events.demo import phrases
from events.demo.rasa_server import post_json


@dataclass
class Customer:
    """Somebody with a sender id, who comes `sessions` times over `channel`."""

    sender: str
    channel: str
    sessions: int
    last_seen: float = 0.0
    visits: int = 0


@dataclass
class Chat:
    """One session of one customer: sends messages and remembers what the bot showed last."""

    url: str
    customer: Customer
    rng: random.Random
    channel: str
    sent: int = 0
    shown: list[dict[str, Any]] = field(default_factory=list)

    def say(self, text: str) -> None:
        body: dict[str, Any] = {
            "sender": self.customer.sender,
            "message": text,
            "input_channel": self.channel,
        }
        if self.sent == 0 and self.channel == "webchat" and self.rng.random() < 0.6:
            body["metadata"] = {
                "page": self.rng.choice(phrases.PAGES),
                "locale": self.rng.choice(phrases.LOCALES),
            }
        elif self.channel == "whatsapp" and self.rng.random() < 0.15:
            body["metadata"] = {"profile": self.rng.choice(phrases.FIRST_NAMES)}
        self.sent += 1
        self.shown = post_json(f"{self.url}/webhooks/rest/webhook", body) or []
        self.customer.last_seen = time.monotonic()

    def ask(self, topic: str, clean: bool = False) -> None:
        """One of the ways to say it, sometimes with a slip of the finger, a shout or an emoji."""
        text = self.rng.choice(phrases.SAYINGS[topic])
        if not clean:
            chance = self.rng.random()
            if chance < 0.16:
                text = slip(text, self.rng)
            elif chance < 0.20:
                text = text.upper()
            elif chance < 0.27:
                text = f"{text} {self.rng.choice(phrases.EMOJI)}"
            elif chance < 0.40:
                text = text.lower().rstrip("?.!")
        self.say(text)

    def buttons(self) -> list[dict[str, Any]]:
        return [button for answer in self.shown for button in answer.get("buttons") or []]

    def press(self, wanted: str = "") -> bool:
        """Press the shown button whose title or payload contains `wanted` (any, if empty); False if there is none."""
        fitting = [b for b in self.buttons() if wanted.lower() in (b["title"] + " " + b["payload"]).lower()]
        if not fitting:
            return False
        self.say(self.rng.choice(fitting)["payload"])
        return True

    def maybe(self, chance: float) -> bool:
        return self.rng.random() < chance

    def api(self, path: str, body: Any) -> None:
        """A call of another system (help desk, network operations) about this conversation; plain ids only."""
        try:
            post_json(f"{self.url}/conversations/{quote(self.customer.sender, safe='/')}{path}", body)
        except HTTPError as error:
            print(f"talk: {path} answered {error.code}", file=sys.stderr)  # noqa: T201 - a command's message

    @property
    def addressable(self) -> bool:
        """Rasa's HTTP API does not decode percent signs: other ids cannot be named in its addresses."""
        return all(c.isascii() and (c.isalnum() or c in "-_/") for c in self.customer.sender)


def slip(text: str, rng: random.Random) -> str:
    """The text with one typing mistake: swapped, lost or doubled letters."""
    if len(text) < 4 or text.startswith("/"):
        return text
    at = rng.randrange(1, len(text) - 1)
    kind = rng.randrange(3)
    if kind == 0:
        return text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    if kind == 1:
        return text[:at] + text[at + 1 :]
    return text[:at] + text[at] + text[at:]
