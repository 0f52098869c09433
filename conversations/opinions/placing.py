"""Finds the sessions that opinions belong to, and writes what lists and filters ask of them.

Derived and nothing else: `session` of every opinion, `Session.watermark` and `verdict`, and the value rows from
REVIEW on. Everything runs in the caller's transaction, under the lock of the conversation.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from conversations import bulk
from conversations.identity import Key
from conversations.models import (
    VERDICTS,
    Anchored,
    Assignment,
    Correction,
    Deed,
    Event,
    Flag,
    Later,
    Mention,
    Note,
    Review,
    Session,
    SessionValue,
    TagUse,
)
from conversations.rows import VALUE_COLUMNS, period_of
from conversations.summary import LAST_TURN

ANCHORED: tuple[type[Anchored], ...] = (Review, TagUse, Flag, Note, Correction, Assignment, Later, Deed)
Kind = SessionValue.Kind
_Values = dict[tuple[int, int, str], int]  # (session, kind, value) -> turns
_COLUMNS = (
    "id", "conversation_id", "assistant_id", "activity_at", "newest_turn", "watermark", "verdict",
    "start_at", "start_rank", "start_hash", "last_at", "last_rank", "last_hash",
)  # fmt: skip


def place(conversation_id: int) -> None:
    """After sessions were computed anew: find the session of every opinion, and write what follows from them."""
    found = Session.objects.filter(conversation_id=conversation_id).only(*_COLUMNS)
    sessions = sorted(found, key=_start)
    starts = [_start(session) for session in sessions]
    is_silent = not _is_anything_said(conversation_id)
    for model in () if is_silent else ANCHORED:
        moved = []
        rows = model._default_manager.filter(conversation_id=conversation_id)
        for pk, known, at, rank, digest in rows.values_list(
            "pk", "session_id", "anchor_at", "anchor_rank", "anchor_hash"
        ):
            pk_of = _holding(sessions, starts, (at, rank, bytes(digest)))
            if pk_of != known:
                moved.append((pk, pk_of))
        bulk.update(model, ("session_id",), sorted(moved))
    refresh(sessions, is_silent=is_silent)


def _is_anything_said(conversation_id: int) -> bool:
    """Of most conversations nobody says anything: one query instead of sixteen when they are rebuilt."""
    exist = " OR ".join(
        f"EXISTS (SELECT 1 FROM {model._meta.db_table} WHERE conversation_id = %s)"  # noqa: S608 - names of our tables
        for model in ANCHORED
    )
    return bool(bulk.select(f"SELECT 1 WHERE {exist}", [conversation_id] * len(ANCHORED)))


def place_waiting(begun: Mapping[int, float]) -> None:
    """Sessions began: tags that bots set before the events came may belong to them.

    `begun`: ids of locked conversations, and when the first of their new sessions begins (UTC seconds).
    """
    uses = TagUse.objects.filter(conversation_id__in=list(begun), anchor_hash=b"")
    columns = uses.values_list("conversation_id", "anchor_at", "session_id")
    for pk in sorted({pk for pk, at, session in columns if session is None or at >= begun[pk]}):
        place(pk)


def session_at(conversation_id: int, key: Key) -> Session | None:
    """The session that holds this place in the conversation, or its first one; None when it has none."""
    found = Session.objects.filter(conversation_id=conversation_id, start_at__lte=key[0]).order_by("start_at")
    holding = [session for session in found.reverse()[:3] if _start(session) <= key]
    if holding:
        return max(holding, key=_start)
    return min(Session.objects.filter(conversation_id=conversation_id), key=_start, default=None)


def refresh(sessions: Sequence[Session], *, is_silent: bool = False) -> None:
    """Write what follows from the opinions on these sessions: watermark, verdict, value rows. Only what changed.

    `is_silent`: it is known that there are none.
    """
    if not sessions:
        return
    by_id = {session.pk: session for session in sessions}
    wanted: _Values = {}
    _reviews(by_id, wanted, is_silent=is_silent)
    if not is_silent:
        _people(by_id, wanted)
        _turns(by_id, wanted)
    known = {
        (pk, kind, value): (turns, period)
        for pk, kind, value, turns, period in SessionValue.objects.filter(
            session_id__in=list(by_id), kind__gte=Kind.REVIEW
        ).values_list("session_id", "kind", "value", "turns", "period")
    }
    periods = {pk: period_of(session.activity_at) for pk, session in by_id.items()}
    gone = sorted(known.keys() - wanted.keys())
    bulk.execute(
        "DELETE FROM conversations_sessionvalue WHERE session_id = %s AND kind = %s AND value = %s", gone
    )
    new, changed = [], []
    for key, turns in sorted(wanted.items()):
        period = periods[key[0]]
        if key not in known:
            new.append((*key, by_id[key[0]].assistant_id, period, turns))
        elif known[key] != (turns, period):
            changed.append((*key, turns, period))
    bulk.insert(SessionValue, VALUE_COLUMNS, new)
    bulk.update(SessionValue, ("turns", "period"), changed, key=("session_id", "kind", "value"))


def _start(session: Session) -> Key:
    return session.start_at, session.start_rank, bytes(session.start_hash)


def _holding(sessions: Sequence[Session], starts: Sequence[Key], key: Key) -> int | None:
    if not sessions:
        return None
    return sessions[max(bisect_right(starts, key) - 1, 0)].pk


def _reviews(by_id: dict[int, Session], wanted: _Values, *, is_silent: bool) -> None:
    """Watermark and verdict follow the latest review of each session."""
    reviews: dict[int, list[Review]] = defaultdict(list)
    given = Review.objects.standing().filter(session_id__in=list(by_id)).order_by("at", "pk")
    for review in () if is_silent else given:
        reviews[review.session_id or 0].append(review)
    changed = []
    for pk, session in by_id.items():
        latest = reviews[pk][-1] if reviews[pk] else None
        watermark = _watermark(session, reviews[pk])
        verdict = latest.verdict if latest else 0
        if (watermark, verdict) != (session.watermark, session.verdict):
            changed.append((pk, watermark, verdict))
            session.watermark, session.verdict = watermark, verdict
        if session.newest_turn is not None:
            wanted[pk, Kind.REVIEW, status(session)] = 0
        if latest is None:
            continue
        wanted[pk, Kind.VERDICT, VERDICTS[verdict]] = 0
        if latest.reason_id:
            wanted[pk, Kind.REASON, str(latest.reason_id)] = 0
        for review in reviews[pk]:
            if review.user_id:
                wanted[pk, Kind.REVIEWER, str(review.user_id)] = 0
    bulk.update(Session, ("watermark", "verdict"), sorted(changed))


def status(session: Session) -> str:
    """`unread`, `changed` since its latest review, or `reviewed`; empty for a session in which no user said anything."""
    if session.newest_turn is None:
        return ""
    if session.watermark is None:
        return "unread"
    return "changed" if session.watermark < session.newest_turn else "reviewed"


def _watermark(session: Session, reviews: Sequence[Review]) -> int | None:
    """Up to which arrival number the latest review holds. What joined the session in front of it was on no screen."""
    if not reviews:
        return None
    latest = reviews[-1]
    if session.start_at >= latest.covers_from:
        return latest.watermark
    in_front = Event.objects.of_session(session).filter(
        type="user", timestamp__lt=latest.covers_from, id__lte=latest.watermark
    )
    unseen = [
        pk
        for pk, at in in_front.values_list("id", "timestamp")
        if not any(one.covers_from <= at and pk <= one.watermark for one in reviews)
    ]
    return min([latest.watermark, *(pk - 1 for pk in unseen)])


def _people(by_id: dict[int, Session], wanted: _Values) -> None:
    ids = list(by_id)
    given = Assignment.objects.standing().filter(session_id__in=ids).order_by("at", "pk")
    assigned = dict(given.values_list("session_id", "to_id"))  # the last one wins
    for pk, user in assigned.items():
        wanted[pk, Kind.ASSIGNED, str(user)] = wanted[pk, Kind.FOR, str(user)] = 0
    later = Later.objects.standing().filter(session_id__in=ids, user__isnull=False)
    for pk, user in later.values_list("session_id", "user_id"):
        wanted[pk, Kind.LATER, str(user)] = wanted[pk, Kind.FOR, str(user)] = 0
    mentioned = Mention.objects.filter(note__session_id__in=ids, note__is_removed=False)
    for pk, user in mentioned.values_list("note__session_id", "user_id"):
        wanted[pk, Kind.FOR, str(user)] = 0


def _turns(by_id: dict[int, Session], wanted: _Values) -> None:
    """What is said of turns, with their bits; tags and notes may as well be said of the session."""
    ids = list(by_id)
    found: list[tuple[int, Kind, str, Key | None]] = []
    columns = ("session_id", "is_turn", "anchor_at", "anchor_rank", "anchor_hash")
    uses = TagUse.objects.standing().filter(session_id__in=ids)
    for tag, pk, is_turn, *key in uses.values_list("tag_id", *columns):
        found.append((pk, Kind.TAG, str(tag), None))
        if is_turn:
            found.append((pk, Kind.TURN_TAG, str(tag), _key(key)))
    marks: tuple[tuple[str, Any], ...] = (("flagged", Flag), ("noted", Note), ("corrected", Correction))
    for mark, model in marks:
        for pk, is_turn, *key in model.objects.standing().filter(session_id__in=ids).values_list(*columns):
            found.append((pk, Kind.MARK, mark, _key(key) if is_turn else None))
    users = _user_events(by_id, {pk for pk, _, _, key in found if key is not None})
    for pk, kind, value, key in found:
        bit = 0 if key is None else 1 << min(bisect_right(users[pk], key), LAST_TURN)
        wanted[pk, kind, value] = wanted.get((pk, kind, value), 0) | bit


def _key(parts: Sequence[Any]) -> Key:
    at, rank, digest = parts
    return at, rank, bytes(digest)


def _user_events(by_id: dict[int, Session], ids: set[int]) -> dict[int, list[Key]]:
    """Where each of these sessions' turns begin, in order. One query, of one session or of its conversation."""
    if not ids:
        return {}
    if len(ids) == 1:
        (pk,) = ids
        found = Event.objects.of_session(by_id[pk])
    else:
        found = Event.objects.filter(conversation_id__in={by_id[pk].conversation_id for pk in ids})
    starts: dict[int, list[tuple[Key, int]]] = defaultdict(list)
    for session in by_id.values():
        starts[session.conversation_id].append((_start(session), session.pk))
    for begun in starts.values():
        begun.sort()
    users: dict[int, list[Key]] = {pk: [] for pk in by_id}
    columns = found.filter(type="user").values_list("conversation_id", "timestamp", "rank", "hash")
    for conversation, *parts in columns:
        key, begun = _key(parts), starts[conversation]
        place_of = bisect_right(begun, key, key=lambda start: start[0]) - 1
        if place_of >= 0:
            users[begun[place_of][1]].append(key)
    return {pk: sorted(keys) for pk, keys in users.items()}
