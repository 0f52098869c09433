"""Rows of sources: finding one's own, who may read it, how it is doing, and starting it again."""

import os
import secrets
import socket
import time
from typing import Any

from django.db.models import F, Q

from events.models import Source
from events.sources.address import Address

LEASE_SECONDS = 15.0


class LeaseLost(Exception):
    """Another process reads this source now: the batch must not be stored with our position."""


def row_for(address: Address) -> Source:
    """The row of an address, made on first sight. Raises django.db.Error."""
    row, made = Source.objects.get_or_create(
        key=address.key,
        defaults={
            "kind": address.kind,
            "label": address.label,
            "assistant": address.assistant,
            "created_at": time.time(),
        },
    )
    if not made and row.label != address.label:
        Source.objects.filter(pk=row.pk).update(label=address.label)
        row.label = address.label
    return row


def holder_name() -> str:
    """Names this process and one consumer in it."""
    return f"{socket.gethostname()[:30]}:{os.getpid()}:{secrets.token_hex(4)}"


def take_lease(source_id: int, holder: str, *, now: float) -> bool:
    """Whether this process is the only reader until `now` + LEASE_SECONDS; also prolongs. Raises django.db.Error."""
    row = Source.objects.filter(pk=source_id)
    mine = {"lease_holder": holder, "lease_until": now + LEASE_SECONDS}
    is_free = Q(lease_holder=holder) | Q(lease_holder="") | Q(lease_until__lt=now)
    if row.filter(is_free).update(**mine):
        return True
    other = row.values_list("lease_holder", flat=True).first() or ""
    return _is_dead(other) and row.filter(lease_holder=other).update(**mine) == 1


def _is_dead(holder: str) -> bool:
    """Whether a holder was a process of this machine that ended without leaving, so that a restart need not wait."""
    host, _, rest = holder.rpartition(":")[0].rpartition(":")
    if host != socket.gethostname()[:30] or not rest.isdecimal():
        return False
    try:
        os.kill(int(rest), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def leave_lease(source_id: int, holder: str) -> None:
    """Let another process read at once."""
    Source.objects.filter(pk=source_id, lease_holder=holder).update(lease_holder="", lease_until=0)


def beat(source_id: int, *, now: float, connected: bool, problem: str, facts: dict[str, Any]) -> str | None:
    """Say how the source is doing; return the state that people or other processes gave it (None: row deleted)."""
    changes: dict[str, Any] = {"heartbeat_at": now, "connected": connected, "problem": problem}
    if facts:
        changes["facts"] = facts
    Source.objects.filter(pk=source_id).update(**changes)
    return Source.objects.filter(pk=source_id).values_list("state", flat=True).first()


def count(
    source_id: int,
    *,
    now: float,
    stored: int,
    duplicates: int,
    rejected: int,
    last_event_at: float | None,
    position: dict[str, Any] | None,
    holder: str,
    stop_reason: str,
) -> None:
    """Write what a batch did, inside its transaction. Raises LeaseLost when the position is not ours to move any more."""
    changes: dict[str, Any] = {
        "n_stored": F("n_stored") + stored,
        "n_duplicates": F("n_duplicates") + duplicates,
        "n_rejected": F("n_rejected") + rejected,
        "last_received_at": now,
        "heartbeat_at": now,
        "connected": True,
        "problem": "",
    }
    if last_event_at is not None:
        changes["last_event_at"] = last_event_at
    if stop_reason:
        changes |= {"state": Source.State.STOPPED, "reason": stop_reason}
    row = Source.objects.filter(pk=source_id)
    if position is not None:
        changes |= {"position": position, "lease_until": now + LEASE_SECONDS}
        row = row.filter(lease_holder=holder)
    if not row.update(**changes) and position is not None:
        raise LeaseLost


def resume(*, keys: list[str] | None = None) -> int:
    """Let stopped and paused sources run again (all, or those of `keys`); returns how many."""
    rows = Source.objects.exclude(state=Source.State.RUNNING)
    if keys is not None:
        rows = rows.filter(key__in=keys)
    return rows.update(state=Source.State.RUNNING, reason="")
