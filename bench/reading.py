"""Reading at size: what lists, filters, text search, deep pages and long sessions cost in the database.

    TEST_DATABASE_URL=postgresql://... python -m bench.reading [--sessions 200000] [--keep] [--reuse] [--explain NAME]

Makes a database of its own on that server, fills it by COPY, measures, and drops it again. Times are those of the
statements alone, summed over all that one page asks: as the client sees them and, where the server's process can be
seen, the processor time of that process, which other work on the machine disturbs less. The latter is judged.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from bench import reading_joins, reading_pages, reading_queries

DATABASE = "enterprise_bench_reading"
LIMIT, TEXT_LIMIT, PHRASE_LIMIT, ORDER_LIMIT = 25.0, 25.0, 50.0, 100.0  # milliseconds, 95th percentile


@dataclass
class Clock:
    """Adds up what statements take (milliseconds), and keeps them for EXPLAIN."""

    spent: float = 0.0
    statements: list[tuple[str, Any]] = field(default_factory=list)

    def __call__(
        self, execute: Callable[..., Any], sql: str, parameters: Any, many: bool, context: Any
    ) -> Any:
        begun = time.perf_counter()
        try:
            return execute(sql, parameters, many, context)
        finally:
            self.spent += (time.perf_counter() - begun) * 1000
            self.statements.append((sql, parameters))


def p95(times: list[float]) -> float:
    return sorted(times)[min(len(times) - 1, int(len(times) * 0.95))]


@dataclass
class Result:
    """One line of the report. Times in milliseconds; `cpu` is empty where the server's process cannot be seen."""

    name: str
    wall: list[float]
    cpu: list[float]
    queries: int
    rows: int
    limit: float | None

    @property
    def is_over(self) -> bool:
        return self.limit is not None and p95(self.cpu or self.wall) >= self.limit

    @property
    def median(self) -> float:
        return statistics.median(self.cpu or self.wall)

    def __str__(self) -> str:
        cpu, wall = (
            f"{statistics.median(times):8.2f} {p95(times):8.2f}" if times else " " * 17
            for times in (self.cpu, self.wall)
        )
        verdict = "" if self.limit is None else f"OVER {self.limit:.0f}" if self.is_over else "ok"
        return f"{self.name:44} {cpu} {wall} {min(self.wall):8.2f} {self.queries:3} {self.rows:6} {verdict}"


@contextmanager
def database(url: str, *, reuse: bool, keep: bool) -> Iterator[bool]:
    """A database of our own on the server of `url`, with Django set up on it. Yields whether it was there already."""
    import psycopg  # noqa: PLC0415

    ours = urlunsplit(urlsplit(url)._replace(path=f"/{DATABASE}"))
    with psycopg.connect(url, autocommit=True) as server:
        known = (
            server.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone() is not None
        )
        if known and not reuse:
            server.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")
        if not (known and reuse):
            server.execute(f"CREATE DATABASE {DATABASE}")
    os.environ["DATABASE_URL"] = ours
    os.environ.setdefault("DATA_DIR", tempfile.mkdtemp(prefix="enterprise-bench-"))
    os.environ.setdefault("SECRET_KEY", "only-for-benchmarks")
    os.environ["DJANGO_SETTINGS_MODULE"] = "enterprise.settings"
    import django  # noqa: PLC0415
    from django.db import connection  # noqa: PLC0415

    django.setup()
    try:
        yield known and reuse
    finally:
        connection.close()
        if not (keep or reuse):
            with psycopg.connect(url, autocommit=True) as server:
                server.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")


def load(n_sessions: int) -> None:
    from django.core.management import call_command  # noqa: PLC0415

    from bench import sessions  # noqa: PLC0415
    from conversations.models import Assistant  # noqa: PLC0415

    begun = time.monotonic()
    call_command("migrate", verbosity=0)
    assistant, _ = Assistant.objects.get_or_create(name="default")
    sessions.fill(sessions.plan(n_sessions, assistant.pk))
    print(f"filled in {time.monotonic() - begun:.0f} s", flush=True)


