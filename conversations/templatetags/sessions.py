"""How the sessions pages write times, confidences and the message ids of a transcript."""

from __future__ import annotations

import json
import re
from datetime import date, datetime
from functools import lru_cache

from django import template
from django.utils import formats, timezone
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from conversations.models import Session
from conversations.transcript import Entity, Segment, Turn
from conversations.views.opinions import Badge
from conversations.views.window import key_of, write_key

register = template.Library()
_MENTION = re.compile(r"@[\w.+-]+")
_COLOR = re.compile("[0-9A-Fa-f]{6}")


@register.filter
def moment(seconds: float | None) -> datetime | None:
    """Unix seconds as a time in the reader's zone; None for what no calendar holds."""
    if not isinstance(seconds, int | float):  # a template gives "" for what is not there any more
        return None
    try:
        return datetime.fromtimestamp(seconds, timezone.get_current_timezone())
    except (OverflowError, ValueError, OSError):
        return None


def _today() -> datetime:
    return timezone.localtime(timezone.now())


def _day(at: datetime) -> str:
    today = _today().date()
    days = (today - at.date()).days
    if days == 0:
        return _("Today")
    if days == 1:
        return _("Yesterday")
    if at.year == today.year:
        return formats.date_format(at, "MONTH_DAY_FORMAT")
    return formats.date_format(at, "DATE_FORMAT")


@register.filter
def day(seconds: float | None) -> str:
    """`Today`, `Yesterday`, `March 3`, `March 3, 2025`."""
    at = moment(seconds)
    return _day(at) if at else ""


@register.filter
def since(seconds: float | None) -> str:
    """The day within a sentence: `today`, `yesterday`, `March 3`."""
    at = moment(seconds)
    if at is None:
        return ""
    days = (_today().date() - at.date()).days
    return {0: _("today"), 1: _("yesterday")}.get(days) or _day(at)


@register.filter
def clock(seconds: float | None) -> str:
    """The time of day."""
    at = moment(seconds)
    return formats.date_format(at, "H:i") if at else ""


@register.simple_tag
def when(seconds: float | None, *, with_day: bool = False) -> SafeString | str:
    """A `<time>`: the time of day, or (`with_day`) the day when it is not today's; the whole of it on hover."""
    at = moment(seconds)
    if at is None:
        return ""
    text = _day(at) if with_day and at.date() != _today().date() else f"{at:%H:%M}"
    whole = f"{_whole_day(at.date(), get_language())} {at:%H:%M:%S}"
    return format_html(
        '<time datetime="{}" title="{}">{}</time>', at.isoformat(timespec="milliseconds"), whole, text
    )


@lru_cache(maxsize=512)
def _whole_day(day: date, _language: str | None) -> str:
    """Kept: the times of a page are of few days."""
    return formats.date_format(day, "DATE_FORMAT")


@register.filter
def length_of(session: Session) -> float:
    """Seconds from a session's first event to its last."""
    return session.last_at - session.start_at


@register.filter
def confidence(value: float | None) -> str:
    """Two decimals, cut and not rounded: 0.999 is not 1.00."""
    if value is None:
        return ""
    return formats.number_format(int(value * 100 + 1e-9) / 100 if abs(value) < 1e6 else value, 2)


@register.filter
def say(message: str) -> str:
    """A message id of the transcript in the reader's language."""
    return _(message) if message else ""


@register.filter
def key(item: object) -> str:
    """An order key as attributes hold it: of a pair that is one, or of an event."""
    return write_key(item) if isinstance(item, tuple) else write_key(key_of(item))


@register.simple_tag
def dot(color: str) -> SafeString:
    """A tag's colour as a dot. An attribute, because a policy without inline styles forbids a style."""
    fill = color if _COLOR.fullmatch(color) else "6B3FC4"
    return format_html(
        '<svg class="dot" viewBox="0 0 8 8" aria-hidden="true"><circle cx="4" cy="4" r="4" fill="#{}"/></svg>',
        fill,
    )


@register.filter
def mentions(text: str) -> SafeString:
    """A note with the people that it names standing out."""
    return mark_safe(_MENTION.sub(lambda name: f"<strong>{name[0]}</strong>", escape(text)))  # noqa: S308 - escaped


@register.filter
def annotated(entities: list[Entity], badge: Badge | None = None) -> str:
    """Entities with their places, as scripts read them: JSON of [{start, end, entity, value}]; corrected ones if any."""
    for correction in badge.corrections if badge else ():
        if correction.entities is not None:
            return json.dumps(correction.entities)
    placed = [entity for entity in entities if entity.start is not None]
    return json.dumps([{"start": e.start, "end": e.end, "entity": e.name, "value": e.value} for e in placed])


@register.filter
def badge_of(badges: dict[int, Badge] | None, turn: Turn) -> Badge | None:
    """What people said of a turn."""
    return (badges or {}).get(turn.id)


@register.simple_tag
def runs(segments: list[Segment]) -> SafeString:
    """A message's text: entities underlined with their labels behind them, hits marked, addresses linked."""
    return mark_safe("".join(_run(segment) for segment in segments))  # noqa: S308 - each run is escaped


def _run(run: Segment) -> str:
    text = escape(run.text)
    if run.is_plain:
        return text
    if run.is_hit:
        text = format_html("<mark>{}</mark>", text)
    if run.entities:
        about = "\n".join(_about(entity) for entity in run.entities)
        twice = " twice" if len(run.entities) > 1 else ""
        text = format_html('<span class="ent{}" title="{}">{}</span>', twice, about, text)
    if run.url:
        link = '<a href="{}" rel="noopener noreferrer nofollow" target="_blank">{}</a>'
        text = format_html(link, run.url, text)
    names = (format_html('<sub class="ent-name"><bdi>{}</bdi></sub>', entity.label) for entity in run.ends)
    return text + "".join(names)


def _about(entity: Entity) -> str:
    sure = "" if entity.confidence is None else f" {confidence(entity.confidence)}"
    return f"{entity.label} = {entity.value}{sure}{f' · {entity.extractor}' if entity.extractor else ''}"
