"""Processor time, memory and disk of processes, from /proc: what other work on the machine disturbs least."""

import os
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

TICK = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """Of all threads of a process; 0 when it has ended. In ticks of 10 ms."""
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / TICK if fields else 0.0


def tree_cpu_seconds(pid: int) -> float:
    """Of a process, all its descendants, and those children of them that have ended and were waited for."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            parents.setdefault(int(fields[1]), []).append(int(entry.name))
    total, todo = 0.0, [pid]
    while todo:
        one = todo.pop()
        todo += parents.get(one, [])
        if fields := _stat(one):
            total += sum(map(int, fields[11:15])) / TICK
    return total


def thread_cpu_seconds(pid: int) -> float:
    """Of the first thread of a process, to the nanosecond: a database backend has only that one."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9
    except OSError:
        return 0.0


def peak_memory(pid: int) -> int:
    """The largest resident size of a process so far, in bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat behind the name; index 1 is the parent, 11 to 14 are the times."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


@dataclass
class Servers:
    """The processor time that the private servers have used, as differences since `mark`."""

    postgres: int  # process ids, 0: not a process of this machine
    rabbitmq: int

    def __post_init__(self) -> None:
        self.mark()

    @classmethod
    def of_this_run(cls) -> "Servers":
        """Those that `bin/services run` has started."""
        return cls(
            int(os.environ.get("TEST_POSTGRES_PID", "0")), int(os.environ.get("TEST_RABBITMQ_PID", "0"))
        )

    def mark(self) -> None:
        self._marks = self._read()

    def since(self) -> tuple[float, float]:
        """Seconds of (PostgreSQL, RabbitMQ) since `mark`."""
        now = self._read()
        return now[0] - self._marks[0], now[1] - self._marks[1]

    def _read(self) -> tuple[float, float]:
        return (
            tree_cpu_seconds(self.postgres) if self.postgres else float("nan"),
            tree_cpu_seconds(self.rabbitmq) if self.rabbitmq else float("nan"),
        )

    def settle(self, *, seconds: float = 30.0) -> None:
        """Wait until both have (nearly) nothing to do: what one variant left behind is not the next one's to pay."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            before = sum(self._read())
            time.sleep(0.5)
            if not sum(self._read()) - before > 0.05:
                return


def fsync_milliseconds(folder: Path, count: int = 200) -> float:
    """The median time of fdatasync behind a write of 8 kB, in `folder`: what a commit costs at least."""
    path = folder / "fsync-probe"
    times = []
    with path.open("wb", buffering=0) as file:
        file.write(bytes(8192))
        for _ in range(count):
            file.seek(0)
            file.write(os.urandom(8192))
            begun = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append((time.perf_counter() - begun) * 1000)
    path.unlink()
    return median(times)
