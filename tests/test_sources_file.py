"""The log of Rasa's `file` broker: complete lines, once, through renames, truncation and restarts."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from events.sources import Unavailable, file, from_url
from events.sources.file import FileSource

Opened = Callable[..., FileSource]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "rasa event#1.log"


@pytest.fixture
def opened(path: Path) -> Iterator[Opened]:
    sources: list[FileSource] = []

    def open_at(position: Any = None, **options: Any) -> FileSource:
        source = FileSource(from_url(f"file://{quote(str(path))}?environment=prod"), **options)
        source.connect(position or {})
        sources.append(source)
        return source

    yield open_at
    for source in sources:
        source.close()


def append(path: Path, *lines: str, end: str = "\n") -> None:
    with path.open("a") as log:
        log.write("".join(line + end for line in lines))


def taken(source: FileSource) -> list[str]:
    found: list[str] = []
    while batch := source.take(0):
        found += [message.body.decode() for message in batch.messages]
    return found


def position_of(source: FileSource) -> Any:
    batch = source.take(0)
    assert batch is not None
    return batch.position


def test_lines_come_once_in_order_with_the_environment_of_the_url(path: Path, opened: Opened):
    append(path, "a", "b")
    source = opened()
    batch = source.take(0)
    assert batch is not None
    assert [(message.body, message.environment) for message in batch.messages] == [
        (b"a", "prod"),
        (b"b", "prod"),
    ]
    assert source.take(0) is None
    append(path, "c")
    assert taken(source) == ["c"]


def test_a_line_is_taken_when_it_is_complete(path: Path, opened: Opened):
    append(path, "first")
    source = opened()
    append(path, "sec", end="")
    assert taken(source) == ["first"]
    append(path, "ond", end="")
    assert taken(source) == []
    append(path, "")
    assert taken(source) == ["second"]


def test_an_incomplete_first_line_is_waited_for(path: Path, opened: Opened):
    append(path, "a", end="")
    source = opened()
    assert taken(source) == []
    append(path, "b")
    assert taken(source) == ["ab"]
    append(path, "c")
    assert taken(source) == ["c"]


def test_empty_lines_are_passed_over_and_windows_line_ends_taken_off(path: Path, opened: Opened):
    path.write_bytes(b"\n\r\n a \r\n" + b"\n" * 3000 + b"b\n")
    assert taken(opened()) == [" a ", "b"]


def test_a_file_that_is_not_there_yet_is_waited_for(path: Path, opened: Opened):
    source = opened()
    assert source.take(0) is None
    assert source.facts()["waiting_for"] == "file"
    append(path, "a")
    assert taken(source) == ["a"]
    assert source.facts()["waiting_for"] == ""


def test_new_lines_wake_a_waiting_source(path: Path, opened: Opened):
    source = opened()
    threading.Timer(0.2, append, [path, "late"]).start()
    started = time.monotonic()
    assert source.take(5) is not None
    assert time.monotonic() - started < 2


def test_reading_goes_on_behind_a_saved_position(path: Path, opened: Opened):
    append(path, "a", "b", "c")
    position = position_of(opened(batch_size=2))
    assert taken(opened(position)) == ["c"]


def test_after_a_rename_both_files_are_followed(path: Path, opened: Opened):
    append(path, "a")
    source = opened()
    taken(source)
    old = path.with_suffix(".1")
    with path.open("a") as rasa:  # holds its file open, as Rasa does
        path.rename(old)
        rasa.write("b\n")
        rasa.flush()
        assert taken(source) == ["b"]
        append(path, "x")
        rasa.write("c\n")
        rasa.flush()
        assert taken(source) == ["c", "x"]
        rasa.write("d\n")
        rasa.flush()
        append(path, "y")
        assert taken(source) == ["d", "y"]
    assert source.facts()["followed"] == 1


def test_a_renamed_file_is_found_again_after_a_restart(path: Path, opened: Opened):
    append(path, "a", "b")
    position = position_of(opened(batch_size=1))
    path.rename(path.with_suffix(".1"))
    append(path, "x")
    source = opened(position)
    assert taken(source) == ["b", "x"]
    append(path.with_suffix(".1"), "c")
    assert taken(source) == ["c"]


def test_a_rename_back_reads_nothing_twice(path: Path, opened: Opened):
    append(path, "a")
    source = opened()
    taken(source)
    path.rename(path.with_suffix(".1"))
    assert taken(source) == []
    path.with_suffix(".1").rename(path)
    append(path, "b")
    assert taken(source) == ["b"]


def test_a_truncated_file_is_read_from_its_start(path: Path, opened: Opened):
    append(path, "a", "b")
    source = opened()
    taken(source)
    path.write_text("c\n")
    assert taken(source) == ["c"]


def test_a_file_with_another_first_line_is_read_from_its_start(path: Path, opened: Opened):
    append(path, "a", "b")
    position = position_of(opened())
    path.write_text("another\nand longer\nthan before\n")  # the same inode
    assert taken(opened(position)) == ["another", "and longer", "than before"]


def test_a_deleted_and_new_file_is_read_from_its_start(path: Path, opened: Opened):
    append(path, "a")
    source = opened()
    taken(source)
    path.unlink()
    append(path, "b")
    assert taken(source) == ["b"]


def test_a_deleted_file_that_rasa_still_writes_to_is_read_on(path: Path, opened: Opened):
    append(path, "a")
    source = opened()
    taken(source)
    with path.open("a") as rasa:
        path.unlink()
        rasa.write("b\n")
        rasa.flush()
        assert taken(source) == ["b"]


def test_a_deleted_file_is_let_go_of_in_time(path: Path, opened: Opened, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(file, "DELETED_SECONDS", -1.0)
    append(path, "a")
    source = opened()
    taken(source)
    path.unlink()
    append(path, "b")
    assert taken(source) == ["b"]
    assert source.facts()["followed"] == 0


def test_many_rotations_are_followed_only_so_far(path: Path, opened: Opened):
    source = opened()
    for number in range(9):
        append(path, f"line {number}")
        assert taken(source) == [f"line {number}"]
        path.rename(path.with_suffix(f".{number}"))
    append(path, "last")
    assert taken(source) == ["last"]
    assert source.facts()["followed"] == file.MAX_FOLLOWED


def test_a_batch_is_bounded_and_long_lines_are_whole(path: Path, opened: Opened):
    append(path, *["x" * 3_000_000] * 4, *["s"] * 700)
    source = opened()
    sizes = []
    lines = 0
    while batch := source.take(0):
        lines += len(batch.messages)
        sizes.append(sum(len(message.body) for message in batch.messages))
    assert lines == 704
    assert sum(sizes) == 12_000_700
    assert max(sizes) < 8_000_000


def test_a_line_without_end_is_told_before_it_fills_the_memory(
    path: Path, opened: Opened, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(file, "MAX_LINE", 1_000_000)
    path.write_bytes(b"first\n" + b"x" * 9_000_000)
    source = opened()
    assert taken_or_told(source) == "EVENT_BROKER_URL"


def taken_or_told(source: FileSource) -> str:
    try:
        taken(source)
    except Unavailable as told:
        return "EVENT_BROKER_URL" if "EVENT_BROKER_URL" in str(told) else str(told)
    return ""


def test_a_folder_is_told(path: Path, opened: Opened):
    path.mkdir()
    with pytest.raises(Unavailable, match=r"is not a file.*EVENT_BROKER_URL"):
        opened().take(0)


def test_a_broken_position_of_another_file_loses_nothing(path: Path, opened: Opened):
    append(path, "a")
    entry = {"device": 1, "inode": 1, "first": "0" * 32, "offset": 99}
    assert taken(opened({"files": [entry]})) == ["a"]


def test_bytes_behind_are_told(path: Path, opened: Opened):
    append(path, "aaaa", "bbbb")
    source = opened(batch_size=1)
    source.take(0)
    assert source.facts()["bytes_behind"] == 5
