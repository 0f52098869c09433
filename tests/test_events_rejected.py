"""What is no event: kept to the byte, once, listed, replayed after a fix."""

import base64
import json
import time
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from conversations.identity import NotAnEvent
from conversations.models import Event
from events import decode as decode_module
from events.models import RejectedMessage, Source
from events.rejected import Rejected, body_of, delete_file, keep, replay, write_large
from events.sources import Message

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

GOOD = b'{"sender_id": "u", "event": "user", "timestamp": 1.7e9, "text": "hi"}'


@pytest.fixture
def source() -> Source:
    return Source.objects.create(
        key="k", kind="rabbitmq", label="amqp://h/", assistant="bank", created_at=time.time()
    )


def kept(source: Source, *bodies: bytes, reason: str = "because", now: float = 1e9, **facts: Any) -> None:
    rejected = [Rejected(Message(body, **facts), reason) for body in bodies]
    write_large(rejected)
    keep(source.pk, rejected, now=now)


def test_the_same_body_is_one_row_that_counts(source: Source):
    kept(source, b"a", b"b", b"a", now=1e9)
    kept(source, b"a", now=1e9 + 5)
    rows = {body_of(row): row for row in RejectedMessage.objects.all()}
    assert {body: row.count for body, row in rows.items()} == {b"a": 3, b"b": 1}
    assert (rows[b"a"].first_at, rows[b"a"].last_at) == (1e9, 1e9 + 5)


def test_two_sources_keep_their_own(source: Source):
    other = Source.objects.create(key="o", kind="file", label="file:///x", created_at=1.0)
    kept(source, b"a")
    kept(other, b"a")
    assert RejectedMessage.objects.count() == 2


@pytest.mark.parametrize("body", [b"", b"\x00\xff", "ü\u0000".encode(), b"x" * 1_000_000])
def test_every_body_is_kept_to_the_byte(source: Source, body: bytes):
    kept(source, body)
    row = RejectedMessage.objects.get()
    assert body_of(row) == body
    assert row.size == len(body)


def test_a_body_over_sixteen_megabytes_is_kept_in_a_file(source: Source, settings: Any, tmp_path: Path):
    settings.DATA_DIR = tmp_path
    body = bytes(range(256)) * 65_537
    kept(source, body, body)
    kept(source, body)
    row = RejectedMessage.objects.get()
    assert row.body is None
    assert body_of(row) == body
    assert row.count == 3
    assert [path.read_bytes() == body for path in (tmp_path / "rejected").iterdir()] == [True]
    delete_file(row)
    assert list((tmp_path / "rejected").iterdir()) == []


def test_after_a_fix_rejected_messages_become_events_with_their_facts(
    source: Source, monkeypatch: pytest.MonkeyPatch
):
    kept(source, GOOD, environment="prod", is_export=True)
    kept(source, b"junk", reason="an old reason")
    result = replay(RejectedMessage.objects.all())
    assert (result.stored, result.duplicates, result.rejected) == (1, 0, 1)
    event = Event.objects.get()
    assert (event.environment, event.is_export, event.conversation.assistant.name) == ("prod", True, "bank")
    done, still = RejectedMessage.objects.order_by("replayed_at")
    if done.replayed_at is None:
        done, still = still, done
    assert done.replayed_at is not None
    assert body_of(done) == GOOD
    assert still.replayed_at is None
    assert "not JSON" in still.reason


def test_a_replay_of_a_known_event_stores_nothing_twice(source: Source):
    kept(source, GOOD)
    replay(RejectedMessage.objects.all())
    again = replay(RejectedMessage.objects.all())
    assert (again.stored, again.duplicates) == (0, 1)
    assert Event.objects.count() == 1


def test_a_replay_after_a_mistake_of_ours_is_mended(source: Source, monkeypatch: pytest.MonkeyPatch):
    def broken(_event: object) -> None:
        raise NotAnEvent("a mistake of ours")

    with monkeypatch.context() as patch:
        patch.setattr(decode_module, "read", broken)
        kept(source, GOOD)
        assert replay(RejectedMessage.objects.all()).rejected == 1
        assert RejectedMessage.objects.get().reason == "a mistake of ours"
    assert replay(RejectedMessage.objects.all()).stored == 1


def test_a_body_that_is_rejected_again_after_a_replay_is_open_again(source: Source):
    kept(source, GOOD)
    replay(RejectedMessage.objects.all())
    kept(source, GOOD)
    assert RejectedMessage.objects.get().replayed_at is None


def test_a_lost_file_is_a_reason_and_no_crash(source: Source, settings: Any, tmp_path: Path):
    settings.DATA_DIR = tmp_path
    kept(source, b"x" * 17_000_000)
    delete_file(RejectedMessage.objects.get())
    assert replay(RejectedMessage.objects.all()).rejected == 1
    assert "cannot be read" in RejectedMessage.objects.get().reason


def test_many_large_rows_are_replayed_in_several_batches(source: Source, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("events.rejected.REPLAY_MESSAGES", 2)
    bodies = [json.dumps({**json.loads(GOOD), "timestamp": 1.7e9 + at}).encode() for at in range(5)]
    kept(source, *bodies)
    assert replay(RejectedMessage.objects.order_by("id").iterator()).stored == 5


# The command


def test_the_command_lists_replays_and_exports(source: Source, capsys: pytest.CaptureFixture[str]):
    kept(source, GOOD, b"junk", b"junk", reason="why not")
    call_command("rejected_messages", "list")
    listed = capsys.readouterr().out
    assert listed.count("why not") == 2
    assert "(2 times)" in listed
    call_command("rejected_messages", "export")
    exported = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {base64.b64decode(entry["body"]) for entry in exported} == {GOOD, b"junk"}
    call_command("rejected_messages", "replay")
    assert "1 stored, 0 known already, 1 still rejected" in capsys.readouterr().out
    call_command("rejected_messages", "list")
    assert capsys.readouterr().out.count("amqp://h/") == 1
    call_command("rejected_messages", "list", all=True, limit=1)
    assert capsys.readouterr().out.count("amqp://h/") == 1


def test_the_command_chooses_by_source_and_id(source: Source, capsys: pytest.CaptureFixture[str]):
    kept(source, b"a", b"b")
    first = RejectedMessage.objects.earliest("id")
    call_command("rejected_messages", "list", id=[first.pk])
    assert capsys.readouterr().out.startswith(f"{first.pk} ")
    call_command("rejected_messages", "list", source="elsewhere")
    assert capsys.readouterr().out == ""