class Bench:
    """Measures one kind of question at a time; each is asked `repeats` times, warm."""

    def __init__(self, repeats: int, explain: str) -> None:
        from django.db import connection  # noqa: PLC0415

        from bench.sessions import NOW  # noqa: PLC0415
        from conversations.models import Assistant  # noqa: PLC0415

        self.repeats, self.explain, self.now = repeats, explain, NOW
        self.assistant = Assistant.objects.get(name="default")
        with connection.cursor() as cursor:
            # What another process does would not be seen.
            cursor.execute("SET max_parallel_workers_per_gather = 0")
            cursor.execute("SELECT pg_backend_pid()")
            self.schedule = Path(f"/proc/{cursor.fetchone()[0]}/schedstat")

    def run(self, name: str, ask: Callable[[int], int], limit: float | None = None) -> Result:
        """`ask(i)` is one page; it returns how many rows came."""
        from django.db import connection  # noqa: PLC0415

        wall: list[float] = []
        cpu: list[float] = []
        rows = queries = 0
        for index in range(-2, self.repeats):
            clock = Clock()
            begun = self.server_time()
            with connection.execute_wrapper(clock):
                rows = ask(max(index, 0))
            spent = self.server_time() - begun
            if index >= 0:
                wall.append(clock.spent)
                cpu += [spent] if spent else []
                queries = max(queries, len(clock.statements))
        result = Result(name, wall, cpu, queries, rows, limit)
        print(result, flush=True)
        if self.explain and self.explain in name:
            self.show(clock)
        return result

    def server_time(self) -> float:
        """Milliseconds of processor time that our connection's server process has taken; 0 when it is not here."""
        try:
            return int(self.schedule.read_text().split()[0]) / 1e6
        except (OSError, IndexError):
            return 0.0

    def show(self, clock: Clock) -> None:
        from django.db import connection  # noqa: PLC0415

        with connection.cursor() as cursor:
            for sql, parameters in clock.statements:
                cursor.execute("EXPLAIN (ANALYZE, BUFFERS) " + sql, parameters)
                print(sql, *(f"    {row[0]}" for row in cursor.fetchall()), sep="\n")

    def list_page(self, text: str, cursor: str | None = None) -> Any:
        from conversations.filters import matching  # noqa: PLC0415
        from conversations.models import Session  # noqa: PLC0415
        from conversations.pages import session_page  # noqa: PLC0415
        from conversations.query import parse  # noqa: PLC0415

        parsed = parse(text)
        assert parsed.ok, (text, parsed.mistakes)
        found = matching(Session.objects.all(), parsed.query, assistant=self.assistant, now=self.now)
        return session_page(found, parsed.query, cursor=cursor)

    def asks(self, name: str, *texts: str, limit: float | None = LIMIT) -> Result:
        """The first page of each of the queries in turn."""
        return self.run(name, lambda index: len(self.list_page(texts[index % len(texts)]).rows), limit)

    def count(self, text: str) -> None:
        from conversations.filters import matching  # noqa: PLC0415
        from conversations.models import Session  # noqa: PLC0415
        from conversations.pages import capped_count  # noqa: PLC0415
        from conversations.query import parse  # noqa: PLC0415

        query = parse(text).query
        found = matching(Session.objects.all(), query, assistant=self.assistant, now=self.now)
        self.run(f"count to 1,000: {text or 'everything'}", lambda _index: capped_count(found))


FREQUENT = [f"ask_{index:02d}" for index in range(5)]


def lists(bench: Bench) -> None:
    bench.asks("list, newest", "")
    for sort in ("oldest", "confidence", "fallbacks", "longest"):
        bench.asks(f"list, sort:{sort}", f"sort:{sort}")
    bench.asks("intent, frequent", *(f"intent:{name}" for name in FREQUENT))
    bench.asks("intent, rare", *(f"intent:ask_{index}" for index in range(30, 40)))
    bench.asks("intent, only in the oldest", "intent:ask_telegraph")
    bench.asks("intent, never seen", "intent:nobody_ever")
    bench.asks("intent, one of three", "intent:ask_telegraph,ask_35,ask_00")
    bench.asks("intent, one of two old ones", "intent:ask_telegraph,nobody_ever")
    bench.asks("intent, not a frequent one", "-intent:ask_00")
    bench.asks("intent with confidence, frequent", "intent:ask_00<0.8", "intent:ask_01<0.7")
    bench.asks("intent with confidence, rare", "intent:ask_00<0.32", "intent:ask_20<0.4")
    bench.asks("intent with confidence, old", "intent:ask_telegraph<0.7")
    bench.asks("action, frequent", "action:utter_ask_00", "action:utter_ask_03")
    bench.asks("action, only in the oldest", "action:utter_telegraph")
    bench.asks("channel, frequent", "channel:rest", "channel:socketio")
    bench.asks("channel, only in the oldest", "channel:telex")
    bench.asks("environment", "environment:production", "environment:staging")
    bench.asks("environment, only in the oldest", "environment:retired")
    bench.asks("is:fallback", "is:fallback")
    bench.asks("date, last week", "date:7d")
    bench.asks("date, an old month", "date:2025-11", "date:..2025-11-05")
    bench.asks("user turns, few", "turns:1", "turns:<3")
    bench.asks("user turns, many rows", "turns:>2")
    bench.asks("user turns, few rows", "turns:>25", "turns:>18", "turns:>14")
    bench.asks("user turns, almost no row", "turns:>50")


