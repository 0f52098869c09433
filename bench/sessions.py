"""Fills a database with many sessions by COPY: rows as the store would have written them, only sooner.

A few hundred shapes of sessions go through the product's own reading and summing; each session is a shape at a time
of its own. Some values, words and lengths occur only in the oldest sessions, where a list by newest activity finds
them last.
"""

import io
import json
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.core.management.color import no_style
from django.db import connection

from conversations import models
from conversations.identity import parse, sender_hash
from conversations.reading import EventRow, read
from conversations.rows import ADDED, VALUE_COLUMNS, SessionRow
from conversations.summary import LAST_TURN, total
from conversations.tokens import words
from conversations.words import _vector

NOW = 1_790_000_000.0
DAYS = 347
OLDEST = 0.08  # the share of sessions, at the beginning, that speak of what nobody speaks of later
INTENTS = [f"ask_{index:02d}" for index in range(40)]
ACTIONS = [f"utter_ask_{index:02d}" for index in range(40)]
VOCABULARY = [f"word{index:04d}" for index in range(3000)]
EVENT_COLUMNS = (
    "conversation_id", "timestamp", "rank", "hash", "type", "name", "predicted", "confidence", "text", "words",
    "environment", "is_export", "is_future", "received_at", "body",
)  # fmt: skip


@dataclass
class Shape:
    """A session without its time: events at offsets from its start (seconds), their sum, the words of each side."""

    events: list[tuple[EventRow, str]]
    row: SessionRow
    values: dict[tuple[int, str], int]
    sides: dict[int, list[str]]
    environment: str

    @property
    def last_user(self) -> int:
        """The place of its last user event, counted from 1."""
        return max(index for index, (row, _) in enumerate(self.events, 1) if row.type == "user")


def _user(rng: random.Random, intent: str, confidence: float, text: str, channel: str) -> dict[str, Any]:
    ranking = [{"name": name, "confidence": round(rng.random() / 10, 6)} for name in rng.sample(INTENTS, 3)]
    if confidence < 0.3:
        parsed: dict[str, Any] = {"name": "nlu_fallback", "confidence": 0.3}
        ranking = [parsed, {"name": intent, "confidence": confidence}, *ranking]
    else:
        parsed = {"name": intent, "confidence": confidence}
    parse_data = {"intent": parsed, "entities": [], "text": text, "intent_ranking": ranking}
    return {"event": "user", "text": text, "input_channel": channel, "parse_data": parse_data}


def shape(rng: random.Random, *, is_old: bool, n_events: int | None = None) -> Shape:
    """One shape; `n_events` (default: 30 on average, many short, few long) is met within a turn."""
    turns = (n_events or 0) // 5 or max(1, min(60, round(rng.lognormvariate(1.55, 0.55))))
    channel = (
        "telex" if is_old and rng.random() < 0.5 else rng.choice(["rest", "rest", "socketio", "telegram"])
    )
    environment = (
        "retired" if is_old and rng.random() < 0.5 else rng.choice(["production", "production", "staging"])
    )
    events: list[dict[str, Any]] = [
        {"event": "action", "name": "action_session_start", "policy": None, "confidence": 1.0},
        {"event": "session_started"},
        {"event": "action", "name": "action_listen", "policy": None, "confidence": None},
    ]
    for _ in range(turns):
        number = min(39, int(rng.paretovariate(0.9)) - 1)
        intent, action = INTENTS[number], ACTIONS[number]
        if is_old and rng.random() < 0.12:
            intent, action = "ask_telegraph", "utter_telegraph"
        confidence = round(min(1.0, rng.betavariate(12, 1.2) * rng.choices([1, 0.3], [97, 3])[0]), 6)
        said = (
            rng.choices(VOCABULARY[:300], k=4)
            + rng.choices(VOCABULARY, k=3)
            + ["please"] * (rng.random() < 0.3)
        )
        said += ["refund"] * (rng.random() < 0.006) + ["telegraph", "wire"] * (intent == "ask_telegraph")
        answer = rng.choices(VOCABULARY[:500], k=12)
        events += [
            _user(rng, intent, confidence, " ".join(said), channel),
            {"event": "action", "name": action, "policy": "RulePolicy", "confidence": 1.0},
            {"event": "bot", "text": " ".join(answer), "data": {}, "metadata": {"utter_action": action}},
            {"event": "slot", "name": f"slot_{number % 7}", "value": number},
            {"event": "action", "name": "action_listen", "policy": "RulePolicy", "confidence": 1.0},
        ]
    read_events: list[tuple[EventRow, str]] = []
    for index, event in enumerate(events):
        placed = {
            **event,
            "timestamp": 1_000_000_000.0 + index * 1.25,
            "metadata": {"model_id": "m1"} | event.get("metadata", {}),
        }
        text = json.dumps({"sender_id": "@", **placed})
        read_events.append((read(parse(text)), text))
    summary = total((row, environment, row.timestamp) for row, _ in read_events)
    sides: dict[int, list[str]] = {1: [], 2: []}
    for row, _ in read_events:
        if row.said:
            sides[1 if row.type == "user" else 2].append(row.said)
    rows = [row for row, _ in read_events]
    session = SessionRow(0, 0, 0, rows[0].key, rows[-1].key, summary)
    return Shape(read_events, session, summary.values, sides, environment)


