"""What people put on sessions and turns: tags, flags, notes, corrected intents."""

import json
import re
from itertools import pairwise
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.utils import timezone
from django.utils.translation import gettext as _

from conversations.identity import Key, parse, shown
from conversations.models import Correction, Event, Flag, Note, Tag, TagUse
from conversations.opinions.deeds import Case, Done, Refused, may_judge, meet, opened, retried
from conversations.opinions.mentions import mention
from conversations.opinions.vocabulary import tag_named
from conversations.reading import FALLBACK_INTENT, NAME_LIMIT
from enterprise.access import may

LONGEST_NOTE = 10_000  # code points
MOST_ENTITIES = 200
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def _key(event: Event) -> Key:
    return event.timestamp, event.rank, bytes(event.hash)


@retried
def tag(
    request: Any, session_id: int, *, value: str = "", pk: int | None = None, turn: int | None = None
) -> Done:
    """Put a tag on a session, or on the turn of an event: an existing one by `pk`, or by `value`, made when missing.

    Raises Refused, Http404.
    """
    may_judge(request)
    case = opened(request, session_id)
    if pk is not None:
        of_assistant = Tag.objects.filter(assistant_id=case.session.assistant_id)
        found = of_assistant.filter(pk=pk if pk < 2**63 else 0).first()
        if found is None:
            raise Refused(_("There is no such tag."))
    else:
        found = tag_named(case.session.assistant, value)
    anchor = _key(case.event(turn)) if turn else None
    uses = _uses(case, found.pk, anchor)
    if not any(not use.is_removed for use in uses):
        if uses:
            case.change(uses[-1], is_removed=False, source=TagUse.Source.PERSON, user=case.user)
        else:
            case.add(
                TagUse,
                anchor or case.start,
                is_turn=anchor is not None,
                tag=found,
                source=TagUse.Source.PERSON,
            )
    said = _("Tagged “%(tag)s”.") % {"tag": found.value}
    return case.done("tag", _topic(found.pk, anchor), said, anchor=anchor, tag=found.value)


def _topic(tag_id: int, anchor: Key | None) -> str:
    return f"{'turn ' if anchor else ''}tag {tag_id}"


def _uses(case: Case, tag_id: int, anchor: Key | None) -> list[TagUse]:
    uses = TagUse.objects.filter(session=case.session, tag_id=tag_id, is_turn=anchor is not None).order_by(
        "pk"
    )
    if anchor is not None:
        uses = uses.filter(anchor_at=anchor[0], anchor_rank=anchor[1], anchor_hash=anchor[2])
    return list(uses)


@retried
def untag(request: Any, session_id: int, use_id: int) -> Done:
    """Take a tag off; the bot's next call leaves it off. Raises Http404 for one that is not there."""
    may_judge(request)
    case = opened(request, session_id)
    found = TagUse.objects.filter(session=case.session, pk=use_id if use_id < 2**63 else 0)
    use = found.select_related("tag").first()
    if use is None:
        raise Http404(_("This tag is not on the session."))
    anchor = use.anchor if use.is_turn else None
    for one in _uses(case, use.tag_id, anchor):
        if not one.is_removed:
            case.change(one, is_removed=True, source=TagUse.Source.PERSON, user=case.user)
    said = _("Tag “%(tag)s” taken off.") % {"tag": use.tag.value}
    return case.done("untag", _topic(use.tag_id, anchor), said, anchor=anchor, tag=use.tag.value)


@retried
def flag(request: Any, session_id: int, turn: int, *, on: bool | None = None) -> Done:
    """Flag the turn of an event, or take its flag off: the other than it is, or as `on` says. Raises Http404."""
    may_judge(request)
    case = opened(request, session_id)
    anchor = _key(case.event(turn))
    row = Flag.objects.filter(
        conversation=case.conversation, anchor_at=anchor[0], anchor_hash=anchor[2]
    ).first()
    is_on = row is not None and not row.is_removed
    wanted = (not is_on) if on is None else on
    if wanted != is_on:
        if row is None:
            case.add(Flag, anchor, is_turn=True)
        else:
            case.change(row, is_removed=not wanted, user=case.user)
    said = _("Flagged.") if wanted else _("Flag taken off.")
    return case.done("flag" if wanted else "unflag", "turn flag", said, anchor=anchor)


@retried
def note(request: Any, session_id: int, text: str, *, turn: int | None = None) -> Done:
    """Write a note on a session or turn; who is named with @ finds it under *For me*. Raises Refused, Http404."""
    may_judge(request)
    text = _note_text(text)
    case = opened(request, session_id)
    anchor = _key(case.event(turn)) if turn else None
    row = case.add(Note, anchor or case.start, is_turn=anchor is not None, text=text, words="")
    names = [person.get_username() for person in mention(row)]
    said = _("Noted, for %(names)s.") % {"names": ", ".join(names)} if names else _("Noted.")
    return case.done("note", f"note {row.pk}", said, anchor=anchor, note=row.pk, mentions=names)


def _note_text(text: str) -> str:
    text = shown(text.strip())
    if not text:
        raise Refused(_("A note needs some words."))
    if len(text) > LONGEST_NOTE:
        raise Refused(_("A note has at most %(most)d characters.") % {"most": LONGEST_NOTE})
    return text


@retried
def edit_note(request: Any, session_id: int, note_id: int, text: str) -> Done:
    """Change one's own note. Raises Refused, Http404, PermissionDenied."""
    may_judge(request)
    text = _note_text(text)
    case, row = _own_note(request, session_id, note_id)
    if row.text != text:
        case.change(row, text=text, edited_at=timezone.now(), at=row.at)
        mention(row)
    return case.done("note-edit", f"note {row.pk}", _("Note changed."), anchor=_of_turn(row), note=row.pk)


