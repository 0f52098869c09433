"""The words that people judge with: tags and reasons of an assistant, their counts, renaming, merging, deleting."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Count, F
from django.utils.translation import gettext as _

from conversations import bulk
from conversations.identity import shown
from conversations.models import Assistant, Conversation, Reason, Review, SessionValue, Tag, TagUse
from conversations.opinions.deeds import Refused, may_judge
from enterprise.audit import record

LONGEST = 120  # code points of a tag
LONGEST_REASON = 80
MOST_REASONS = 50
AT_ONCE = 500  # conversations that are locked together when a tag goes
COLORS = ("6B3FC4", "1F6FEB", "0E7C66", "4F7A0B", "9A6700", "BC4C00", "C1272D", "B3297F", "57606A")
_COLOR = re.compile(r"#?([0-9A-Fa-f]{6})")
Kind = SessionValue.Kind


@dataclass(frozen=True)
class Counted:
    """A word of a vocabulary and the sessions that it is on."""

    item: Any
    n_sessions: int


def tag_text(value: str) -> str:
    """A tag as it is kept. Raises Refused."""
    value = shown(" ".join(value.split()))
    if not value:
        raise Refused(_("A tag needs a name."))
    if len(value) > LONGEST:
        raise Refused(_("A tag has at most %(most)d characters.") % {"most": LONGEST})
    return value


def color_of(text: str) -> str:
    """Six hexadecimal digits. Raises Refused."""
    found = _COLOR.fullmatch(text)
    if not found:
        raise Refused(_("A color is six hexadecimal digits."))
    return found[1].upper()


def tag_named(assistant: Assistant, value: str) -> Tag:
    """The tag of this name, whatever the case of its letters; made when it is missing. Raises Refused."""
    value = tag_text(value)
    return tags_named(assistant, {value: ""})[value]


def tags_named(assistant: Assistant, wanted: Mapping[str, str]) -> dict[str, Tag]:
    """The tags of these names (as `tag_text` gives them), whatever the case of their letters; missing ones are made.

    `wanted`: name -> color of a new one, empty for one that is free. Needs a transaction.
    """
    of_assistant = Tag.objects.filter(assistant=assistant)
    found = {tag.value: tag for tag in of_assistant.filter(value__in=list(wanted))}
    if len(found) == len(wanted):
        return found
    # Two who make the same one at once wait for each other here: no index knows of letters' case.
    Assistant.objects.select_for_update(no_key=True).get(pk=assistant.pk)
    known = list(of_assistant.order_by("pk"))
    found = {tag.value: tag for tag in known if tag.value in wanted}
    folded = {tag.value.casefold(): tag for tag in reversed(known)}
    for value in [value for value in wanted if value not in found]:
        tag = folded.get(value.casefold())
        if tag is None:
            color = wanted[value] or COLORS[len(folded) % len(COLORS)]
            tag = folded[value.casefold()] = Tag.objects.create(assistant=assistant, value=value, color=color)
        found[value] = tag
    return found


def make_tag(request: Any, assistant: Assistant, value: str) -> Tag:
    """A tag that no session has yet. Raises Refused."""
    may_judge(request)
    with transaction.atomic():
        tag = tag_named(assistant, value)
        record(request, "tag.add", tag.value)
    return tag


def tags_counted(assistant: Assistant) -> list[Counted]:
    """The tags with the number of sessions that they, or their turns, have; the most used first."""
    return _counted(Tag.objects.filter(assistant=assistant).order_by("value"), Kind.TAG, assistant)


def reasons_counted(assistant: Assistant) -> list[Counted]:
    """The reasons that are offered, in their order, with the number of sessions whose latest review gives them."""
    return _counted(reasons(assistant), Kind.REASON, assistant, by_count=False)


def _counted(items: Any, kind: Kind, assistant: Assistant, *, by_count: bool = True) -> list[Counted]:
    rows = SessionValue.objects.filter(assistant=assistant, kind=kind).order_by().values_list("value")
    counts = dict(rows.annotate(n=Count("session_id")))
    found = [Counted(item, counts.get(str(item.pk), 0)) for item in items]
    return sorted(found, key=lambda one: -one.n_sessions) if by_count else found


def save_tag(request: Any, tag: Tag, value: str, color: str) -> None:
    """Give a tag another name or color. Raises Refused; a name that another tag has asks to merge instead."""
    may_judge(request)
    value, color = tag_text(value), color_of(color)
    with transaction.atomic():
        others = (
            Tag.objects.filter(assistant=tag.assistant_id).exclude(pk=tag.pk).values_list("value", flat=True)
        )
        if value != tag.value and value.casefold() in (other.casefold() for other in others):
            raise _there_is(value)
        before = tag.value
        tag.value, tag.color = value, color
        try:
            with transaction.atomic():
                tag.save(update_fields=["value", "color"])
        except IntegrityError as error:
            raise _there_is(value) from error
        record(request, "tag.change", value, was=before, color=color)


def _there_is(value: str) -> Refused:
    return Refused(_("There is a tag “%(name)s” already: merge them instead.") % {"name": value})


def merge_tags(request: Any, tag: Tag, into: Tag) -> int:
    """Put `into` wherever `tag` is, and delete `tag`. Returns how many uses moved. Raises Refused."""
    may_judge(request)
    if tag.pk == into.pk or tag.assistant_id != into.assistant_id:
        raise Refused(_("Choose another tag to merge into."))
    return _away(
        tag,
        lambda ids: _merge_in(tag, into, ids),
        lambda moved: record(request, "tag.merge", tag.value, into=into.value, uses=moved),
    )


def _away(tag: Tag, part: Callable[[list[int]], int], log: Callable[[int], Any]) -> int:
    """Do away with a tag: `part` takes it from some conversations (ids) at a time; returns how many uses these had."""
    n = 0
    while True:
        for ids in _conversations(tag):
            n += part(ids)
        with transaction.atomic():
            # Nobody's use of it is committed from here on; what came since the last part needs another round.
            Tag.objects.select_for_update().filter(pk=tag.pk).first()
            if not TagUse.objects.filter(tag=tag).exists():
                log(n)
                tag.delete()
                return n


def _merge_in(tag: Tag, into: Tag, ids: list[int]) -> int:
    uses = TagUse.objects.filter(tag=tag, conversation__in=ids)
    there = {
        (use.session_id, use.is_turn, use.anchor if use.is_turn else None): use
        for use in TagUse.objects.filter(tag=into, conversation__in=ids).order_by("-is_removed")
    }
    moved = 0
    for use in uses:
        other = there.get((use.session_id, use.is_turn, use.anchor if use.is_turn else None))
        if other is None:
            use.tag = into
            use.save(update_fields=["tag"])
        elif other.is_removed and not use.is_removed:
            other.is_removed, other.source, other.user, other.at = False, use.source, use.user, use.at
            other.save()
            use.delete()
        else:
            use.delete()
        moved += 1
    for kind in (Kind.TAG, Kind.TURN_TAG):
        rows = SessionValue.objects.filter(session__conversation__in=ids, kind=kind, value=str(tag.pk))
        old = list(rows.values_list("session_id", "kind", "value", "assistant_id", "period", "turns"))
        existing = SessionValue.objects.filter(
            session__in=[row[0] for row in old], kind=kind, value=str(into.pk)
        )
        both = set(existing.values_list("session_id", flat=True))
        for pk, _kind, _value, _assistant, _period, turns in old:
            if pk in both:
                existing.filter(session=pk).update(turns=F("turns").bitor(turns))
        rows.delete()
        bulk.insert(
            SessionValue,
            ("session_id", "kind", "value", "assistant_id", "period", "turns"),
            [(row[0], row[1], str(into.pk), *row[3:]) for row in old if row[0] not in both],
        )
    return moved


def delete_tag(request: Any, tag: Tag) -> int:
    """Delete a tag everywhere, what people took off included. Returns how many sessions and turns had it."""
    may_judge(request)
    return _away(
        tag,
        lambda ids: _delete_in(tag, ids),
        lambda gone: record(request, "tag.delete", tag.value, uses=gone),
    )


def _delete_in(tag: Tag, ids: list[int]) -> int:
    uses = TagUse.objects.filter(tag=tag, conversation__in=ids)
    gone = uses.filter(is_removed=False).count()
    uses.delete()
    SessionValue.objects.filter(
        session__conversation__in=ids, kind__in=[Kind.TAG, Kind.TURN_TAG], value=str(tag.pk)
    ).delete()
    return gone


def _conversations(tag: Tag) -> Iterator[list[int]]:
    """The conversations that a tag is used in, some at a time, locked for as long as the caller works on them."""
    after = 0
    while True:
        with transaction.atomic():
            uses = TagUse.objects.filter(tag=tag, conversation_id__gt=after).order_by("conversation_id")
            ids = list(uses.values_list("conversation_id", flat=True).distinct()[:AT_ONCE])
            if not ids:
                return
            locked = Conversation.objects.select_for_update(no_key=True).filter(pk__in=ids).order_by("pk")
            yield [row.pk for row in locked.only("pk")]
            after = ids[-1]


def reasons(assistant: Assistant) -> list[Reason]:
    """Why something may have broken, in the order of their keys."""
    return list(Reason.objects.filter(assistant=assistant, is_removed=False))


def add_reason(request: Any, assistant: Assistant, text: str) -> Reason:
    """Offer another reason, or one again that was taken away. Raises Refused."""
    may_judge(request)
    text = _reason_text(text)
    offered = reasons(assistant)
    if len(offered) >= MOST_REASONS:
        raise Refused(_("At most %(most)d reasons.") % {"most": MOST_REASONS})
    with transaction.atomic():
        position = max((one.position for one in offered), default=-1) + 1
        reason, is_new = Reason.objects.get_or_create(
            assistant=assistant, text=text, defaults={"position": position}
        )
        if not is_new and not reason.is_removed:
            raise Refused(_("There is a reason “%(name)s” already.") % {"name": text})
        reason.is_removed, reason.position = False, position
        reason.save()
        record(request, "reason.add", text)
    return reason


def _reason_text(text: str) -> str:
    text = shown(" ".join(text.split()))
    if not text or len(text) > LONGEST_REASON:
        raise Refused(_("A reason has 1 to %(most)d characters.") % {"most": LONGEST_REASON})
    return text


def save_reason(request: Any, reason: Reason, text: str) -> None:
    """Word a reason differently, also where it was given. Raises Refused."""
    may_judge(request)
    before, reason.text = reason.text, _reason_text(text)
    try:
        with transaction.atomic():
            reason.save(update_fields=["text"])
            record(request, "reason.change", reason.text, was=before)
    except IntegrityError as error:
        raise Refused(_("There is a reason “%(name)s” already.") % {"name": reason.text}) from error


def move_reason(request: Any, reason: Reason, places: int) -> None:
    """Up (-1) or down (1) in the list."""
    may_judge(request)
    with transaction.atomic():
        offered = reasons(reason.assistant)
        at = next((place for place, one in enumerate(offered) if one.pk == reason.pk), None)
        if at is None:
            return
        offered.insert(max(0, min(at + places, len(offered) - 1)), offered.pop(at))
        for place, one in enumerate(offered):
            one.position = place
        Reason.objects.bulk_update(offered, ["position"])
        record(request, "reason.move", reason.text)


def delete_reason(request: Any, reason: Reason) -> None:
    """Offer it no longer. Reviews that gave it keep it."""
    may_judge(request)
    with transaction.atomic():
        if Review.objects.filter(reason=reason).exists():
            reason.is_removed = True
            reason.save(update_fields=["is_removed"])
        else:
            reason.delete()
        record(request, "reason.delete", reason.text)
