"""Plays one recorded conversation live, turn by turn, so that people see how events arrive."""

import json
import logging
import random
import secrets
import threading
import time
from collections.abc import Callable

from django.db import DatabaseError, connections

from conversations.store import store
from enterprise.schema import NotReady, first_line
from events.demo.load import RECORDING, Timed, envelopes, is_present, recording

log = logging.getLogger(__name__)

SHORTEST, LONGEST = 3, 12  # user messages of a conversation worth watching
LONGEST_PAUSE = 10.0  # seconds between turns; people waited longer, watchers should not

Turn = list[Timed]

_playing = threading.Lock()


def start() -> bool:
    """Play in the background; False when one is playing in this process already, or there is no demo."""
    if not RECORDING.exists() or not is_present() or not _playing.acquire(blocking=False):
        return False
    # A daemon: nobody waits for the end of a play when the process is told to stop.
    threading.Thread(target=_in_background, name="demo-play", daemon=True).start()
    return True


def _in_background() -> None:
    try:
        play(threading.Event())
    except (DatabaseError, NotReady) as error:
        log.warning("the play ended early: %s", first_line(error))
    finally:
        connections.close_all()
        _playing.release()


def play(
    stop: threading.Event, *, pause: float = LONGEST_PAUSE, say: Callable[[str], None] = lambda _text: None
) -> int:
    """Store one conversation as a new customer's, at human pace; how many turns until the end or `stop`.

    `pause` is the longest wait between two turns, in seconds. Raises django.db.Error and NotReady.
    """
    sender = f"live-{secrets.token_hex(3)}"
    turns = choose(recording(time.time()), random.Random())  # noqa: S311 - which one is no secret
    before: float | None = None
    for number, turn in enumerate(turns):
        first = turn[0][0]
        if before is not None and stop.wait(min(pause, first - before)):
            return number
        if not is_present():
            return number
        store(envelopes([_now(message, sender, time.time() - first) for message in turn]))
        say(_what_was_said(turn))
        before = turn[-1][0]
    return len(turns)


def choose(messages: list[Timed], rng: random.Random) -> list[Turn]:
    """The turns of one first session of medium length: each ends when the bot listens again."""
    first_sessions: dict[str, list[tuple[Timed, dict]]] = {}
    finished: set[str] = set()
    for message in messages:
        event = json.loads(message[1])
        sender = event["sender_id"]
        if sender in finished:
            continue
        session = first_sessions.setdefault(sender, [])
        if event["event"] == "action" and event.get("name") == "action_session_start" and len(session) > 1:
            finished.add(sender)
            continue
        session.append((message, event))
    medium = [
        session
        for session in first_sessions.values()
        if SHORTEST <= sum(event["event"] == "user" for _, event in session) <= LONGEST
    ]
    return _turns(rng.choice(medium or list(first_sessions.values())))


def _turns(session: list[tuple[Timed, dict]]) -> list[Turn]:
    turns: list[Turn] = [[]]
    for message, event in session:
        turns[-1].append(message)
        if event["event"] == "action" and event.get("name") == "action_listen":
            turns.append([])
    return [turn for turn in turns if turn]


def _now(message: Timed, sender: str, shift: float) -> Timed:
    at, body, properties = message
    event = json.loads(body)
    return at + shift, json.dumps({**event, "sender_id": sender, "timestamp": at + shift}), properties


def _what_was_said(turn: Turn) -> str:
    said = []
    for _at, body, _properties in turn:
        event = json.loads(body)
        if event["event"] in ("user", "bot") and event.get("text"):
            said.append(f"{event['event']}: {event['text']}")
    return "\n".join(said)
