"""Tags on conversations: what bots set from their custom actions, and people put on and take off."""

import re
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from django.utils import timezone
from django.utils.translation import gettext as _

from conversations.models import Assistant, Conversation, Session, Tag, TagUse
from conversations.opinions.deeds import Refused, retried
from conversations.opinions.placing import refresh, session_at
from conversations.opinions.vocabulary import tag_text, tags_named
from conversations.store import ensure_conversation
from enterprise.models import User

MOST_AT_ONCE = 100
_COLOR = re.compile(r"#?([0-9A-Fa-f]{6})")


class BadTags(ValueError):
    """These are no tags; the message says why, in a sentence for whoever sent them."""


class Wanted(NamedTuple):
    """A tag to set: an existing one by `id`, or one by `value` that is created with `color` when it is missing."""

    id: int | None = None
    value: str = ""
    color: str = ""


def read(data: Any) -> list[Wanted]:
    """The tags in a request's body: `[{"value": "refund", "color": "FF0000"}, {"id": 3}]`. Raises BadTags."""
    if isinstance(data, dict):
        data = [data]  # scripts send a single one bare
    if not isinstance(data, list):
        raise BadTags(_("Send a list of tags."))
    if len(data) > MOST_AT_ONCE:
        raise BadTags(_("At most %(most)d tags can be set at once.") % {"most": MOST_AT_ONCE})
    return [_wanted(entry) for entry in data]


def _wanted(entry: Any) -> Wanted:
    if not isinstance(entry, dict):
        raise BadTags(_("A tag is an object with a value or an id."))
    pk, value, color = entry.get("id"), entry.get("value"), entry.get("color") or ""
    if value is None and isinstance(pk, int) and not isinstance(pk, bool) and 0 < pk < 2**63:
        return Wanted(id=pk)
    if not isinstance(value, str) or not value.strip():
        raise BadTags(_("A tag needs a value, which is a text, or an id."))
    try:
        value = tag_text(value)
    except Refused as refusal:
        raise BadTags(str(refusal)) from refusal
    matched = _COLOR.fullmatch(color) if isinstance(color, str) else None
    if color and not matched:
        raise BadTags(_("A color is six hexadecimal digits."))
    return Wanted(value=value, color=matched[1].upper() if matched else "")


def of_conversation(conversation_id: int) -> list[Tag]:
    """The tags that are on its sessions and turns, in the order in which they were first used."""
    uses = TagUse.objects.standing().filter(conversation_id=conversation_id)
    return list({use.tag_id: use.tag for use in uses.select_related("tag").order_by("id")}.values())


@retried
def put_on(
    assistant_name: str, sender_id: str, wanted: Sequence[Wanted], *, by: User | None = None
) -> list[Tag]:
    """Put tags on a conversation, which need not have an event yet; return all that are on it then. Raises BadTags.

    They go to the session of this moment: the events of the bot's turn may come later than its call, and the tag moves to
    the session that they begin (`placing`). Without a person it is a bot's call: what a person took off stays off.
    """
    ids = {entry.id for entry in wanted if entry.id}
    known = Tag.objects.filter(assistant__name=assistant_name, pk__in=ids).values_list("pk", flat=True)
    if missing := sorted(ids.difference(known)):
        raise BadTags(_("There is no tag %(id)d.") % {"id": missing[0]})
    conversation_id = ensure_conversation(assistant_name, sender_id)
    conversation = Conversation.objects.select_for_update(no_key=True).get(pk=conversation_id)
    tags = _vocabulary(Assistant.objects.get(name=assistant_name), wanted)
    now = time.time()
    session = session_at(conversation_id, (now, 0, b""))
    uses: dict[int, TagUse] = {}
    for use in TagUse.objects.filter(conversation=conversation, session=session, is_turn=False, tag__in=tags):
        if use.tag_id not in uses or not use.is_removed:
            uses[use.tag_id] = use
    source = TagUse.Source.PERSON if by else TagUse.Source.BOT
    for tag in tags:
        if tag.pk not in uses:
            TagUse.objects.create(
                conversation=conversation, session=session, anchor_at=now, tag=tag, source=source, user=by
            )
        elif by and uses[tag.pk].is_removed:
            use = uses[tag.pk]
            use.is_removed, use.source, use.user, use.at = False, source, by, timezone.now()
            use.save()
    if session is not None:
        _show(conversation, [session])
    return of_conversation(conversation_id)


def _show(conversation: Conversation, sessions: Sequence[Session]) -> None:
    """Let lists and filters know of it."""
    refresh(sessions)
    revision = conversation.revision + 1
    Conversation.objects.filter(pk=conversation.pk).update(revision=revision)
    Session.objects.filter(pk__in=[session.pk for session in sessions]).update(revision=revision)


def _vocabulary(assistant: Assistant, wanted: Sequence[Wanted]) -> list[Tag]:
    """The assistant's tags that are meant, made where missing."""
    known = Tag.objects.filter(assistant=assistant)
    by_id = known.in_bulk({entry.id for entry in wanted if entry.id})
    colors: dict[str, str] = {}
    for entry in wanted:
        if entry.value:
            colors.setdefault(entry.value, entry.color)
    by_value = tags_named(assistant, colors)
    found = [by_id.get(entry.id) if entry.id else by_value.get(entry.value) for entry in wanted]
    return list({tag.pk: tag for tag in found if tag}.values())


@retried
def take_off(conversation: Conversation, tag_id: int, *, by: User) -> bool:
    """A person takes a tag off all sessions and turns of a conversation, and bots leave it off. Whether it was on."""
    if tag_id >= 2**63:  # SQLite would not take it
        return False
    locked = Conversation.objects.select_for_update(no_key=True).filter(pk=conversation.pk).first()
    on = TagUse.objects.standing().filter(conversation=conversation, tag_id=tag_id)
    ids = {pk for pk in on.values_list("session_id", flat=True) if pk is not None}
    changed = on.update(is_removed=True, source=TagUse.Source.PERSON, user=by, at=timezone.now())
    if locked is not None and ids:
        _show(locked, list(Session.objects.filter(pk__in=ids)))
    return bool(changed)


def vocabulary(assistant: Assistant) -> list[Tag]:
    """All tags of the assistant, by value."""
    return list(Tag.objects.filter(assistant=assistant).order_by("value"))
