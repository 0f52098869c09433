"""Rows of the sessions list: what each quotes, and the tags on it. A fixed number of queries for any number of rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.urls import reverse

from conversations.models import Event, Session
from conversations.summary import UNSURE_BELOW
from conversations.templatetags.sessions import runs, when
from conversations.templatetags.signals import Chip, chips
from conversations.transcript import Segment, Wanted
from conversations.transcript.spans import find, segments

from .opening import Look, looks, matcher_of
from .opinions import Said, said_of
from .row_chips import chips_of, mark_of, shortened

if TYPE_CHECKING:
    from .asking import Ask

QUOTE = 140  # code points
LEAD = 28  # of these before the first hit


@dataclass(slots=True)
class Row:
    """A session as its list row shows it. `look`: where it opens; None for a very long one."""

    session: Session
    said: Said
    quote: list[Segment] = field(default_factory=list)
    look: Look | None = None
    signals: list[Chip] = field(default_factory=list)
    url: str = ""

    @property
    def n_new(self) -> int:
        """User turns since the latest review; 0 where that is not known."""
        return self.look.n_new if self.look else 0

    @property
    def is_unsure(self) -> bool:
        lowest = self.session.min_intent_confidence
        return lowest is not None and lowest < UNSURE_BELOW

    def drawn(self) -> dict[str, str | bool]:
        """Everything that the template writes, so that it looks nothing up twice and computes nothing."""
        session, said = self.session, self.said
        status = said.status
        is_fresh = status in ("unread", "changed") and not said.is_seen
        return {
            "pk": str(session.pk),
            "url": self.url,
            "revision": str(session.revision),
            "status": status,
            "classes": f"{status} fresh-to-me" if is_fresh else status,
            "verdict": said.verdict,
            "is_later": said.is_later,
            "is_open": bool(said.open_by),
            "mark": mark_of(status),
            "sender": shortened(session.conversation.sender_id, 120) or "∅",
            "when": when(session.activity_at, with_day=True),
            "quote": runs(self.quote) if self.quote else "",
            "chips": chips_of(self),
        }


def rows_of(found: Iterable[Session], ask: Ask) -> list[Row]:
    """A row for each session; it quotes the turn at which the session opens."""
    sessions = list(found)
    said = said_of(sessions, ask.user)
    seen = looks(sessions, matcher_of(ask))
    texts = quotes(seen)
    signals = chips(sessions, ask.assistant)
    # One address is looked up, and every session's number put where that one had 0.
    before, _zero, after = reverse("conversations:session-detail", args=[0]).rpartition("0")
    return [
        Row(
            session,
            said[session.pk],
            quote(texts.get(session.pk) or _matter(session), ask.wanted),
            seen.get(session.pk),
            signals.get(session.pk, []),
            f"{before}{session.pk}{after}{ask.here}",
        )
        for session in sessions
    ]


def quotes(seen: Mapping[int, Look]) -> dict[int, str]:
    """What was said in the turn that each session opens at."""
    found = {pk: one.message for pk, one in seen.items() if one.message is not None}
    texts = dict(Event.objects.filter(pk__in=found.values()).values_list("pk", "text"))
    return {pk: texts[message] for pk, message in found.items() if message in texts}


def _matter(session: Session) -> str:
    return session.trouble_text or session.opening_text


def quote(text: str, wanted: Wanted) -> list[Segment]:
    """A short piece of `text` with its hits marked, the first of them in view."""
    phrases = (*wanted.user_text, *wanted.bot_text)
    places = find(phrases, text)
    if places and places[0][0] > LEAD + 20:
        start = places[0][0] - LEAD
        start = text.find(" ", start, places[0][0]) + 1 or start
        text = "…" + text[start:]
        places = find(phrases, text)
    return segments(text, (), places, limit=QUOTE)
