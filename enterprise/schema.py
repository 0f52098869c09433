"""Whether the database's schema is exactly this version's, and who may change it. Leaf module.

Two locks on PostgreSQL, so that nobody ever waits while a migration runs (a waiting statement holds a snapshot, which
would deadlock with `CREATE INDEX CONCURRENTLY`): migrators take turns on MIGRATORS by trying; the one that has it takes
SCHEMA exclusively. Every batch that writes tries SCHEMA shared inside its transaction. On SQLite one lock file stands
for both: a batch holds the write lock already, so that looking whether a migrator is at work is enough.
"""

import contextlib
import fcntl
import functools
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

from django.db import DatabaseError, OperationalError, ProgrammingError, connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.loader import MigrationLoader

LOCK_CLASS = 0x52617361  # first half of our advisory locks
LOCK_TIMEOUT, STATEMENT_TIMEOUT = "10s", "60s"  # of the statements of a batch
SCHEMA, MIGRATORS = 1, 2  # second half
RECHECK_READY, RECHECK_WAITING = 5.0, 0.5  # seconds that `is_ready` believes its last look

Applied = frozenset[tuple[str, str]]


class NotReady(Exception):
    """The schema is not this version's, or is being changed; the message says which. Try again later."""


class Difference(NamedTuple):
    """What a database lacks of this version's migrations, and what it has that this version does not know."""

    missing: frozenset[tuple[str, str]]
    unknown: frozenset[tuple[str, str]]


class Progress(NamedTuple):
    """`status` is pending, in_progress or completed; revisions are `app.migration`, the last of each app."""

    status: str
    current: list[str]
    target: list[str]
    percent: float
    is_newer: bool = False  # the database belongs to a later version


def check_in_batch(database: BaseDatabaseWrapper) -> None:
    """Make sure, inside the caller's transaction, that the schema is ours and stays so until it ends. Raises NotReady.

    On PostgreSQL the same round trip limits how long its statements may wait for locks, and run.
    """
    with database.cursor() as cursor:
        if database.vendor == "postgresql":
            cursor.execute(
                "SELECT pg_try_advisory_xact_lock_shared(%s, %s),"
                " set_config('lock_timeout', %s, true), set_config('statement_timeout', %s, true)",
                [LOCK_CLASS, SCHEMA, LOCK_TIMEOUT, STATEMENT_TIMEOUT],
            )
            is_free = cursor.fetchone()[0]
        else:
            is_free = not _is_migrating(database)
        if not is_free:
            raise NotReady("the schema is being migrated")
        try:
            # A batch asks only whether anything was migrated since it was last found right.
            cursor.execute("SELECT count(*), max(id) FROM django_migrations")
        except (ProgrammingError, OperationalError) as error:
            if _is_missing_table(error):
                raise NotReady("the schema is not there yet: run `manage.py migrate`") from error
            raise
        seen = cursor.fetchone()
    if seen not in _found_right:
        require_ours(database)
        _found_right.clear()
        _found_right.add(seen)


_found_right: set[tuple[int, int]] = set()  # how many rows django_migrations had, and the last one's id


def require_ours(database: BaseDatabaseWrapper = connection) -> None:
    """Raises NotReady unless the schema is exactly this version's. For commands; writers ask `check_in_batch`."""
    difference = compare(applied(database))
    if difference.unknown:
        raise NotReady("the schema belongs to a newer version")
    if difference.missing:
        raise NotReady("the schema is older than this version: run `manage.py migrate`")


def applied(database: BaseDatabaseWrapper) -> Applied:
    """The migrations that the database says it has; none in an empty database. Raises django.db.Error."""
    try:
        with database.cursor() as cursor:
            cursor.execute("SELECT app, name FROM django_migrations")
            return frozenset(cursor.fetchall())
    except (ProgrammingError, OperationalError) as error:
        if _is_missing_table(error):
            return frozenset()
        raise


def _is_missing_table(error: Exception) -> bool:
    return getattr(error.__cause__, "sqlstate", None) == "42P01" or "no such table" in str(error)


@functools.lru_cache(maxsize=64)
def compare(migrations: Applied) -> Difference:
    """How these applied migrations differ from this version's; reads the files on disk once for each distinct set."""
    loader = MigrationLoader(None)
    known = set(loader.disk_migrations)
    for migration in loader.disk_migrations.values():
        known.update((app, name) for app, name in migration.replaces)
    return Difference(frozenset(loader.graph.nodes) - migrations, migrations - known)


