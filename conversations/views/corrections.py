"""Corrections: what people said that the assistant should have understood, to look through, take back and export."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import content_disposition_header, url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from conversations import corrections
from conversations.corrections import Wanted
from conversations.models import Correction, Event, Session
from conversations.nlu_yaml import entities_of, example_line
from conversations.opinions.marking import uncorrect
from enterprise.access import may
from enterprise.audit import record
from enterprise.models import User
from enterprise.pages.guards import needs

from .asking import Ask
from .sessions import event_of, visible_session

MOST_NAMES = 500  # that a drop-down lists


def _rows(ask: Ask, wanted: Wanted) -> Any:
    if ask.assistant is None:
        return Correction.objects.none()
    return corrections.found(ask.assistant, ask.visible, wanted)


@needs("conversations.view")
@require_GET
def correction_list(request: HttpRequest) -> HttpResponse:
    """Newest first; `?intent=`, `?person=`, `?since=`, `?until=` narrow it, `?after=` is the next page."""
    ask = Ask(request)
    wanted = Wanted.read(request.GET)
    rows, after = corrections.page(_rows(ask, wanted), request.GET.get("after", ""))
    every = _rows(ask, Wanted())
    asked = {name: request.GET.get(name, "") for name in ("assistant", "intent", "person", "since", "until")}
    here = urlencode({name: value for name, value in asked.items() if value})
    context = {
        "ask": ask,
        "rows": rows,
        "wanted": wanted,
        "may_judge": may(request.user, "conversations.judge"),
        "is_first": "after" not in request.GET,
        "here": here,
        "next": urlencode({**{name: value for name, value in asked.items() if value}, "after": after})
        if after
        else "",
        "intents": list(every.order_by("intent").values_list("intent", flat=True).distinct()[:MOST_NAMES]),
        "people": list(
            User.objects.filter(pk__in=every.order_by().values("user")).order_by("username")[:MOST_NAMES]
        ),
    }
    return render(request, "conversations/corrections.html", context)


@needs("conversations.view")
@require_GET
def correction_export(request: HttpRequest, kind: str) -> HttpResponse:
    """The same rows as a file: `nlu.yml` for Rasa (`yml`), or `csv`."""
    if kind not in ("yml", "csv"):
        raise Http404
    ask = Ask(request)
    rows = _rows(ask, Wanted.read(request.GET))
    now = timezone.now()
    if ask.assistant is None:
        raise Http404(_("There is no assistant yet."))
    printable = "".join(sign if sign.isprintable() else "_" for sign in ask.assistant.name)
    called = f"corrections-{printable}-{now:%Y-%m-%d}"
    if kind == "csv":
        found = list(corrections.in_parts(rows))
        text, n, name, content_type = (
            corrections.as_csv(found, lambda row, event: _address(request, row, event)),
            len(found),
            f"{called}.csv",
            "text/csv; charset=utf-8",
        )
    else:
        text, n = corrections.as_yaml(ask.assistant, rows, now=now)
        name, content_type = f"{called}.yml", "application/yaml"
    record(request, "corrections.export", ask.assistant.name, format=kind, rows=n)
    return HttpResponse(
        text.encode("utf-8", "backslashreplace"),
        content_type=content_type,
        headers={
            "Content-Disposition": content_disposition_header(True, name) or "",
            "X-Content-Type-Options": "nosniff",
        },
    )


def _address(request: HttpRequest, row: Correction, event: Event) -> str:
    return request.build_absolute_uri(reverse("conversations:turn-detail", args=[row.session_id, event.pk]))


@needs("conversations.judge")
@require_POST
def correction_undo(request: HttpRequest, pk: int) -> HttpResponse:
    """Take one back; it is the person's last deed then, so that `u` gives it again."""
    visible = Session.objects.visible_to(request.user)
    given = get_object_or_404(Correction.objects.filter(is_removed=False, session__in=visible), pk=pk)
    (row,) = corrections.with_messages([given])
    if row.event is None or given.session_id is None:
        raise Http404(_("The message is gone."))
    messages.success(request, uncorrect(request, given.session_id, row.event.pk).said)
    wanted = request.POST.get("back", "")
    is_ours = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, request.is_secure())
    return redirect(wanted if is_ours and wanted.startswith("/") else "conversations:corrections")


@needs("conversations.view")
@require_GET
def example(request: HttpRequest, pk: int) -> HttpResponse:
    """The user message of `?turn=` (event id) as one line of an `nlu.yml`, entities annotated, as text to copy."""
    session = visible_session(request, pk)
    turn = request.GET.get("turn", "")
    event = event_of(session, int(turn)) if turn.isdecimal() and len(turn) < 19 else None
    if event is None or event.type != "user":
        raise Http404(_("This session has no such event."))
    given = Correction.objects.filter(
        conversation=session.conversation_id,
        anchor_at=event.timestamp,
        anchor_hash=bytes(event.hash),
        is_removed=False,
    ).first()
    text, entities = corrections.message(event)
    if given is not None and given.entities is not None:
        entities = given.entities
    # One line: what breaks it would begin another example.
    line = " ".join(example_line(text, entities_of(entities)).split())
    return HttpResponse(f"- {line}\n", content_type="text/plain; charset=utf-8")