def copy(table: str, columns: tuple[str, ...], lines: Iterator[str]) -> None:
    """COPY tab-separated lines into a table, some megabytes at a time."""
    names = ", ".join(f'"{name}"' for name in columns)
    with connection.cursor() as cursor, cursor.copy(f"COPY {table} ({names}) FROM STDIN") as into:
        buffer = io.StringIO()
        for number, line in enumerate(lines, 1):
            buffer.write(line)
            if not number % 5_000:
                into.write(buffer.getvalue())
                buffer = io.StringIO()
        into.write(buffer.getvalue())


def text(value: Any) -> str:
    """A value as COPY reads it."""
    match value:
        case None:
            return "\\N"
        case bool():
            return "t" if value else "f"
        case bytes():
            return "\\\\x" + value.hex()
        case str():
            return value.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
        case _:
            return repr(value)


def line(values: tuple[Any, ...]) -> str:
    return "\t".join(map(text, values)) + "\n"


@dataclass
class Plan:
    """Which session is which shape at which time. Session and conversation ids count from 1."""

    shapes: list[Shape]
    numbers: list[int]  # of the shape, by session
    starts: list[float]
    assistant_id: int

    def sessions(self) -> Iterator[tuple[int, Shape, float]]:
        for index, number in enumerate(self.numbers):
            yield index + 1, self.shapes[number], self.starts[index]


def plan(n_sessions: int, assistant_id: int) -> Plan:
    """Sessions in order of their start, of about 30 events; one of 5,000 events and one of 100 stand at the end."""
    rng = random.Random(20260101)
    young = [shape(rng, is_old=False) for _ in range(600)]
    old = [shape(rng, is_old=True) for _ in range(200)]
    shapes = [*young, *old, shape(rng, is_old=False, n_events=100), shape(rng, is_old=False, n_events=5_000)]
    n_old = int(n_sessions * OLDEST)
    numbers = [
        len(young) + rng.randrange(len(old)) if index < n_old else rng.randrange(len(young))
        for index in range(n_sessions - 2)
    ]
    numbers += [len(shapes) - 2, len(shapes) - 1]
    span = DAYS * 86_400
    starts = sorted(NOW - span + rng.random() * span for _ in range(n_sessions))
    return Plan(shapes, numbers, [round(start, 3) for start in starts], assistant_id)


def fill(what: Plan) -> None:
    """Write all rows of the plan into empty tables, indexes last. PostgreSQL only."""
    with _without_indexes():
        copy("conversations_conversation", *_conversations(what))
        copy("conversations_session", (*ADDED, "watermark"), _sessions(what))
        copy("conversations_sessionvalue", VALUE_COLUMNS, _values(what))
        copy("conversations_event", EVENT_COLUMNS, _events(what))
        copy("conversations_searchchunk", ("session_id", "side", "size", "is_open", "vector"), _chunks(what))
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), [models.Conversation, models.Session]):
            cursor.execute(statement)
        cursor.execute("VACUUM ANALYZE")


def _conversations(what: Plan) -> tuple[tuple[str, ...], Iterator[str]]:
    columns = (
        "id", "assistant_id", "sender_hash", "sender_id", "n_events", "n_sessions", "marks_sessions", "first_at",
        "last_at", "tail", "activity_at", "revision", "created_at", "is_stale",
    )  # fmt: skip

    def lines() -> Iterator[str]:
        for pk, form, start in what.sessions():
            sender = f"sender-{pk:07d}"
            last = start + form.row.last[0] - form.row.start[0]
            yield line((
                pk, what.assistant_id, sender_hash(sender), sender, len(form.events), 1, True, start, last, "[]",
                last, 1, start, False,
            ))  # fmt: skip

    return columns, lines()