def progress(database: BaseDatabaseWrapper = connection) -> Progress:
    """How far the schema is from this version's, as committed so far. Raises django.db.Error."""
    migrations = applied(database)
    missing, unknown = compare(migrations)
    wanted = _target()
    if not missing and not unknown:
        status = "completed"
    else:
        status = "in_progress" if _is_migrating(database) else "pending"
    done = len(wanted - missing)
    return Progress(
        status=status,
        current=_revisions(migrations),
        target=_revisions(wanted),
        percent=100.0 if not missing else round(100 * done / len(wanted), 1),
        is_newer=bool(unknown),
    )


@functools.cache
def _target() -> Applied:
    return compare(frozenset()).missing


def _revisions(migrations: Applied) -> list[str]:
    last = dict(sorted(migrations))
    return [f"{app}.{name}" for app, name in last.items()]


class _Look:
    """The last look at the schema, shared by the threads of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_ready = False
        self._until = 0.0

    def __call__(self) -> bool:
        if time.monotonic() < self._until:
            return self._is_ready
        with self._lock:
            if time.monotonic() >= self._until:
                difference = compare(applied(connection))
                self._is_ready = not difference.missing and not difference.unknown
                self._until = time.monotonic() + (RECHECK_READY if self._is_ready else RECHECK_WAITING)
            return self._is_ready

    def forget(self) -> None:
        self._until = 0.0


is_ready = _Look()  # `is_ready()`: cheap enough to ask on every request. Raises django.db.Error


def wait_until_ready(stop: threading.Event, say: Callable[[str], None] = lambda _text: None) -> bool:
    """Wait until the schema is this version's; False when `stop` was set first. `say` hears each new reason once.

    A database that does not answer is waited for as well.
    """
    told = ""
    while not stop.is_set():
        try:
            if is_ready():
                return True
            now = progress()
            reason = (
                "the schema belongs to a newer version: waiting for this process to be replaced"
                if now.is_newer
                else f"waiting for the schema: migration {now.status}, {now.percent:.0f} %"
            )
        except DatabaseError as error:
            reason = f"the database does not answer (DATABASE_URL): {first_line(error)}"
            connection.close()
        if reason != told:
            say(told := reason)
        stop.wait(RECHECK_WAITING)
    return False


def first_line(error: BaseException) -> str:
    """What went wrong, in one line, without the full stop."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")


@contextlib.contextmanager
def exclusive(database: BaseDatabaseWrapper, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Be the only one that changes the schema. `waiting` is called once when another one is at it."""
    lock = _postgresql_lock if database.vendor == "postgresql" else _file_lock
    with lock(database, waiting):
        yield


@contextlib.contextmanager
def _postgresql_lock(database: BaseDatabaseWrapper, waiting: Callable[[], None]) -> Iterator[None]:
    def ask(function: str, lock: int) -> Any:
        with database.cursor() as cursor:
            cursor.execute(f"SELECT {function}(%s, %s)", [LOCK_CLASS, lock])
            return cursor.fetchone()[0]

    _try_until(lambda: bool(ask("pg_try_advisory_lock", MIGRATORS)), waiting)
    # Locks of the session, on the connection that migrates: they go with it, however it ends.
    try:
        ask("pg_advisory_lock", SCHEMA)
        yield
    finally:
        if not database.in_atomic_block and database.connection is not None:
            with contextlib.suppress(DatabaseError):
                ask("pg_advisory_unlock", SCHEMA)
                ask("pg_advisory_unlock", MIGRATORS)


@contextlib.contextmanager
def _file_lock(database: BaseDatabaseWrapper, waiting: Callable[[], None]) -> Iterator[None]:
    path = _lock_path(database)
    if path is None:
        yield
        return
    with path.open("w") as file:
        _try_until(lambda: _try_flock(file, fcntl.LOCK_EX), waiting)
        yield


def _try_until(attempt: Callable[[], bool], waiting: Callable[[], None]) -> None:
    if attempt():
        return
    waiting()
    while not attempt():
        time.sleep(0.1)


def _is_migrating(database: BaseDatabaseWrapper) -> bool:
    if database.vendor == "postgresql":
        with database.cursor() as cursor:
            cursor.execute(
                "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted AND mode = 'ExclusiveLock'"
                " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
                " AND classid = %s AND objid = %s AND objsubid = 2)",
                [LOCK_CLASS, MIGRATORS],
            )
            return bool(cursor.fetchone()[0])
    path = _lock_path(database)
    if path is None or not path.exists():
        return False
    with path.open() as file:
        return not _try_flock(file, fcntl.LOCK_SH)


def _try_flock(file: IO[str], kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _lock_path(database: BaseDatabaseWrapper) -> Path | None:
    name = str(database.settings_dict["NAME"])
    return None if ":memory:" in name or "mode=memory" in name else Path(f"{name}-migrate.lock")
