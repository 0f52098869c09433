"""Many rows in one statement: the one place with raw SQL (design: the ORM costs 5 to 50 times as much here).

PostgreSQL gets *binary* arrays through `unnest` (text arrays cost four times the throughput), SQLite `executemany`.
Everything runs on Django's connection, inside the caller's transaction.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import psycopg
from django.db import connection, models
from django.db.backends.utils import CursorWrapper

Row = Sequence[Any]


def is_postgresql() -> bool:
    """Whether this process works on PostgreSQL (else on SQLite)."""
    return connection.vendor == "postgresql"


@contextmanager
def pipeline() -> Iterator[None]:
    """Statements inside are sent without waiting for each other's answers: PostgreSQL works while we prepare the next.

    For statements of which no rows are read; what one of them meets is raised by a later one or at the end.
    """
    if not is_postgresql():
        yield
        return
    connection.ensure_connection()
    with connection.wrap_database_errors, connection.connection.pipeline():
        yield


def insert(
    model: type[models.Model], columns: Sequence[str], rows: Sequence[Row], *, skip_existing: bool = False
) -> None:
    """Insert `rows` (tuples in the order of `columns`, field attnames); existing ones are skipped when asked."""
    if not rows:
        return
    table = model._meta.db_table
    names = ", ".join(columns)
    conflict = " ON CONFLICT DO NOTHING" if skip_existing else ""
    if is_postgresql():
        _execute(
            f"INSERT INTO {table} ({names}) SELECT * FROM {_unnest(model, tuple(columns))}{conflict}",
            _arrays(rows),
        )
    else:
        _executemany(f"INSERT INTO {table} ({names}) VALUES ({_marks(columns)}){conflict}", rows)


def insert_or(
    model: type[models.Model], columns: Sequence[str], rows: Sequence[Row], *, key: Sequence[str], bits: str
) -> None:
    """Insert `rows` (no two with the same `key`, columns with a unique index); of those that exist, set more `bits`."""
    if not rows:
        return
    into = f"INSERT INTO {model._meta.db_table} AS t ({', '.join(columns)})"
    conflict = (
        f" ON CONFLICT ({', '.join(key)}) DO UPDATE SET {bits} = t.{bits} | excluded.{bits}"
        f" WHERE t.{bits} | excluded.{bits} <> t.{bits}"
    )
    if is_postgresql():
        _execute(f"{into} SELECT * FROM {_unnest(model, tuple(columns))}{conflict}", _arrays(rows))
    else:
        _executemany(f"{into} VALUES ({_marks(columns)}){conflict}", rows)


def insert_new(
    model: type[models.Model], columns: Sequence[str], rows: Sequence[Row], *, key: Sequence[str]
) -> dict[tuple[Any, ...], int]:
    """Insert those of `rows` that are not there yet; return the `key` values of what was inserted, with their ids.

    `key` are columns with a unique index. Rows should come sorted by it, so that two writers meet in one order.
    """
    if not rows:
        return {}
    table = model._meta.db_table
    names = ", ".join(columns)
    if is_postgresql():
        returned = _fetch(
            f"INSERT INTO {table} ({names}) SELECT * FROM {_unnest(model, tuple(columns))}"
            f" ON CONFLICT DO NOTHING RETURNING id, {', '.join(key)}",
            _arrays(rows),
        )
        return {row[1:]: row[0] for row in returned}
    # executemany ... RETURNING gives no rows on SQLite; its transaction holds the only write lock, so look first.
    places = [columns.index(name) for name in key]
    keys = [tuple(row[place] for place in places) for row in rows]
    existing = set(find(model, key, keys, key=key))
    fresh = [(item, row) for item, row in zip(keys, rows, strict=True) if item not in existing]
    ids = new_ids(model, len(fresh))
    _executemany(
        f"INSERT INTO {table} (id, {names}) VALUES (%s, {_marks(columns)})",
        [(pk, *row) for pk, (_, row) in zip(ids, fresh, strict=True)],
    )
    return {item: pk for pk, (item, _) in zip(ids, fresh, strict=True)}


def find(
    model: type[models.Model], columns: Sequence[str], keys: Sequence[Row], *, key: Sequence[str]
) -> list[tuple[Any, ...]]:
    """`columns` of the rows whose values of `key` (columns with a unique index) are among `keys`."""
    if not keys:
        return []
    table = model._meta.db_table
    if is_postgresql():
        names = ", ".join(f"t.{name}" for name in columns)
        same = " AND ".join(f"t.{name} = u.{name}" for name in key)
        return _fetch(
            f"SELECT {names} FROM {_unnest(model, tuple(key))} JOIN {table} t ON {same}", _arrays(keys)
        )
    found: list[tuple[Any, ...]] = []
    for some in _pieces(keys, 250):
        values = ", ".join([f"({_marks(key)})"] * len(some))
        found += select(
            f"SELECT {', '.join(columns)} FROM {table} WHERE ({', '.join(key)}) IN (VALUES {values})",
            [value for item in some for value in item],
        )
    return found


def update(
    model: type[models.Model], columns: Sequence[str], rows: Sequence[Row], *, key: Sequence[str] = ("id",)
) -> None:
    """Set `columns` of the rows whose `key` values come first in each tuple."""
    if not rows:
        return
    table = model._meta.db_table
    if is_postgresql():
        assigned = ", ".join(f"{name} = u.{name}" for name in columns)
        found = " AND ".join(f"t.{name} = u.{name}" for name in key)
        _execute(
            f"UPDATE {table} t SET {assigned} FROM {_unnest(model, (*key, *columns))} WHERE {found}",
            _arrays(rows),
        )
    else:
        assigned = ", ".join(f"{name} = %s" for name in columns)
        found = " AND ".join(f"{name} = %s" for name in key)
        width = len(key)
        _executemany(
            f"UPDATE {table} SET {assigned} WHERE {found}", [(*row[width:], *row[:width]) for row in rows]
        )


def select(sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """Rows of a query; parameters are `%s`."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return [tuple(row) for row in cursor.fetchall()]