def _placed(form: Shape, pk: int, start: float, assistant_id: int) -> SessionRow:
    shift = start - form.row.start[0]
    row = SessionRow(
        pk,
        pk,
        assistant_id,
        (start, *form.row.start[1:]),
        (form.row.last[0] + shift, *form.row.last[1:]),
        form.row.summary,
    )
    row.summary.activity_at = row.last[0]
    return row


def _review(pk: int) -> tuple[str, int]:
    """What the session's review row says, and its verdict: 1 looked at, 2 went well, 3 broke; few have changed since."""
    if pk % 5 < 3:
        return "unread", 0
    return "changed" if pk % 50 == 4 else "reviewed", 1 + pk % 3


def _sessions(what: Plan) -> Iterator[str]:
    n_events = 0  # ids count from 1 in the order in which events are copied
    for pk, form, start in what.sessions():
        row = _placed(form, pk, start, what.assistant_id)
        row.turns_known = row.summary.n_turns < LAST_TURN
        row.newest_turn = n_events + form.last_user
        n_events += len(form.events)
        review, verdict = _review(pk)
        watermark = None if review == "unread" else row.newest_turn - (review == "changed")
        yield line((*row.added()[:-1], verdict, watermark))


def _values(what: Plan) -> Iterator[str]:
    kinds = models.SessionValue.Kind
    for pk, form, start in what.sessions():
        review, verdict = _review(pk)
        said = {(int(kinds.REVIEW), review): 0}
        if verdict:
            said[int(kinds.VERDICT), models.Session.Verdict(verdict).label] = 0
        for row in _placed(form, pk, start, what.assistant_id).value_rows({**form.values, **said}):
            yield line(row)


def _events(what: Plan) -> Iterator[str]:
    heads: dict[int, list[tuple[float, str, str, str]]] = {}
    for pk, form, start in what.sessions():
        parts = heads.get(id(form))
        if parts is None:
            parts = heads[id(form)] = [_event_parts(row, body, form.environment) for row, body in form.events]
        shift = start - form.row.start[0]
        digests = os.urandom(16 * len(parts)).hex()
        ends = (form.row.start[2].hex(), form.row.last[2].hex())
        for index, (at, rank, middle, body) in enumerate(parts):
            # The first and the last event are named by the session's row.
            digest = digests[index * 32 : index * 32 + 32]
            digest = ends[0] if index == 0 else ends[1] if index == len(parts) - 1 else digest
            yield f"{pk}\t{at + shift!r}\t{rank}\t\\\\x{digest}\t{middle}\t{at + shift!r}\t{body.replace('@', f'sender-{pk:07d}')}\n"


def _event_parts(row: EventRow, body: str, environment: str) -> tuple[float, str, str, str]:
    middle = (
        row.type,
        row.name,
        row.predicted,
        row.confidence,
        row.said[:1000],
        row.words,
        environment,
        False,
        False,
    )
    return row.timestamp, str(row.rank), "\t".join(map(text, middle)), text(body)


def _chunks(what: Plan) -> Iterator[str]:
    vectors: dict[int, list[tuple[int, int, bool, str]]] = {}
    for pk, form, _start in what.sessions():
        chunks = vectors.get(id(form))
        if chunks is None:
            chunks = vectors[id(form)] = [chunk for side in (1, 2) for chunk in _side(side, form.sides[side])]
        for side, size, is_open, vector in chunks:
            yield f"{pk}\t{side}\t{size}\t{'t' if is_open else 'f'}\t{vector}\n"


def _side(side: int, messages: list[str]) -> Iterator[tuple[int, int, bool, str]]:
    for first in range(0, len(messages), 50):
        part = [words(message) for message in messages[first : first + 50]]
        yield side, sum(map(len, part)), first + 50 >= len(messages), text(_vector(part))


class _without_indexes:  # noqa: N801 - reads as a sentence in `with`
    """Indexes that are no constraints are dropped and made again: a fifth of the time."""

    TABLES = ("session", "sessionvalue", "event", "searchchunk", "conversation")

    def __enter__(self) -> None:
        names = ", ".join(f"'conversations_{table}'" for table in self.TABLES)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index i"
                f" WHERE indrelid::regclass::text IN ({names}) AND NOT indisprimary"
                " AND NOT EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conindid = i.indexrelid)"
            )
            self.indexes: list[tuple[str, str]] = cursor.fetchall()
            for name, _ in self.indexes:
                cursor.execute(f"DROP INDEX {name}")

    def __exit__(self, *_error: object) -> None:
        with connection.cursor() as cursor:
            for _, definition in self.indexes:
                cursor.execute(definition)
