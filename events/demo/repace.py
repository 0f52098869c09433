"""Bring the recording to human pace: the same events, as if people had said it all over the last days.

The recording was made by a script, minutes for what takes people weeks. Here every turn keeps its inner order and its
microsecond gaps, only the pauses change: reading and typing before a message, a longer wait for slow actions, silences,
nights, and more than an hour where a new session began (the assistant's sessions expire after 60 minutes).
Pure Python; deterministic by `seed` for a given `now`.
"""

from __future__ import annotations

import datetime
import json
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

Event = dict[str, Any]

# Seconds. Rasa compares with the last user message, so a pause inside a session must stay below the expiry.
SESSION_EXPIRY = 3600.0
LONGEST_PAUSE = 3300.0
# A gap below this is bookkeeping inside Rasa; above it, a model or an action server was working.
WORKING_GAP = 0.005
SLOWEST_WORK = 4.0
# Nothing ends later than this before now: the newest demo event must not race with the clock of the server.
MARGIN = 5.0

# How busy a support chat is, by UTC hour, and by weekday from Monday.
BY_HOUR = (2, 1, 1, 1, 1, 3, 8, 18, 32, 40, 42, 38, 34, 32, 34, 36, 38, 40, 44, 46, 38, 26, 14, 6)
BY_WEEKDAY = (1.0, 0.95, 0.9, 0.9, 0.85, 0.6, 0.5)


@dataclass
class Recorded:
    """One message of the recording: when Rasa said it (seconds), the decoded event, the AMQP properties."""

    at: float
    event: Event
    properties: dict[str, Any]


@dataclass
class Burst:
    """What Rasa published in one go: a user's turn, or what another system put in between."""

    messages: list[Recorded] = field(default_factory=list)
    starts_session: bool = False

    @property
    def first(self) -> Event:
        return self.messages[0].event

    @property
    def user(self) -> Event | None:
        return next((message.event for message in self.messages if message.event["event"] == "user"), None)


@dataclass
class Visit:
    """The bursts of one session and the second, counted from its beginning, at which each message happens."""

    bursts: list[Burst]
    seconds: list[float]
    reminders: dict[int, float]  # place of a reminder among the messages -> second at which it fires

    @property
    def length(self) -> float:
        return max(self.seconds)

    def messages(self) -> Iterator[Recorded]:
        for burst in self.bursts:
            yield from burst.messages


def repaced(
    lines: Iterable[str], *, now: float, days: int = 30, seed: int = 7
) -> list[tuple[float, str, dict[str, Any]]]:
    """The recording's `lines` at human pace, ending before `now` (seconds UTC) and spread over `days` days.

    Each item is (time in seconds UTC, body text as Rasa would publish it, AMQP properties), sorted by time; equal times
    keep the recorded order. A customer with more sessions than fit into `days` began earlier.
    Raises ValueError (json.JSONDecodeError among them) or KeyError for lines that are not a recording.
    """
    conversations: dict[str, list[Recorded]] = {}
    for line in lines:
        if line.strip():
            message = json.loads(line)
            event: Event = json.loads(message["body"])
            recorded = Recorded(float(event["timestamp"]), event, message["properties"])
            conversations.setdefault(event["sender_id"], []).append(recorded)
    result: list[tuple[float, str, dict[str, Any]]] = []
    for sender, messages in conversations.items():
        rng = random.Random(f"{seed}/{sender}")  # noqa: S311 - no secret, a demo
        visits = [paced(visit, rng) for visit in split_visits(split_bursts(messages))]
        for visit, start in zip(
            visits, starts([visit.length for visit in visits], now, days, rng), strict=True
        ):
            result.extend(moved(visit, start))
    result.sort(key=lambda item: item[0])
    return result


def split_bursts(messages: list[Recorded]) -> list[Burst]:
    """Cut one conversation where Rasa had finished, or where somebody else began to write.

    Time says nothing here: the script answers faster than the assistant thinks. The order of types does: a turn ends
    with action_listen, and what ends without it (paused, failed) ends with the next message.
    """
    bursts: list[Burst] = []
    finished = True
    last_message_id: str | None = None
    for index, message in enumerate(messages):
        event = message.event
        kind = event["event"]
        following = messages[index + 1].event if index + 1 < len(messages) else {}
        user = bursts[-1].user if bursts else None
        starts_session = _is_session_start(event, following)
        if kind == "user":
            # A fallback repeats the message it has clarified; a new session's first message follows its start.
            repeated = event.get("message_id") is not None and event["message_id"] == last_message_id
            opens = not repeated and not (bursts and bursts[-1].starts_session and user is None)
            last_message_id = event.get("message_id")
        elif starts_session:
            asked_for = user is not None and str(user.get("text")).startswith(("/restart", "/session_start"))
            inside_start = bool(bursts) and bursts[-1].starts_session and user is None
            opens = finished or not (asked_for or inside_start)
        else:
            opens = finished or kind in {"agent", "resume"}
        if opens or not bursts:
            bursts.append(Burst(starts_session=starts_session))
        bursts[-1].messages.append(message)
        finished = kind == "action" and event.get("name") == "action_listen"
    return bursts


