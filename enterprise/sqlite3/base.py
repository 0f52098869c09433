"""A transaction that waits for the write lock asks often.

SQLite's own waiting backs off to 100 ms between two looks, so that a click beside a loader that writes all the time,
with 20 others waiting, took 7 s on a busy machine. Asking every few milliseconds costs nothing and gives all writers
the same chance.
"""

import random
import sqlite3
import time

from django.db.backends.sqlite3 import base

LOOK_SECONDS = 0.004


class DatabaseWrapper(base.DatabaseWrapper):
    """Waits as long as the option `timeout` says, then raises OperationalError as SQLite does."""

    def _start_transaction_under_autocommit(self) -> None:
        seconds: float = self.settings_dict["OPTIONS"].get("timeout", 5.0)
        deadline = time.monotonic() + seconds
        with self.wrap_database_errors:
            self.connection.execute("PRAGMA busy_timeout = 0")
            try:
                while not self._begun(may_fail=time.monotonic() > deadline):
                    time.sleep(random.uniform(0.5, 1.5) * LOOK_SECONDS)  # noqa: S311 - spreads writers
            finally:
                self.connection.execute(f"PRAGMA busy_timeout = {int(seconds * 1000)}")

    def _begun(self, *, may_fail: bool) -> bool:
        try:
            mode: str | None = getattr(self, "transaction_mode", None)
            self.connection.execute(f"BEGIN {mode or 'DEFERRED'}")
        except sqlite3.OperationalError as error:
            if may_fail or "locked" not in str(error):
                raise
            return False
        return True
