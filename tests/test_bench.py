"""The benchmarks' streams are what they say, and every benchmark runs (at a scale that measures nothing)."""

import gzip
import json
import os
import subprocess
import sys
from itertools import islice, pairwise
from pathlib import Path

import pytest

from bench import rows, streams
from tests.services import CHECKOUT

CONVERSATIONS = streams.generated(30)


def senders(messages: list[streams.Message]) -> list[str]:
    return [json.loads(message.body)["sender_id"] for message in messages]


def test_a_stream_has_as_many_events_as_asked_and_none_twice() -> None:
    messages = list(streams.stream(CONVERSATIONS, 5_000))
    assert len(messages) == 5_000
    assert len({message.body for message in messages}) == 5_000


def test_the_same_seed_gives_the_same_stream_and_another_one_another() -> None:
    one = list(streams.stream(CONVERSATIONS, 500, seed=4))
    assert one == list(streams.stream(CONVERSATIONS, 500, seed=4))
    assert not set(senders(one)) & set(senders(list(streams.stream(CONVERSATIONS, 500, seed=5))))


def test_a_longer_stream_begins_like_a_shorter_one() -> None:
    assert list(islice(streams.stream(CONVERSATIONS, 900), 300)) == list(streams.stream(CONVERSATIONS, 300))


def test_a_stream_is_in_order_of_time_and_in_the_past() -> None:
    times = [json.loads(message.body)["timestamp"] for message in streams.stream(CONVERSATIONS, 3_000)]
    assert times == sorted(times)
    assert min(times) >= streams.BEGIN


def test_more_than_fifty_conversations_run_at_once() -> None:
    found = senders(list(streams.stream(CONVERSATIONS, 10_000)))
    middle = streams.at_once(found)[1_000:-2_000]
    assert min(middle) > 50
    assert len(set(found[5_000:5_500])) > 30  # in one batch of a consumer


def test_at_once_counts_from_the_first_to_the_last_message_of_a_conversation() -> None:
    assert streams.at_once(["a", "b", "a", "c", "b"]) == [1, 2, 2, 2, 1]


def test_a_copy_differs_from_the_recorded_conversation_in_sender_and_time_alone() -> None:
    recorded = CONVERSATIONS[7]
    messages = [
        message for message in streams.stream([recorded], 5_000) if b'"customer-1-3-1"' in message.body
    ]
    assert len(messages) == len(recorded)
    for message, step in zip(messages, recorded, strict=True):
        body = json.loads(message.body)
        assert {**body, "sender_id": "", "timestamp": 0.0} == json.loads(json.dumps(step.event))
        assert message.app_id == step.app_id
    # What Rasa publishes in one go stays so.
    gaps = [after.offset - before.offset for before, after in pairwise(recorded)]
    times = [json.loads(message.body)["timestamp"] for message in messages]
    new_gaps = [after - before for before, after in pairwise(times)]
    for gap, new_gap in zip(gaps, new_gaps, strict=True):
        if gap < streams.BURST:
            assert new_gap == pytest.approx(gap, abs=1e-5)
        else:
            assert streams.TYPING[0] <= new_gap <= streams.TYPING[1] + 1e-5


def test_a_recording_is_read_by_sender_and_in_order_of_time(tmp_path: Path) -> None:
    events = [("ann", 20.0), ("bob", 21.0), ("ann", 19.5)]
    path = tmp_path / "recording.jsonl.gz"
    with gzip.open(path, "wt") as file:
        for sender, at in events:
            body = json.dumps({"sender_id": sender, "event": "bot", "timestamp": at})
            file.write(json.dumps({"properties": {"app_id": "staging"}, "body": body}) + "\n")
    ann, bob = streams.recorded(path)
    assert [step.offset for step in ann] == [0.0, 0.5]
    assert [step.event["sender_id"] for step in (*ann, *bob)] == ["ann", "ann", "bob"]
    assert {step.app_id for step in (*ann, *bob)} == {"staging"}


def test_the_sample_that_the_environment_names_is_multiplied_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ENTERPRISE_SAMPLES", raising=False)
    without = streams.sources()
    with gzip.open(tmp_path / streams.SAMPLE, "wt") as file:
        body = json.dumps({"sender_id": "x", "event": "bot", "timestamp": 5.0})
        file.write(json.dumps({"properties": {}, "body": body}) + "\n")
    monkeypatch.setenv("ENTERPRISE_SAMPLES", str(tmp_path))
    found = streams.sources()
    assert len(found.conversations) == len(without.conversations) + 1
    assert streams.SAMPLE in found.names


def test_wrong_rows_are_told() -> None:
    clean = rows.Fingerprint((("events", 10, "77"),), (("sum of n_events", 10),), delivered=10)
    assert rows.problems(clean, 10, clean) == []
    lost = rows.Fingerprint((("events", 9, "70"),), (("sum of n_events", 10),), delivered=9)
    said = rows.problems(lost, 10, clean)
    assert len(said) == 3
    assert "published 10, stored or counted as duplicates 9" in said


def bench(*arguments: str) -> str:
    """What `python -m bench` prints; it makes databases and queues of its own on the shared servers."""
    done = subprocess.run(
        [sys.executable, "-m", "bench", *arguments],
        cwd=CHECKOUT,
        env={**os.environ, "ENTERPRISE_SAMPLES": "", "DATABASE_URL": ""},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def goals(said: str) -> int:
    return sum(line.strip().startswith("goal ") for line in said.splitlines())


@pytest.mark.services("postgres", "rabbitmq")
def test_writing_runs() -> None:
    said = bench("writing", "--events", "600", "--naive", "20", "--late", "20", "--repetitions", "1")
    assert "rows of every whole path: 600 events" in said
    assert "WRONG" not in said
    assert goals(said) == 3


@pytest.mark.services("postgres", "rabbitmq")
def test_the_profile_of_writing_names_statements_and_functions() -> None:
    said = bench("writing", "--events", "600", "--profile")
    assert "INSERT INTO conversations_event" in said
    assert "conversations/store.py:store" in said


@pytest.mark.services("postgres", "rabbitmq")
def test_memory_runs() -> None:
    assert goals(bench("memory", "--events", "300", "--large", "2")) == 2


@pytest.mark.services("postgres", "rabbitmq")
def test_latency_runs() -> None:
    assert goals(bench("latency", "--seconds", "1", "--turns", "2", "--poll", "0.1")) == 2


def test_sqlite_runs() -> None:
    assert goals(bench("sqlite", "--events", "500", "--reviewers", "3")) == 2


def test_without_servers_a_benchmark_says_how_to_call_it() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench", "writing"],
        cwd=CHECKOUT,
        env={name: value for name, value in os.environ.items() if not name.startswith("TEST_")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "bin/bench" in done.stderr
    assert "Traceback" not in done.stderr
