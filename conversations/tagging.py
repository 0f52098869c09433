"""Tags on conversations: what bots set from their custom actions, and people put on and take off."""

import re
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from django.db import transaction
from django.utils.translation import gettext as _

from conversations.identity import shown
from conversations.models import Assistant, Conversation, TagUse, Tag
from conversations.store import ensure_conversation
from enterprise.models import User

MOST_AT_ONCE = 100
LONGEST = 120  # code points of a tag
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
    value = shown(value.strip())
    if len(value) > LONGEST:
        raise BadTags(_("A tag has at most %(most)d characters.") % {"most": LONGEST})
    matched = _COLOR.fullmatch(color) if isinstance(color, str) else None
    if color and not matched:
        raise BadTags(_("A color is six hexadecimal digits."))
    return Wanted(value=value, color=matched[1].upper() if matched else "")


def of_conversation(conversation_id: int) -> list[Tag]:
    """The tags that are on it, in the order in which they were first used."""
    uses = TagUse.objects.filter(conversation_id=conversation_id, is_removed=False)
    return [use.tag for use in uses.select_related("tag").order_by("id")]


def put_on(
    assistant_name: str, sender_id: str, wanted: Sequence[Wanted], *, by: User | None = None
) -> list[Tag]:
    """Put tags on a conversation, which need not have an event yet; return all that are on it then. Raises BadTags.

    Without a person it is a bot's call: a tag that a person took off stays off.
    """
    ids = {entry.id for entry in wanted if entry.id}
    known = Tag.objects.filter(assistant__name=assistant_name, pk__in=ids).values_list("pk", flat=True)
    if missing := sorted(ids.difference(known)):
        raise BadTags(_("There is no tag %(id)d.") % {"id": missing[0]})
    conversation_id = ensure_conversation(assistant_name, sender_id)
    assistant = Assistant.objects.get(name=assistant_name)
    source = TagUse.Source.PERSON if by else TagUse.Source.BOT
    with transaction.atomic():
        tags = _vocabulary(assistant, wanted)
        known = set(TagUse.objects.filter(conversation_id=conversation_id).values_list("tag_id", flat=True))
        TagUse.objects.bulk_create(
            TagUse(conversation_id=conversation_id, anchor_at=time.time(), tag=tag, source=source, user=by)
            for tag in tags
            if tag.pk not in known
        )
        if by:
            TagUse.objects.filter(
                conversation_id=conversation_id, tag__in=tags, is_removed=True
            ).update(is_removed=False, source=source, user=by)
    return of_conversation(conversation_id)


def _vocabulary(assistant: Assistant, wanted: Sequence[Wanted]) -> list[Tag]:
    """The assistant's tags that are meant, made where missing. Two bots may make the same one at once."""
    known = Tag.objects.filter(assistant=assistant)
    by_id = known.in_bulk({entry.id for entry in wanted if entry.id})
    colors: dict[str, str] = {}
    for entry in wanted:
        if entry.value:
            colors.setdefault(entry.value, entry.color)
    new = [
        Tag(assistant=assistant, value=value, **({"color": color} if color else {}))
        for value, color in colors.items()
    ]
    Tag.objects.bulk_create(new, ignore_conflicts=True)
    by_value = {tag.value: tag for tag in known.filter(value__in=colors)}
    found = [by_id.get(entry.id) if entry.id else by_value.get(entry.value) for entry in wanted]
    return list({tag.pk: tag for tag in found if tag}.values())


def take_off(conversation: Conversation, tag_id: int, *, by: User) -> bool:
    """A person takes a tag off, and bots leave it off. Whether it was on."""
    if tag_id >= 2**63:  # SQLite would not take it
        return False
    on = TagUse.objects.filter(conversation=conversation, tag_id=tag_id, is_removed=False)
    return bool(on.update(is_removed=True, source=TagUse.Source.PERSON, user=by))


def vocabulary(assistant: Assistant) -> list[Tag]:
    """All tags of the assistant, by value."""
    return list(Tag.objects.filter(assistant=assistant).order_by("value"))


def delete(assistant: Assistant, tag_id: int) -> bool:
    """Delete a tag everywhere, what people took off included. Whether it existed."""
    return bool(Tag.objects.filter(assistant=assistant, pk=tag_id).delete()[0])
