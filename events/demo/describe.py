"""Say in Markdown what a recording contains; run as a module it rewrites recording.md from recording.jsonl.gz."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent


def describe(messages: list[dict[str, Any]], size: int) -> str:
    """The text of recording.md for recorded `messages`, whose compressed file has `size` bytes."""
    types: Counter[str] = Counter()
    intents: Counter[str] = Counter()
    actions: Counter[str] = Counter()
    policies: Counter[str] = Counter()
    channels: Counter[str] = Counter()
    environments: Counter[str] = Counter()
    content: Counter[str] = Counter()
    sessions: Counter[str] = Counter()
    versions: set[str] = set()
    before: dict[str, str] = {}
    for message in messages:
        event = json.loads(message["body"])
        sender, kind = event["sender_id"], event["event"]
        types[kind] += 1
        environments[message["properties"].get("app_id", "(none)")] += 1
        versions.add((event.get("metadata") or {}).get("model_id", ""))
        if kind == "user":
            intents[(event["parse_data"].get("intent") or {}).get("name") or "(none)"] += 1
            channels[event.get("input_channel") or "(none)"] += 1
        elif kind == "action":
            actions[event["name"]] += 1
            policies[event["policy"] or "(none)"] += 1
            if event["name"] == "action_session_start" and before.get(sender) != "restart":
                sessions[sender] += 1
        elif kind == "bot":
            content.update(name for name, value in event["data"].items() if value)
            content["text"] += bool(event["text"])
        before[sender] = kind
    many = [f"`{sender}` {count}" for sender, count in sessions.most_common(6)]
    parts = [
        "# The recording of the demo assistant\n",
        (
            "Written by `bin/record-demo`, which trains the assistant, runs it on a real Rasa 3.6.21, lets the customers of "
            "`talk.py` talk to it and keeps every message as published: one JSON object a line with the AMQP `properties` "
            "and the `body` text. Times are those of the recording; `repace.py` brings them to human pace when the demo is "
            "loaded. The company, the people and the numbers are invented.\n"
        ),
        "Made anew: `bin/record-demo` (about ten minutes on two cores).\n",
        f"- {len(messages):,} events, {size:,} bytes compressed",
        (
            f"- {sum(sessions.values()):,} sessions of {len(before):,} conversations "
            "(a restart does not count as a session); the most: " + ", ".join(many)
        ),
        f"- {len(versions - {''})} model; environments: {table(environments)}",
        f"- channels of user messages: {table(channels)}",
        f"- event types: {table(types)}",
        f"- {len(intents)} intents: {table(intents)}",
        f"- {len(actions)} actions: {table(actions)}",
        f"- policies: {table(policies)}",
        f"- bot messages with: {table(content)}\n",
    ]
    return "\n".join(parts)


def table(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.most_common())


if __name__ == "__main__":
    recording = HERE / "recording.jsonl.gz"
    with gzip.open(recording, "rt", encoding="utf-8") as lines:
        recorded = [json.loads(line) for line in lines]
    (HERE / "recording.md").write_text(describe(recorded, recording.stat().st_size), encoding="utf-8")
