"""Rows of the sessions list: what each quotes, and the tags on it. A fixed number of queries for any number of rows."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from django.db.models import Q

from conversations.models import ConversationTag, Event, Session, Tag
from conversations.summary import UNSURE_BELOW
from conversations.transcript import Segment, Wanted
from conversations.transcript.spans import find, segments

QUOTE = 140  # code points
LEAD = 28  # of these before the first hit
MAX_READ = 1000  # messages that are looked through for the words of a query


@dataclass(slots=True)
class Row:
    """A session as its list row shows it."""

    session: Session
    quote: list[Segment] = field(default_factory=list)
    tags: list[Tag] = field(default_factory=list)

    @property
    def is_unsure(self) -> bool:
        lowest = self.session.min_intent_confidence
        return lowest is not None and lowest < UNSURE_BELOW


def rows_of(found: Iterable[Session], wanted: Wanted) -> list[Row]:
    """A row for each session; the quote is the message that the query's words hit, else the turn that matters."""
    sessions = list(found)
    tags: dict[int, list[Tag]] = defaultdict(list)
    ids = {session.conversation_id for session in sessions}
    used = ConversationTag.objects.filter(conversation__in=ids, is_removed=False).select_related("tag")
    for use in used.order_by("created_at", "id"):
        tags[use.conversation_id].append(use.tag)
    said = _hits(sessions, wanted)
    return [
        Row(session, quote(said.get(session.pk) or _matter(session), wanted), tags[session.conversation_id])
        for session in sessions
    ]


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


def _hits(sessions: Sequence[Session], wanted: Wanted) -> dict[int, str]:
    """The first message of each session that the query's words are in, as far as one query finds them."""
    if not wanted.has_text:
        return {}
    words = {word for phrase in (*wanted.user_text, *wanted.bot_text) for word in phrase.words[:1]}
    plain = [word for word in words if re.fullmatch(r"[a-z0-9]+", word)]
    found = Event.objects.filter(
        conversation__in={session.conversation_id for session in sessions}, type__in=["user", "bot"]
    )
    if plain and len(plain) == len(words):
        either = Q()
        for word in plain:
            either |= Q(text__icontains=word)
        found = found.filter(either)
    by_conversation: dict[int, list[tuple[float, str, str]]] = defaultdict(list)
    columns = found.order_by("conversation_id", "timestamp").values_list(
        "conversation_id", "timestamp", "type", "text"
    )
    for conversation, timestamp, kind, text in columns[:MAX_READ]:
        if find(wanted.user_text if kind == "user" else wanted.bot_text, text):
            by_conversation[conversation].append((timestamp, kind, text))
    result: dict[int, str] = {}
    for session in sessions:
        own = [
            (kind != "user", timestamp, text)
            for timestamp, kind, text in by_conversation[session.conversation_id]
            if session.start_at <= timestamp <= session.last_at
        ]
        if own:
            result[session.pk] = min(own)[2]
    return result
