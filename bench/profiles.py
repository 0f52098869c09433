"""Where a worker's time goes: processor time by function (sampled), and the backend's by statement."""

import contextlib
import re
import signal
import time
from collections import Counter
from collections.abc import Iterator
from operator import itemgetter
from types import FrameType
from typing import Any

import psycopg

from bench.meters import thread_cpu_seconds

INTERVAL = 0.002  # seconds of processor time between two samples


@contextlib.contextmanager
def profiled(backend: int | None, result: dict[str, Any]) -> Iterator[None]:
    """Profile the block into `result`; does nothing when `backend`, the process id of the database's side, is None."""
    if backend is None:
        yield
        return
    own: Counter[str] = Counter()
    within: Counter[str] = Counter()
    statements: dict[str, list[float]] = {}

    def sample(_number: int, frame: FrameType | None) -> None:
        seen = set()
        if frame is not None:
            own[_name(frame)] += 1
        while frame is not None:
            seen.add(_name(frame))
            frame = frame.f_back
        within.update(seen)

    def measured(function: Any, name: str) -> Any:
        def call(self: Any, *args: Any, **options: Any) -> Any:
            begun, cpu, backend_cpu = time.perf_counter(), time.process_time(), thread_cpu_seconds(backend)
            try:
                return function(self, *args, **options)
            finally:
                line = statements.setdefault(_shape(args[0]) if args else name, [0, 0.0, 0.0, 0.0])
                line[0] += 1
                line[1] += time.perf_counter() - begun
                line[2] += time.process_time() - cpu
                line[3] += thread_cpu_seconds(backend) - backend_cpu

        return call

    patched = [(psycopg.Cursor, "execute"), (psycopg.Cursor, "executemany"), (psycopg.Connection, "commit")]
    before = [getattr(owner, name) for owner, name in patched]
    for (owner, name), function in zip(patched, before, strict=True):
        setattr(owner, name, measured(function, name.upper()))
    signal.signal(signal.SIGPROF, sample)
    signal.setitimer(signal.ITIMER_PROF, INTERVAL, INTERVAL)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        for (owner, name), function in zip(patched, before, strict=True):
            setattr(owner, name, function)
    result |= {
        "own": own.most_common(40),
        "within": within.most_common(70),
        "samples": own.total(),
        "statements": sorted(
            ((name, *line) for name, line in statements.items()), key=itemgetter(4), reverse=True
        ),
    }


def _name(frame: FrameType) -> str:
    path = frame.f_code.co_filename.split("/site-packages/")[-1].split("/main/")[-1]
    return f"{'/'.join(path.split('/')[-2:])}:{frame.f_code.co_qualname}"


def _shape(statement: Any) -> str:
    text = statement.decode() if isinstance(statement, bytes) else str(statement)
    text = re.sub(r"\(%b::[^)]*\)", "(…)", text)
    text = re.sub(r"(%s, )+%s", "…", text)
    return re.sub(r'SELECT "[^*]*? FROM', "SELECT … FROM", re.sub(r"\s+", " ", text))[:150]
