"""The log of Rasa's `file` event broker: one JSON object a line. Complete lines only.

Rasa holds its file open: after a rename it goes on writing to the old one until it is restarted, so both are followed.
A file is known by device, inode and its first line, so a truncated or replaced one is read from the start.
"""

import contextlib
import dataclasses
import hashlib
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from conversations.identity import shown
from events.sources import BATCH_MESSAGES, Batch, Message, Unavailable
from events.sources.address import SETTING, Address

POLL_SECONDS = 0.2
MAX_FOLLOWED = 5  # renamed files
FIRST_BYTES = 4096  # of the first line go into its hash
CHUNK = 1_000_000  # bytes read at a time, unless a line is longer
DELETED_SECONDS = 86_400.0
MAX_LINE = 256_000_000  # a longer "line" is no log


@dataclasses.dataclass
class Log:
    """One open file and how far it is read: `offset` is behind the last complete line that was taken."""

    device: int
    inode: int
    first: str = ""  # hash of the first line; empty until it is complete
    offset: int = 0
    fd: int = -1
    seen: tuple[int, int] = (-1, -1)  # size and time of change, when there was nothing more to read

    def saved(self) -> dict[str, Any]:
        """As JSON."""
        return {"device": self.device, "inode": self.inode, "first": self.first, "offset": self.offset}

    def close(self) -> None:
        """Let go of the file."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


class FileSource:
    """One path, read by one process at a time."""

    is_exclusive = True

    def __init__(self, address: Address, *, batch_size: int = BATCH_MESSAGES) -> None:
        self.address = address
        self._path = Path(address.path)
        self._batch_size = batch_size
        self._logs: list[Log] = []  # renamed ones first, the one at the path last
        self._is_there = False

    def connect(self, position: Mapping[str, Any]) -> None:
        self.close()
        with self._explained():
            # A renamed file keeps its inode, and almost always its folder.
            neighbours = self._neighbours() if position else {}
            for entry in position.get("files", []):
                log = Log(**entry)
                if path := neighbours.get((log.device, log.inode)):
                    log.fd = self._open(path)
                    self._logs.append(log)

    def take(self, timeout: float) -> Batch | None:
        deadline = time.monotonic() + timeout
        while True:
            with self._explained():
                if messages := self._read():
                    return Batch(messages, None, {"files": [log.saved() for log in self._logs]})
            pause = min(POLL_SECONDS, deadline - time.monotonic())
            if pause <= 0:
                return None
            time.sleep(pause)

    def take_ahead(self, least: int) -> Batch | None:  # noqa: ARG002 - reading is quick here
        return None

    def acknowledge(self, batch: Batch) -> None:
        """Nothing to do: the position is stored with the batch."""

    def heartbeat(self) -> None:
        """Nothing to do."""

    def pause(self) -> None:
        self.close()

    def close(self) -> None:
        for log in self._logs:
            log.close()
        self._logs = []

    def facts(self) -> dict[str, Any]:
        """`waiting_for`: `file`, if it is not there yet; `followed`: renamed files that Rasa may still write to;
        `bytes_behind`: what is written and not yet taken."""
        behind = sum(max(0, os.fstat(log.fd).st_size - log.offset) for log in self._logs)
        return {
            "waiting_for": "" if self._is_there else "file",
            "followed": max(0, len(self._logs) - 1),
            "bytes_behind": behind,
        }

    def _neighbours(self) -> dict[tuple[int, int], Path]:
        found: dict[tuple[int, int], Path] = {}
        if self._path.parent.is_dir():
            for entry in os.scandir(self._path.parent):
                if entry.is_file():
                    status = entry.stat()
                    found[status.st_dev, status.st_ino] = Path(entry.path)
        return found

    def _read(self) -> list[Message]:
        self._look_at_path()
        for log in self._logs:
            if messages := self._read_log(log):
                return messages
        return []

    def _look_at_path(self) -> None:
        """Open what is at the path now; what was there before is followed on."""
        try:
            status = self._path.stat()
            self._is_there = True
            current = self._logs[-1] if self._logs else None
            if current and (current.device, current.inode) == (status.st_dev, status.st_ino):
                return
            fd = self._open(self._path)
        except FileNotFoundError:
            self._is_there = False
            return
        status = os.fstat(fd)
        log = Log(status.st_dev, status.st_ino, fd=fd)
        others = []
        for other in self._logs:
            if (other.device, other.inode) == (log.device, log.inode):
                log.first, log.offset = other.first, other.offset  # renamed back
                other.close()
            else:
                others.append(other)
        self._logs = [*others, log]
        self._forget_old()

    def _forget_old(self) -> None:
        """Follow a few renamed files, and a deleted one for a day: Rasa may still write to it, but it takes up the disk."""
        kept = []
        for index, log in enumerate(self._logs, start=1):
            status = os.fstat(log.fd)
            is_gone = not status.st_nlink and time.time() - status.st_mtime > DELETED_SECONDS
            if is_gone or index < len(self._logs) - MAX_FOLLOWED:
                log.close()
            else:
                kept.append(log)
        self._logs = kept

    def _open(self, path: Path) -> int:
        if path.exists() and not path.is_file():
            raise Unavailable(f"{shown(str(path))} is not a file: name Rasa's event log in {SETTING}")
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise Unavailable(
                f"{shown(str(self._path))} cannot be read ({error.strerror}); see {SETTING}"
            ) from error

    def _read_log(self, log: Log) -> list[Message]:
        status = os.fstat(log.fd)
        seen = (status.st_size, status.st_mtime_ns)
        if seen == log.seen:
            return []
        first = first_line_hash(log.fd)
        if status.st_size < log.offset or first != log.first:
            log.first, log.offset = first, 0
        messages = self._lines(log) if first else []
        if not messages:
            log.seen = seen
        return messages

    def _lines(self, log: Log) -> list[Message]:
        """Complete lines behind the offset, at most a batch; empty lines are passed over."""
        messages: list[Message] = []
        while not messages:
            lines = self._chunk(log).split(b"\n")[:-1][: self._batch_size]
            if not lines:
                break
            log.offset += sum(map(len, lines)) + len(lines)
            messages = [
                Message(line.rstrip(b"\r"), self.address.environment) for line in lines if line.strip()
            ]
        return messages

    def _chunk(self, log: Log) -> bytes:
        """What follows the offset: a megabyte, or as much as one line needs."""
        size = CHUNK
        while True:
            data = os.pread(log.fd, size, log.offset)
            if b"\n" in data or len(data) < size:
                return data
            if size > MAX_LINE:
                raise Unavailable(
                    f"{shown(str(self._path))} has a line of more than {MAX_LINE} bytes: name Rasa's event log in {SETTING}"
                )
            size *= 4


def first_line_hash(fd: int) -> str:
    """What tells a file from another one with its inode; empty while its first line is not complete."""
    line, newline, _ = os.pread(fd, FIRST_BYTES, 0).partition(b"\n")
    if not newline and len(line) < FIRST_BYTES:
        return ""
    return hashlib.blake2b(line, digest_size=16).hexdigest()
