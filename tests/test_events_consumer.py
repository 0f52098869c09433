"""The loop of one source, step by step, with a source made for it and the real store."""

import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection

from conversations.envelope import Envelope
from conversations.models import Event
from conversations.store import Stored, store
from enterprise.schema import NotReady
from events import consumer as consumer_module
from events import registry, service
from events.consumer import Consumer, Outcome
from events.models import RejectedMessage, Source
from events.sources import Batch, Message, Unavailable, from_url

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

ADDRESS = from_url("amqp://nowhere/?assistant=test&queue=q")
START = 1_700_000_000.0


def message(number: int, sender: str = "u1") -> Message:
    event = {"sender_id": sender, "event": "slot", "name": "n", "value": number, "timestamp": START + number}
    return Message(json.dumps(event).encode())


def messages(*numbers: int) -> list[Message]:
    return [message(number) for number in numbers]


class Script:
    """A source that plays a list: lists of messages are batches, None is silence, exceptions are raised."""

    address = ADDRESS
    is_exclusive = False

    def __init__(self, *plays: list[Message] | Exception | None) -> None:
        self.plays = list(plays)
        self.calls: list[str] = []
        self.position: Mapping[str, Any] = {}
        self.acknowledged: list[Batch] = []
        self.connect_error: Exception | None = None

    def connect(self, position: Mapping[str, Any]) -> None:
        self.calls.append("connect")
        if self.connect_error:
            raise self.connect_error
        self.position = position

    def take(self, timeout: float) -> Batch | None:
        self.calls.append("take")
        play = self.plays.pop(0) if self.plays else None
        if isinstance(play, Exception):
            raise play
        if play is None:
            return None
        return Batch(play, None, {"at": len(self.acknowledged) + 1} if self.is_exclusive else None)

    def take_ahead(self, least: int) -> Batch | None:
        return None

    def acknowledge(self, batch: Batch) -> None:
        self.calls.append("acknowledge")
        self.acknowledged.append(batch)

    def heartbeat(self) -> None:
        self.calls.append("heartbeat")

    def pause(self) -> None:
        self.calls.append("pause")

    def close(self) -> None:
        self.calls.append("close")

    def facts(self) -> dict[str, Any]:
        return {"queue_depth": 7}


class Exclusive(Script):
    is_exclusive = True