def execute(sql: str, rows: Sequence[Row]) -> None:
    """Run a statement once a row (SQLite) or in a pipeline (PostgreSQL)."""
    if rows:
        _executemany(sql, rows)


def execute_unnest(sql: str, types: Sequence[str], rows: Sequence[Row]) -> None:
    """PostgreSQL: run a statement whose `{u}` is `rows` as a table `u(c1, c2, …)` of these SQL types."""
    if rows:
        _execute(_with_unnest(sql, types), _arrays(rows))


def select_unnest(sql: str, types: Sequence[str], rows: Sequence[Row]) -> list[tuple[Any, ...]]:
    """PostgreSQL: the same for a query; its rows."""
    return _fetch(_with_unnest(sql, types), _arrays(rows)) if rows else []


def _with_unnest(sql: str, types: Sequence[str]) -> str:
    arrays = ", ".join(f"%b::{name}[]" for name in types)
    names = ", ".join(f"c{number}" for number in range(1, len(types) + 1))
    return sql.replace("{u}", f"unnest({arrays}) AS u({names})")


def new_ids(model: type[models.Model], count: int) -> list[int]:
    """Primary keys for `count` rows to come. On SQLite the caller holds the write lock."""
    if not count:
        return []
    table = model._meta.db_table
    if is_postgresql():
        found = select(
            f"SELECT nextval(pg_get_serial_sequence('{table}', 'id')) FROM generate_series(1, %s)", [count]
        )
        return [row[0] for row in found]
    [(highest,)] = select(
        f"SELECT max((SELECT coalesce(max(id), 0) FROM {table}),"
        f" (SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = '{table}'))"
    )
    return list(range(highest + 1, highest + 1 + count))


def any_of(column: str, values: Sequence[Any]) -> tuple[str, list[Any]]:
    """An SQL condition "column is one of values" and its parameters."""
    if is_postgresql():
        return f"{column} = ANY(%s)", [list(values)]
    return f"{column} IN ({_marks(values)})", list(values)


@lru_cache(maxsize=64)
def _unnest(model: type[models.Model], columns: tuple[str, ...]) -> str:
    types = {field.attname: field.db_type(connection) for field in model._meta.concrete_fields}
    arrays = ", ".join(f"%b::{types[name]}[]" for name in columns)
    return f"unnest({arrays}) AS u({', '.join(columns)})"


def _arrays(rows: Sequence[Row]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]


def _marks(items: Sequence[Any]) -> str:
    return ", ".join(["%s"] * len(items))


def _execute(sql: str, arrays: list[list[Any]]) -> None:
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(sql.encode(), arrays)


def _fetch(sql: str, arrays: list[list[Any]]) -> list[tuple[Any, ...]]:
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(sql.encode(), arrays)
        return cursor.fetchall()


def _executemany(sql: str, rows: Sequence[Row]) -> None:
    cursor: CursorWrapper
    with connection.cursor() as cursor:
        cursor.executemany(sql, rows)


def _pieces(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def grouped(pairs: Iterable[tuple[Any, Any]]) -> dict[Any, list[Any]]:
    """Second items by first item, in order."""
    result: dict[Any, list[Any]] = {}
    for first, second in pairs:
        result.setdefault(first, []).append(second)
    return result
