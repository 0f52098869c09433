"""How this installation is: what `/api/health` says and what the status page shows in more detail."""

import time
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.db import DatabaseError
from django.utils.translation import gettext as _

from enterprise import schema

STALE_SECONDS = 30  # a source whose process has not been heard of for this long is not connected


def health() -> dict[str, Any]:
    """The body of `/api/health`: upstream's shape and our additions. Answers whatever is down; never raises."""
    no_server = {"status": 500, "message": _("No Rasa server is set up here yet.")}
    migration = database_migration()
    return {
        "production": no_server,
        "worker": no_server,
        "database_migration": migration,
        "event_service": event_service() if migration["status"] == "completed" else {"status": "waiting"},
        "cache": cache_state(),
    }


def database_migration() -> dict[str, Any]:
    """Status (pending, in_progress, completed), revisions of each app, and percent."""
    try:
        now = schema.progress()
    except DatabaseError:
        return {
            "status": "pending",
            "current_revision": [],
            "target_revision": [],
            "progress_in_percent": 0.0,
            "message": _("The database does not answer (setting DATABASE_URL)."),
        }
    body: dict[str, Any] = {
        "status": now.status,
        "current_revision": now.current,
        "target_revision": now.target,
        "progress_in_percent": now.percent,
    }
    if now.is_newer:
        body["message"] = _("The database belongs to a newer version of Enterprise.")
    return body


def event_service() -> dict[str, Any]:
    """Whether events come in: all sources connected, the newest event, how long ago, and what was rejected."""
    from events.models import Source  # noqa: PLC0415 - the gate is open before the table is there

    try:
        rows = Source.objects.in_use(time.time())
        sources = list(rows.values("connected", "heartbeat_at", "last_event_at", "n_rejected"))
    except DatabaseError:
        return {"status": "unknown"}
    now = time.time()
    alive = [
        source
        for source in sources
        if source["connected"] and now - (source["heartbeat_at"] or 0) < STALE_SECONDS
    ]
    newest = max((source["last_event_at"] for source in sources if source["last_event_at"]), default=None)
    return {
        "status": "running" if alive else "stopped",
        "connected": bool(sources) and len(alive) == len(sources),
        "sources": len(sources),
        "last_event": newest,
        "lag_in_seconds": None if newest is None else max(0.0, round(now - newest, 3)),
        "rejected": sum(source["n_rejected"] for source in sources),
    }


def cache_state() -> dict[str, Any]:
    """Which cache, and whether it answers. Away, it makes the product slower, never wrong."""
    if not settings.CACHE_URL:
        return {"kind": "memory", "connected": True}
    cache.set("health", 1, 10)
    return {"kind": "redis", "connected": cache.get("health") == 1}