class FailingStore:
    """Fails as often as told, then stores."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)

    def __call__(self, envelopes: Sequence[Envelope], *, also: Any = None) -> Stored:
        if self.failures:
            raise self.failures.pop(0)
        return store(envelopes, also=also)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumer_module, "RETRY_SECONDS", 0.0)


def consumer(source: Script, **options: Any) -> Consumer:
    return Consumer(ADDRESS, options.pop("stop", threading.Event()), source=source, wait=0.0, **options)


def row() -> Source:
    return Source.objects.get()


def counters() -> tuple[int, int, int]:
    source = row()
    return source.n_stored, source.n_duplicates, source.n_rejected


def test_a_batch_is_stored_counted_and_then_acknowledged():
    source = Script(messages(1, 2), None)
    one = consumer(source)
    before = time.time()
    assert one.step() is True
    assert one.step() is False
    assert Event.objects.count() == 2
    assert counters() == (2, 0, 0)
    assert len(source.acknowledged) == 1
    saved = row()
    assert saved.last_event_at == START + 2
    assert saved.last_received_at is not None
    assert saved.last_received_at >= before
    assert (saved.kind, saved.assistant, saved.connected, saved.problem) == ("rabbitmq", "test", True, "")
    assert saved.facts == {"queue_depth": 7}


def test_what_comes_again_is_counted_as_duplicate():
    one = consumer(Script(messages(1, 2), messages(2, 3, 3)))
    assert [one.step(), one.step()] == [True, True]
    assert counters() == (3, 2, 0)
    assert Event.objects.count() == 3


def test_what_is_no_event_is_kept_with_reason_in_the_same_batch():
    one = consumer(Script([message(1), Message(b"junk\x00", "prod", True), message(2)]))
    one.step()
    assert counters() == (2, 0, 1)
    rejected = RejectedMessage.objects.get()
    assert bytes(rejected.body or b"") == b"junk\x00"
    assert "not JSON" in rejected.reason
    assert rejected.properties == {"environment": "prod", "is_export": True}
    assert (rejected.count, rejected.size) == (1, 5)


def test_a_batch_of_nothing_but_junk_is_kept_and_acknowledged():
    source = Script([Message(b"a"), Message(b"b"), Message(b"a")])
    consumer(source).step()
    assert counters() == (0, 0, 3)
    assert sorted(RejectedMessage.objects.values_list("count", flat=True)) == [1, 2]
    assert len(source.acknowledged) == 1


def test_nothing_is_acknowledged_and_nothing_counted_when_the_commit_fails(monkeypatch: pytest.MonkeyPatch):
    class Gone(BaseException):
        """The process dies before the commit."""

    def dies(point: str) -> None:
        if point == "before commit":
            raise Gone

    monkeypatch.setattr("conversations.store.reached", dies)
    source = Script([message(1), Message(b"junk")])
    with pytest.raises(Gone):
        consumer(source).step()
    assert source.acknowledged == []
    assert counters() == (0, 0, 0)
    assert RejectedMessage.objects.count() == 0


def test_while_the_database_is_away_the_batch_is_kept_and_the_connection_served():
    source = Script(messages(1))
    one = consumer(source, store=FailingStore(OperationalError("server closed"), OperationalError("again")))
    assert [one.step(), one.step()] == [False, False]
    assert "DATABASE_URL" in one.problem
    assert source.calls == ["connect", "take", "heartbeat", "heartbeat"]
    assert one.step() is True
    assert source.calls[4:] == ["acknowledge"]
    assert one.problem == ""
    assert counters() == (1, 0, 0)


def test_a_schema_that_is_not_ours_is_waited_for_like_a_database_that_is_away():
    source = Script(messages(1))
    one = consumer(source, store=FailingStore(NotReady("the schema is being migrated")))
    one.step()
    assert "the schema is being migrated" in one.problem
    assert one.step() is True
    assert counters() == (1, 0, 0)


def test_after_a_minute_the_messages_are_given_back_once_and_taken_again_later(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(consumer_module, "HOLD_SECONDS", 0.0)
    source = Script(messages(1), messages(1))
    away = True

    def check(_connection: object) -> None:
        if away:
            raise OperationalError("no route")

    monkeypatch.setattr(consumer_module, "check_in_batch", check)
    one = consumer(source, store=FailingStore(OperationalError("server closed")))
    for _ in range(4):
        assert one.step() is False
    assert source.calls == ["connect", "take", "pause", "heartbeat", "heartbeat", "heartbeat"]
    away = False
    assert one.step() is True
    assert source.calls[6:] == ["connect", "take", "acknowledge"]
    assert counters() == (1, 0, 0)


def test_a_connection_lost_while_holding_drops_the_batch_which_comes_again():
    class Lossy(Script):
        def heartbeat(self) -> None:
            raise Unavailable("gone")

    source = Lossy(messages(1), messages(1))
    one = consumer(source, store=FailingStore(OperationalError("server closed")))
    one.step()
    assert one.step() is True
    assert source.calls == ["connect", "take", "connect", "take", "acknowledge"]
    assert counters() == (1, 0, 0)


def test_a_source_that_cannot_be_read_is_tried_again_and_its_reason_shown(caplog: pytest.LogCaptureFixture):
    source = Script(messages(1))
    source.connect_error = Unavailable("nothing listens at h:1: start RabbitMQ")
    one = consumer(source)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert one.step() is False
    assert sum("nothing listens" in text for text in caplog.messages) == 1
    assert row().problem == "nothing listens at h:1: start RabbitMQ"
    assert row().connected is False
    source.connect_error = None
    assert one.step() is True
    one.step()
    assert (row().problem, row().connected) == ("", True)


def test_a_lost_connection_is_made_again_and_the_batch_not_acknowledged_twice():
    source = Script(messages(1), Unavailable("lost"), messages(1, 2))
    one = consumer(source)
    assert [one.step(), one.step(), one.step()] == [True, False, True]
    assert source.calls == [
        "connect",
        "take",
        "acknowledge",
        "take",
        "close",
        "connect",
        "take",
        "acknowledge",
    ]
    assert counters() == (2, 1, 0)


def junk(count: int, start: int = 0) -> list[Message]:
    return [Message(f"junk {number}".encode()) for number in range(start, start + count)]


def test_a_source_of_junk_stops_itself_after_keeping_every_body():
    source = Script(junk(150), junk(60, 150), junk(10, 500))
    one = consumer(source)
    assert one.run(exit_when_stopped=True) is Outcome.STOPPED
    assert RejectedMessage.objects.count() == 210
    assert len(source.acknowledged) == 2
    saved = row()
    assert saved.state == Source.State.STOPPED
    assert "210 of the last 210 messages were rejected" in saved.reason
    assert "not JSON" in saved.reason
    assert saved.connected is False


def test_a_source_with_one_event_in_ten_goes_on():
    one = consumer(Script(junk(450) + [message(number) for number in range(50)]))
    assert one.step() is True
    assert row().state == Source.State.RUNNING
    assert counters() == (50, 0, 450)


def test_few_rejected_messages_never_stop_a_source():
    one = consumer(Script(junk(199)))
    one.step()
    assert row().state == Source.State.RUNNING


def test_rejections_of_an_earlier_minute_do_not_stop_a_source(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(consumer_module, "WINDOW_SECONDS", 0.0)
    one = consumer(Script(junk(150), junk(150, 150)))
    one.step()
    time.sleep(0.01)
    one.step()
    assert row().state == Source.State.RUNNING


def test_a_stopped_source_takes_nothing_until_it_is_resumed():
    source = Script(junk(200), messages(1))
    one = consumer(source)
    one.step()
    one._beat_at = -9.0
    assert one.step() is False
    assert source.calls.count("take") == 1
    assert registry.resume(keys=[ADDRESS.key]) == 1
    one._beat_at = -9.0
    assert one.step() is True
    assert row().reason == ""
    assert counters() == (1, 0, 200)


def test_a_paused_source_leaves_its_connection_and_says_so():
    source = Script(None, messages(1))
    one = consumer(source)
    one.step()
    Source.objects.update(state=Source.State.PAUSED)
    one._beat_at = -9.0
    assert one.step() is False
    assert source.calls == ["connect", "take", "close"]
    assert row().connected is False


def test_only_one_process_reads_a_source_that_keeps_a_position():
    first, second = consumer(Exclusive(messages(1), messages(2))), consumer(Exclusive(messages(9)))
    first.step()
    assert second.step() is False
    assert "another process" in second.problem
    assert row().position == {"at": 1}
    first.close()
    assert second.step() is True
    assert Event.objects.count() == 2


def test_a_position_is_not_moved_by_a_process_that_lost_its_lease():
    source = Exclusive(messages(1), messages(2))
    one = consumer(source)
    one.step()
    Source.objects.update(lease_holder="somebody else", lease_until=time.time() + 60)
    assert one.step() is False
    assert "another process" in one.problem
    assert row().position == {"at": 1}
    assert Event.objects.count() == 1  # not stored either: the other one will
    assert len(source.acknowledged) == 1


def test_a_lease_whose_holder_died_ends_by_itself():
    one = consumer(Exclusive(messages(1)))
    registry.row_for(ADDRESS)
    Source.objects.update(lease_holder="dead", lease_until=time.time() - 1)
    assert one.step() is True


def test_a_lease_whose_holder_was_killed_on_this_machine_is_taken_at_once():
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    registry.row_for(ADDRESS)
    dead = registry.holder_name().replace(f":{os.getpid()}:", f":{ended.pid}:")
    Source.objects.update(lease_holder=dead, lease_until=time.time() + 60)
    assert consumer(Exclusive(messages(1))).step() is True


def test_a_lease_of_another_machine_is_waited_for():
    registry.row_for(ADDRESS)
    Source.objects.update(lease_holder="elsewhere:999999999:abcd", lease_until=time.time() + 60)
    assert consumer(Exclusive(messages(1))).step() is False


def test_reading_goes_on_behind_the_stored_position():
    first = consumer(Exclusive(messages(1)))
    first.step()
    first.close()
    source = Exclusive()
    consumer(source).step()
    assert source.position == {"at": 1}


def test_once_reads_what_is_there_and_ends():
    source = Script(messages(1), messages(2), None, messages(3))
    assert consumer(source).run(once=True) is Outcome.DONE
    assert counters() == (2, 0, 0)
    assert row().connected is False


def test_exit_when_idle_waits_for_silence():
    source = Script(messages(1), None, messages(2))
    started = time.monotonic()
    assert consumer(source).run(exit_when_idle=0.2) is Outcome.DONE
    assert time.monotonic() - started >= 0.2
    assert counters() == (2, 0, 0)


def test_a_source_that_never_answers_fails_instead_of_ending_well(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(consumer_module, "GIVE_UP_SECONDS", 0.1)
    source = Script()
    source.connect_error = Unavailable("nobody there")
    assert consumer(source).run(once=True) is Outcome.FAILED


def test_the_stop_flag_ends_the_loop_after_the_batch():
    stop = threading.Event()

    class Stopping(Script):
        def take(self, timeout: float) -> Batch | None:
            stop.set()
            return super().take(timeout)

    source = Stopping(messages(1), messages(2))
    assert consumer(source, stop=stop).run() is Outcome.DONE
    assert counters() == (1, 0, 0)
    assert source.calls == ["connect", "take", "acknowledge", "close"]


def test_an_event_that_the_database_refuses_becomes_a_rejected_message():
    def refusing(envelopes: Sequence[Envelope], *, also: Any = None) -> Stored:
        stored = Stored(new=1, refused=[(envelopes[1], "invalid\nCONTEXT: copy")])
        also(stored)
        return stored

    consumer(Script(messages(1, 2)), store=refusing).step()
    rejected = RejectedMessage.objects.get()
    assert bytes(rejected.body or b"") == message(2).body
    assert rejected.reason == "the database refused it: invalid"
    assert counters() == (1, 0, 1)


def test_a_removed_row_is_made_again():
    one = consumer(Script(messages(1), messages(2)))
    one.step()
    Source.objects.all().delete()
    one._beat_at = -9.0
    one.step()
    assert one.step() is True
    assert counters() == (1, 0, 0)


def test_a_new_password_continues_the_same_row():
    first = registry.row_for(from_url("amqp://a:b@h/?queue=q"))
    assert registry.row_for(from_url("amqp://c:d@h/?queue=q")).pk == first.pk


# The service and its command


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> dict[str, Script]:
    """Sources by queue name, in place of the real ones."""
    found: dict[str, Script] = {}
    monkeypatch.setattr(consumer_module, "open_source", lambda address, batch_size: found[address.queue])
    return found


@pytest.mark.django_db(transaction=True)
def test_the_service_reads_several_sources_and_reports_the_worst_end(scripts: dict[str, Script]):
    scripts |= {"a": Script(messages(1)), "b": Script(junk(300))}
    urls = ["amqp://h/?queue=a&assistant=a", "amqp://h/?queue=b&assistant=b"]
    assert service.run(urls, threading.Event(), exit_when_idle=1.0, exit_when_stopped=True) == 3
    assert Event.objects.count() == 1
    assert RejectedMessage.objects.count() == 300
    assert set(Source.objects.values_list("state", flat=True)) == {"running", "stopped"}
    connection.close()


def test_the_same_source_twice_is_read_once(scripts: dict[str, Script]):
    scripts["a"] = Script(messages(1))
    assert service.run(["amqp://x:y@h/?queue=a", "amqp://h/?queue=a"], threading.Event(), once=True) == 0
    assert scripts["a"].calls.count("connect") == 1


def test_the_command_exits_3_for_a_stopped_source_and_resume_lifts_it(
    scripts: dict[str, Script], capsys: pytest.CaptureFixture[str]
):
    url = "amqp://h/?queue=a"
    scripts["a"] = Script(junk(200), messages(1))
    for _ in range(2):
        with pytest.raises(SystemExit) as ended:
            call_command("consume_events", url, once=True)
        assert ended.value.code == 3
    call_command("consume_events", url, once=True, resume=True)
    assert "1 sources resumed" in capsys.readouterr().out
    assert counters() == (1, 0, 200)


@pytest.mark.parametrize("url", ["kafka://h/topic", "amqp://me:sec#ret@h/", "nonsense"])
def test_a_wrong_setting_ends_the_command_with_one_line(url: str):
    with pytest.raises(CommandError) as caught:
        call_command("consume_events", url)
    assert caught.value.returncode == 2
    assert "EVENT_BROKER_URL" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_batch_size_out_of_range_is_refused():
    with pytest.raises(CommandError, match="1 to 500"):
        call_command("consume_events", "amqp://h/", batch_size=501)


def test_a_mistake_of_ours_ends_the_command_with_1_and_loses_nothing(scripts: dict[str, Script]):
    scripts["a"] = Script(ZeroDivisionError("oops"), messages(1))
    with pytest.raises(SystemExit) as ended:
        call_command("consume_events", "amqp://h/?queue=a", once=True)
    assert ended.value.code == 1
    assert scripts["a"].calls[-1] == "close"


def test_in_serve_a_mistake_of_ours_is_tried_again(
    scripts: dict[str, Script], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(service, "RESTART_SECONDS", 0.01)
    scripts["a"] = Script(ZeroDivisionError("oops"), messages(1))
    assert service.run(["amqp://h/?queue=a"], threading.Event(), exit_when_idle=0.1) == 0
    assert counters() == (1, 0, 0)


def test_without_a_setting_the_embedded_file_is_read(settings: Any):
    settings.EVENT_BROKER_URLS = []
    assert service.default_urls() == [service.embedded_url()]
    assert from_url(service.embedded_url()).path == str(settings.EMBEDDED_EVENTS_DB)
