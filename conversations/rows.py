"""A session between its database row and the sums that the store works with."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, Self

from conversations.identity import Key
from conversations.summary import VALUE_LIMIT, At, Summary, value_key

PERIOD_SECONDS = 600
_PLAIN = (
    "n_events", "n_user_messages", "n_payloads", "n_bot_messages", "n_fallbacks", "n_reverts",
    "min_intent_confidence", "max_intent_confidence", "min_action_confidence", "max_action_confidence",
)  # fmt: skip
_LATEST = (  # summary attribute, column of its text, column of its time
    ("channel", "channel", "channel_at"),
    ("environment", "environment", "environment_at"),
    ("model", "model_id", "model_at"),
    ("opening", "opening_text", "opening_at"),
    ("trouble", "trouble_text", "trouble_at"),
    ("open_loop", "open_loop", "open_loop_at"),
)
COLUMNS = (  # what growing and rebuilding write; what a review says is read only
    "conversation_id", "assistant_id", "start_at", "start_rank", "start_hash", "last_at", "last_rank", "last_hash",
    "activity_at", "n_reverted", "revision", "turns_known", "newest_turn", *_PLAIN,
    *(name for _, text, time in _LATEST for name in (text, time)),
)  # fmt: skip
STORED = ("id", *COLUMNS, "watermark")
ADDED = ("id", *COLUMNS, "verdict")  # of a new row


@dataclass(slots=True)
class SessionRow:
    """One row of `Session`: its place, its sums, and what else is stored of it."""

    id: int
    conversation_id: int
    assistant_id: int
    start: Key
    last: Key
    summary: Summary = field(default_factory=Summary)
    n_reverted: int = 0
    revision: int = 0
    turns_known: bool = True
    newest_turn: int | None = None
    watermark: int | None = None

    @classmethod
    def from_database(cls, values: dict[str, Any]) -> Self:
        """From `Session.objects.values(*STORED)`; its summary's `values` are not read: they only grow."""
        summary = Summary(**{name: values[name] for name in _PLAIN}, activity_at=values["activity_at"])
        for attribute, text, time in _LATEST:
            if values[time] is not None:
                setattr(summary, attribute, (values[time], values[text]))
        return cls(
            id=values["id"],
            conversation_id=values["conversation_id"],
            assistant_id=values["assistant_id"],
            start=(values["start_at"], values["start_rank"], bytes(values["start_hash"])),
            last=(values["last_at"], values["last_rank"], bytes(values["last_hash"])),
            summary=summary,
            n_reverted=values["n_reverted"],
            revision=values["revision"],
            turns_known=bool(values["turns_known"]),
            newest_turn=values["newest_turn"],
            watermark=values["watermark"],
        )

    def columns(self) -> tuple[Any, ...]:
        """Values of COLUMNS."""
        summary = self.summary
        latest: list[Any] = []
        for attribute, _, _ in _LATEST:
            at: At | None = getattr(summary, attribute)
            latest += ["", None] if at is None else [at[1], at[0]]
        return (
            self.conversation_id, self.assistant_id, *self.start, *self.last,
            summary.activity_at, self.n_reverted, self.revision, self.turns_known, self.newest_turn,
            *_plain(summary), *latest,
        )  # fmt: skip

    def added(self) -> tuple[Any, ...]:
        """Values of ADDED: nobody has reviewed it."""
        return (self.id, *self.columns(), 0)

    @property
    def period(self) -> int:
        """The period of its activity."""
        return period_of(self.summary.activity_at or 0.0)

    def value_rows(self, values: Mapping[tuple[int, str], int]) -> list[tuple[Any, ...]]:
        """Rows of `SessionValue` (VALUE_COLUMNS) for these values and the turns in which they occur."""
        period = self.period
        if any(len(value) > VALUE_LIMIT for _, value in values):
            values = _keyed(values)
        return [
            (self.id, kind, value, self.assistant_id, period, turns)
            for (kind, value), turns in values.items()
        ]


VALUE_COLUMNS = ("session_id", "kind", "value", "assistant_id", "period", "turns")


def period_of(activity_at: float) -> int:
    """The ten minutes that an activity (UTC seconds) falls into, as value rows keep it."""
    return math.floor(activity_at / PERIOD_SECONDS)


def _keyed(values: Mapping[tuple[int, str], int]) -> dict[tuple[int, str], int]:
    """Values cut to their keys, each once, whatever somebody may have called theirs."""
    found: dict[tuple[int, str], int] = {}
    for (kind, value), turns in values.items():
        key = (kind, value_key(value))
        found[key] = found.get(key, 0) | turns
    return found


_plain = attrgetter(*_PLAIN)