def _is_session_start(event: Event, following: Event) -> bool:
    if event["event"] == "slot":
        return (
            event.get("name") == "session_started_metadata" and _is_session_start(following, {})
            if following
            else False
        )
    return bool(event["event"] == "action" and event.get("name") == "action_session_start")


def split_visits(bursts: list[Burst]) -> list[list[Burst]]:
    """Group bursts into sessions: a new one where Rasa began one by itself, after a silence."""
    visits: list[list[Burst]] = []
    for burst in bursts:
        if burst.starts_session or not visits:
            visits.append([])
        visits[-1].append(burst)
    return visits


def paced(bursts: list[Burst], rng: random.Random) -> Visit:
    """The session's bursts with human pauses between them, from second 0."""
    seconds: list[float] = []
    reminders: dict[int, float] = {}
    open_reminder: int | None = None
    clock = last_user = 0.0
    shown = ""
    for burst in bursts:
        if seconds:
            wait = pause(burst, shown, rng)
            clock = min(clock + wait, max(clock + 1.0, last_user + LONGEST_PAUSE))
        slowness = rng.uniform(2.0, 6.0)
        before = burst.messages[0].at
        end = clock
        for message in burst.messages:
            gap = message.at - before
            before = message.at
            if gap > WORKING_GAP:
                gap = max(gap, min(gap * slowness, SLOWEST_WORK))
            clock += gap
            end = max(end, clock)
            kind = message.event["event"]
            if kind == "user":
                last_user = clock
                if open_reminder is not None and str(message.event.get("text")).startswith("EXTERNAL: "):
                    reminders[open_reminder] = clock
                    open_reminder = None
            elif kind == "reminder":
                open_reminder = len(seconds)
            elif kind == "cancel_reminder":
                open_reminder = None
            seconds.append(clock)
        clock = end
        shown = " ".join(str(m.event.get("text") or "") for m in burst.messages if m.event["event"] == "bot")
    return Visit(bursts, seconds, reminders)


def pause(burst: Burst, shown: str, rng: random.Random) -> float:
    """Seconds between what was `shown` last and this burst: reading, thinking, typing; or somebody else's delay."""
    first = burst.first
    text = str(first.get("text") or "")
    if first["event"] == "agent":
        return rng.uniform(15, 90) + len(text) / 6
    if first["event"] != "user":
        return rng.uniform(3, 30)
    if text.startswith("EXTERNAL: "):
        return rng.uniform(8, 40) * 60
    if text.startswith("/session_start"):
        return rng.uniform(15, 50) * 60
    reading = min(len(shown) / 28, 14.0)
    thinking = rng.lognormvariate(0.7, 0.7)
    if text.startswith("/"):
        return reading + 0.6 + thinking
    if rng.random() < 0.04:
        thinking += rng.uniform(3, 25) * 60
    speed = 3.8 if first.get("input_channel") == "whatsapp" else 5.2
    return reading + thinking + min(len(text) / speed, 75.0)


def starts(lengths: list[float], now: float, days: int, rng: random.Random) -> list[float]:
    """When sessions of these `lengths` (seconds) begin: busy hours preferred, over an hour apart, all over by `now`."""
    wanted = sorted(_busy_moment(now, days, rng) for _ in lengths)
    latest = now - MARGIN
    for place in range(len(lengths) - 1, -1, -1):
        wanted[place] = min(wanted[place], latest - lengths[place])
        latest = wanted[place] - SESSION_EXPIRY - rng.uniform(60, 1800)
    return wanted


def _busy_moment(now: float, days: int, rng: random.Random) -> float:
    while True:
        moment = now - rng.random() * days * 86400
        at = datetime.datetime.fromtimestamp(moment, datetime.UTC)
        if rng.random() * max(BY_HOUR) < BY_HOUR[at.hour] * BY_WEEKDAY[at.weekday()]:
            return moment


def moved(visit: Visit, start: float) -> Iterator[tuple[float, str, dict[str, Any]]]:
    """The messages of a session that begins at `start`, with their times rewritten."""
    for place, (message, second) in enumerate(zip(visit.messages(), visit.seconds, strict=True)):
        at = start + second
        event = {**message.event, "timestamp": at}
        if event["event"] == "reminder":
            event["date_time"] = _reminder_time(event, message.at, at, start, visit.reminders.get(place))
        yield at, json.dumps(event), message.properties


def _reminder_time(event: Event, recorded_at: float, at: float, start: float, fires: float | None) -> str:
    planned = datetime.datetime.fromisoformat(event["date_time"])
    if planned.tzinfo is None:
        planned = planned.replace(tzinfo=datetime.UTC)
    due = start + fires if fires is not None else at + planned.timestamp() - recorded_at
    return datetime.datetime.fromtimestamp(due, datetime.UTC).isoformat()
