"""The words that people judge with: tags and reasons, with how often each is used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from conversations.models import Assistant, Reason, Tag
from conversations.opinions import vocabulary
from conversations.opinions.deeds import Refused
from conversations.query import Query, Term, Word
from conversations.query import render as as_text
from enterprise.pages.guards import needs

from .asking import Ask


@dataclass(frozen=True)
class Line:
    """A word, how many sessions have it, and the list of these."""

    item: Any
    n_sessions: int
    url: str


@needs("conversations.judge")
@require_GET
def tag_list(request: HttpRequest) -> HttpResponse:
    """Tags, the most used first, and the reasons in their order."""
    ask = Ask(request)
    assistant = ask.assistant
    tags = vocabulary.tags_counted(assistant) if assistant else []
    reasons = vocabulary.reasons_counted(assistant) if assistant else []
    context = {
        "ask": ask,
        "tags": [Line(one.item, one.n_sessions, _list("tag", one.item.value, assistant)) for one in tags],
        "reasons": [
            Line(one.item, one.n_sessions, _list("reason", one.item.text, assistant)) for one in reasons
        ],
    }
    return render(request, "conversations/tags.html", context)


def _list(field: str, value: str, assistant: Assistant | None) -> str:
    query = {"q": as_text(Query((Term(field, (Word(value),)),)))}
    if assistant is not None:
        query["assistant"] = assistant.name
    return f"{reverse('conversations:session-list')}?{urlencode(query)}"


def _changed(request: HttpRequest, assistant: Assistant, change: Callable[[], str]) -> HttpResponse:
    try:
        messages.success(request, change())
    except Refused as refusal:
        messages.error(request, str(refusal))
    return redirect(f"{reverse('conversations:tags')}?{urlencode({'assistant': assistant.name})}")


def _tag(pk: int) -> Tag:
    return get_object_or_404(Tag.objects.select_related("assistant"), pk=pk if pk < 2**63 else 0)


def _reason(pk: int) -> Reason:
    offered = Reason.objects.filter(is_removed=False).select_related("assistant")
    return get_object_or_404(offered, pk=pk if pk < 2**63 else 0)


def _assistant(request: HttpRequest) -> Assistant:
    return get_object_or_404(Assistant, name=request.POST.get("assistant", "").replace("\0", ""))


@needs("conversations.judge")
@require_POST
def tag_new(request: HttpRequest) -> HttpResponse:
    """{assistant, value}: a tag that no session has yet."""
    assistant = _assistant(request)

    def make() -> str:
        tag = vocabulary.make_tag(request, assistant, request.POST.get("value", ""))
        return _("There is a tag “%(tag)s” now.") % {"tag": tag.value}

    return _changed(request, assistant, make)


@needs("conversations.judge")
@require_POST
def tag_save(request: HttpRequest, pk: int) -> HttpResponse:
    """{value, color}"""
    tag = _tag(pk)

    def save() -> str:
        vocabulary.save_tag(request, tag, request.POST.get("value", ""), request.POST.get("color", ""))
        return _("Saved: “%(tag)s”.") % {"tag": tag.value}

    return _changed(request, tag.assistant, save)


@needs("conversations.judge")
@require_POST
def tag_merge(request: HttpRequest, pk: int) -> HttpResponse:
    """{into: id}"""
    tag, into = _tag(pk), request.POST.get("into", "")
    other = _tag(int(into)) if into.isascii() and into.isdigit() and len(into) < 19 else tag

    def merge() -> str:
        vocabulary.merge_tags(request, tag, other)
        return _("“%(tag)s” is “%(into)s” now.") % {"tag": tag.value, "into": other.value}

    return _changed(request, tag.assistant, merge)


@needs("conversations.judge")
@require_POST
def tag_delete(request: HttpRequest, pk: int) -> HttpResponse:
    """{}: everywhere."""
    tag = _tag(pk)

    def delete() -> str:
        n = vocabulary.delete_tag(request, tag)
        text = ngettext(
            "“%(tag)s” is deleted; it was on %(n)d session or turn.",
            "“%(tag)s” is deleted; it was on %(n)d sessions and turns.",
            n,
        )
        return text % {"tag": tag.value, "n": n}

    return _changed(request, tag.assistant, delete)


@needs("conversations.judge")
@require_POST
def reason_new(request: HttpRequest) -> HttpResponse:
    """{assistant, text}"""
    assistant = _assistant(request)

    def add() -> str:
        reason = vocabulary.add_reason(request, assistant, request.POST.get("text", ""))
        return _("There is a reason “%(reason)s” now.") % {"reason": reason.text}

    return _changed(request, assistant, add)


@needs("conversations.judge")
@require_POST
def reason_save(request: HttpRequest, pk: int) -> HttpResponse:
    """{text}, or {move: up|down}"""
    reason = _reason(pk)

    def save() -> str:
        if move := {"up": -1, "down": 1}.get(request.POST.get("move", "")):
            vocabulary.move_reason(request, reason, move)
        else:
            vocabulary.save_reason(request, reason, request.POST.get("text", ""))
        return _("Saved: “%(tag)s”.") % {"tag": reason.text}

    return _changed(request, reason.assistant, save)


@needs("conversations.judge")
@require_POST
def reason_delete(request: HttpRequest, pk: int) -> HttpResponse:
    """{}: offered no longer."""
    reason = _reason(pk)

    def delete() -> str:
        vocabulary.delete_reason(request, reason)
        return _("“%(reason)s” is offered no longer.") % {"reason": reason.text}

    return _changed(request, reason.assistant, delete)