def texts(bench: Bench) -> None:
    ask = {"limit": TEXT_LIMIT}
    bench.asks("text, in most sessions", "text:please", "please", **ask)
    bench.asks("text, common word", "text:word0007", "word0100", **ask)
    bench.asks("text, 3 in 100", "text:refund", **ask)
    bench.asks("text, rare words", *(f"text:word{index}" for index in range(2900, 2950)), **ask)
    bench.asks("text, only in the oldest", "text:telegraph", "text:wire", **ask)
    bench.asks("text, never said", "text:nobodysaid", **ask)
    bench.asks("text, phrase", 'text:"telegraph wire"', 'text:"please refund"', limit=PHRASE_LIMIT)
    bench.asks("text, beginning of a word", "text:telegr*", **ask)
    bench.asks("text, not said", "-text:please", **ask)


def counts(bench: Bench) -> None:
    for text in (
        "",
        "intent:ask_00",
        "intent:ask_telegraph",
        "text:refund",
        "text:please",
        "turns:>18",
        "is:fallback",
        "(intent:ask_00 text:refund)",
        "intent:ask_00 then intent:ask_01",
    ):
        bench.count(text)


def deep(bench: Bench, n_sessions: int) -> None:
    """First page against the last thousands, by the cursor that a reader who paged that far would hold."""
    from conversations.models import Session, SessionValue  # noqa: PLC0415
    from conversations.pages import Cursor, Key  # noqa: PLC0415

    skip = min(4_000 * 50, n_sessions - 100)
    rows = Session.objects.order_by("-activity_at", "-id").values_list("activity_at", "id")
    far = str(Cursor("newest", 0, Key(*rows[skip - 60])))
    first = bench.run("first page", lambda _index: len(bench.list_page("").rows), LIMIT)
    last = bench.run(f"page {skip // 50:,}", lambda _index: len(bench.list_page("", far).rows), LIMIT)
    compare(first, last)
    values = SessionValue.objects.filter(kind=1, value="ask_00").order_by("-session__activity_at", "-session")
    keys = values.values_list("session__activity_at", "session_id")
    far_value = str(Cursor("newest", 0, Key(*keys[values.count() - 60])))
    first = bench.run(
        "first page of an intent", lambda _index: len(bench.list_page("intent:ask_00").rows), LIMIT
    )
    last = bench.run(
        "its last page", lambda _index: len(bench.list_page("intent:ask_00", far_value).rows), LIMIT
    )
    compare(first, last)


def transcripts(bench: Bench) -> None:
    """Opening a session: its row, its newest 100 events, and the slots at the last turn."""
    from conversations.models import Event, Session  # noqa: PLC0415
    from conversations.slots import slots_at  # noqa: PLC0415

    def open_session(pk: int) -> int:
        session = Session.objects.select_related("conversation").get(pk=pk)
        events = list(Event.objects.of_session(session).order_by("-timestamp", "-rank", "-hash")[:100])
        event = events[0]
        slots_at(session, (event.timestamp, event.rank, bytes(event.hash)))
        return len(events)

    short, long = Session.objects.order_by("-id").values_list("id", flat=True)[:2][::-1]
    compare(
        bench.run("opening a session of 100 events", lambda _index: open_session(short)),
        bench.run("opening a session of 5,000 events", lambda _index: open_session(long)),
    )


def compare(one: Result, other: Result) -> None:
    print(f"{'':10}{other.name} : {one.name} = {other.median / one.median:.2f}")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--sessions", type=int, default=200_000, help="about 30 events each (default: %(default)s)"
    )
    parser.add_argument("--repeats", type=int, default=40)
    parser.add_argument("--keep", action="store_true", help="leave the database for another run with --reuse")
    parser.add_argument("--reuse", action="store_true", help="take the database that --keep left")
    parser.add_argument("--explain", default="", help="show the plans of the lines whose name holds this")
    options = parser.parse_args()
    url = os.environ.get("TEST_DATABASE_URL", "")
    if not url.startswith("postgres"):
        print(
            "bench.reading: TEST_DATABASE_URL must name a PostgreSQL server (bin/services start).",
            file=sys.stderr,
        )
        return 2
    with database(url, reuse=options.reuse, keep=options.keep) as is_full:
        from django.core.management import call_command  # noqa: PLC0415

        if is_full:
            call_command("migrate", verbosity=0)
        else:
            load(options.sessions)
        bench = Bench(options.repeats, options.explain)
        print(
            f"{'milliseconds in the database':44} {'cpu p50':>8} {'p95':>8} {'wall p50':>8} {'p95':>8} {'min':>8}  qs   rows"
        )
        lists(bench)
        texts(bench)
        reading_queries.run(bench)
        counts(bench)
        reading_joins.run(bench)
        reading_pages.run(bench)
        deep(bench, options.sessions)
        transcripts(bench)
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    sys.exit(main())