@retried
def delete_note(request: Any, session_id: int, note_id: int) -> Done:
    """Take one's own note back; an admin may take any. Raises Http404, PermissionDenied."""
    may_judge(request)
    case, row = _own_note(request, session_id, note_id, admins=True)
    case.change(row, is_removed=True, at=row.at)
    return case.done(
        "note-delete", f"note {row.pk}", _("Note taken back."), anchor=_of_turn(row), note=row.pk
    )


def _own_note(request: Any, session_id: int, note_id: int, *, admins: bool = False) -> tuple[Case, Note]:
    case = opened(request, session_id)
    notes = Note.objects.standing().filter(session=case.session)
    row = notes.filter(pk=note_id if note_id < 2**63 else 0).first()
    if row is None:
        raise Http404(_("There is no such note."))
    if row.user_id != case.user.pk and not (admins and may(case.user, "users.modify")):
        raise PermissionDenied(_("This is another person’s note."))
    return case, row


def _of_turn(row: Note) -> Key | None:
    return row.anchor if row.is_turn else None


@retried
def correct(
    request: Any,
    session_id: int,
    turn: int,
    intent: str,
    *,
    entities: Any = None,
    seen: str | None = None,
) -> Done:
    """Say which intent (and entities) a user message should have had.

    `entities`: [{"start", "end", "entity", "value"?, "role"?, "group"?}] in code points of the text; None leaves them.
    `seen`: the correction that the screen showed; when somebody else set another meanwhile, raises Conflict.
    Raises Refused, Http404.
    """
    may_judge(request)
    intent = _intent(intent)
    case = opened(request, session_id)
    event = case.event(turn)
    if event.type != "user":
        raise Refused(_("Only what a user said has an intent."))
    marked = None if entities is None else _entities(entities, _said(event))
    row = _correction(case, event)
    meet(seen, row, row.intent if row else "", case.user)
    values = {"intent": intent, "user": case.user, "is_removed": False}
    if marked is not None or (row is not None and row.is_removed):
        values["entities"] = marked
    if row is None:
        case.add(
            Correction,
            _key(event),
            is_turn=True,
            intent=intent,
            entities=marked,
            was=event.predicted or event.name,
        )
    elif any(getattr(row, name) != value for name, value in values.items() if name != "user"):
        case.change(row, **values)
    said = _("Intent: %(intent)s.") % {"intent": intent}
    return case.done("correct", "turn correct", said, anchor=_key(event), intent=intent)


@retried
def uncorrect(request: Any, session_id: int, turn: int) -> Done:
    """Take a correction off again. Raises Http404 for a message without one."""
    may_judge(request)
    case = opened(request, session_id)
    event = case.event(turn)
    row = _correction(case, event)
    if row is None or row.is_removed:
        raise Http404(_("Nobody corrected this message."))
    case.change(row, is_removed=True, user=case.user)
    return case.done("uncorrect", "turn correct", _("Correction taken off."), anchor=_key(event))


def _correction(case: Case, event: Event) -> Correction | None:
    found = Correction.objects.filter(
        conversation=case.conversation, anchor_at=event.timestamp, anchor_hash=bytes(event.hash)
    )
    return found.select_related("user").first()


def _intent(intent: str) -> str:
    intent = intent.strip()
    if not intent or len(intent) > NAME_LIMIT or _CONTROL.search(intent) or shown(intent) != intent:
        raise Refused(_("An intent is a name of at most %(most)d characters.") % {"most": NAME_LIMIT})
    if intent == FALLBACK_INTENT:
        raise Refused(_("“%(name)s” is no intent of anybody: choose what was meant.") % {"name": intent})
    return intent


def _said(event: Event) -> str:
    body = parse(event.body)
    text = body.get("text") if isinstance(body, dict) else None
    return text if isinstance(text, str) else ""


def _entities(data: Any, text: str) -> list[dict[str, Any]]:
    """Raises Refused for what does not lie in the text, overlaps, or has no name."""
    if isinstance(data, str):
        try:
            data = json.loads(data)
        except (ValueError, RecursionError):
            data = None
    if not isinstance(data, list) or len(data) > MOST_ENTITIES:
        raise Refused(_("Entities are a list."))
    found = sorted((_entity(one, text) for one in data), key=lambda one: one["start"])
    for one, other in pairwise(found):
        if other["start"] < one["end"]:
            raise Refused(_("Two entities overlap."))
    return found


def _entity(data: Any, text: str) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise Refused(_("An entity is an object with start, end and entity."))
    start, end, name = data.get("start"), data.get("end"), data.get("entity")
    if (
        not (isinstance(start, int) and isinstance(end, int))
        or isinstance(start, bool)
        or isinstance(end, bool)
    ):
        raise Refused(_("An entity is an object with start, end and entity."))
    if not 0 <= start < end <= len(text):
        raise Refused(_("An entity lies outside the text."))
    texts = {"entity": name, "value": data.get("value", text[start:end])}
    texts |= {key: data[key] for key in ("role", "group") if data.get(key)}
    for value in texts.values():
        if not isinstance(value, str) or not value.strip() or len(value) > NAME_LIMIT:
            raise Refused(_("The parts of an entity are texts."))
    return {"start": start, "end": end, **{key: shown(value) for key, value in texts.items()}}
