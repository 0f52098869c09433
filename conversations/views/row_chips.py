"""What a row of the list says of its session in chips. Written here and not in the template, which has fifty rows to draw."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from conversations.templatetags.sessions import confidence, dot
from enterprise.templatetags.house import icon

if TYPE_CHECKING:
    from .rows import Row

_BDI = "<bdi>{}</bdi>"
_PIP = mark_safe('<i class="pip read"></i>')


def shortened(text: str, limit: int) -> str:
    """As `truncatechars` does it, at no cost for what is short."""
    return text if len(text) <= limit and text.isascii() else str(Truncator(text).chars(limit))


def mark_of(status: str) -> SafeString:
    """How a session is judged, as a sign and for ears."""
    if status == "reviewed":
        sign, said = icon("check"), _("reviewed")
    elif status == "changed":
        sign, said = mark_safe('<i class="pip changed"></i>'), _("changed since its review")
    elif status == "unread":
        sign, said = mark_safe('<i class="pip"></i>'), _("not reviewed")
    else:
        return _PIP
    return format_html('{}<span class="visually-hidden">{}</span>', sign, said)


def chips_of(row: Row) -> SafeString:
    """All chips of a row."""
    return mark_safe("\n".join(_chips(row)))  # noqa: S308 - each is escaped


def _chips(row: Row) -> Iterator[str]:
    session, said = row.session, row.said
    if said.verdict:
        yield _verdict(row)
    if said.status == "changed":
        n = row.n_new
        text = ngettext("%(n)s new turn", "%(n)s new turns", n) % {"n": n} if n else _("new turns")
        yield _chip("warn figures", escape(text))
    names = escape(", ".join(said.open_by))
    has_it = f'<bdi>{names}</bdi><span class="visually-hidden">{escape(_("has it open"))}</span>'
    yield f'<span class="chip open"{"" if names else " hidden"}>{icon("eye")}{has_it}</span>'
    if said.is_later:
        yield _chip("accent", icon("clock") + escape(_("later")))
    if said.assigned:
        to = format_html(
            '<span class="visually-hidden">{}</span><bdi>{}</bdi>', _("assigned to"), said.assigned
        )
        yield _chip("accent", icon("user") + to)
    if session.n_fallbacks:
        yield _chip("bad", escape(_("fallback")) + _times(session.n_fallbacks))
    for signal in row.signals:
        yield _chip(signal.tone, escape(signal.label))
    if session.n_reverts and not session.n_fallbacks:
        yield _chip("bad", escape(_("reverted")) + _times(session.n_reverts))
    if row.is_unsure:
        number = escape(confidence(session.min_intent_confidence))
        title = escape(_("Lowest confidence of an intent"))
        yield f'<span class="chip warn figures" title="{title}">{number}</span>'
    n = session.n_user_messages
    yield _chip("figures", escape(ngettext("%(n)s turn", "%(n)s turns", n) % {"n": n}))
    for use in said.tags[:3]:
        yield _chip("tag", dot(use.tag.color) + format_html(_BDI, use.tag.value))
    if session.channel:
        yield f'<span class="chip"><bdi>{escape(shortened(session.channel, 24))}</bdi></span>'


def _chip(kind: str, content: str) -> str:
    return f'<span class="chip {kind}">{content}</span>'


def _times(n: int) -> str:
    return f" ×{n}" if n > 1 else ""


def _verdict(row: Row) -> str:
    said = row.said
    if said.verdict == "well":
        content = icon("check-check") + escape(_("went well"))
    elif said.verdict == "broke":
        content = icon("circle-x") + escape(_("broke"))
        if said.review and said.review.reason:
            content += format_html(": <bdi>{}</bdi>", said.review.reason.text)
    else:
        content = icon("check") + escape(_("reviewed"))
    if said.by:
        content += format_html(" · <bdi>{}</bdi>", said.by)
    return _chip(f"verdict {'bad' if said.verdict == 'broke' else 'good'}", content)
