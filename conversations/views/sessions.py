"""The sessions list, and the page with one of them open."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext
from django.views.decorators.http import require_GET

from conversations.models import Event, Session
from conversations.pages import BadCursor, Page, key_page, session_page

from .asking import Ask
from .opened import Opened
from .opinions import claims
from .rows import rows_of

MAX_POLLED = 300  # rows of an open list that are looked after


@require_GET
def session_list(request: HttpRequest) -> HttpResponse:
    """The list for the query of the URL, with its first session open; with `cursor`, a further page of rows."""
    ask = Ask(request)
    cursor = request.GET.get("cursor") or None
    try:
        page = session_page(ask.sessions, ask.query, cursor=cursor)
    except BadCursor as error:
        return HttpResponseBadRequest(str(error))
    if request.headers.get("HX-Target") == "more":
        return render(request, "conversations/_rows.html", _rows(ask, page))
    context = _rows(ask, page)
    rows = context["rows"]
    context["opened"] = Opened(page.rows[0], ask, row=rows[0]) if rows else None
    return render(request, "conversations/sessions.html", {**context, "is_list": True})


@require_GET
def session_detail(request: HttpRequest, pk: int, event_id: int | None = None) -> HttpResponse:
    """One session, at the turn of `event_id` or the one that matters, beside the list; alone for the list's own script."""
    session = visible_session(request, pk)
    event = event_of(session, event_id) if event_id is not None else None
    ask = Ask(request, session)
    opened = Opened(session, ask, event)
    if request.headers.get("HX-Target") == "session":
        return render(
            request, "conversations/_session.html", {"ask": ask, "opened": opened, "is_partial": True}
        )
    context = _rows(ask, session_page(ask.sessions, ask.query, cursor=None))
    opened.row = next((row for row in context["rows"] if row.session.pk == pk), None)
    return render(request, "conversations/sessions.html", {**context, "opened": opened})


def _rows(ask: Ask, page: Page) -> dict[str, Any]:
    return {"ask": ask, "page": page, "rows": rows_of(page.rows, ask)}


@require_GET
def list_poll(request: HttpRequest) -> HttpResponse:
    """What changed in an open list: rows with another revision, who has which open, how many new sessions wait above.

    `rows`: `id.revision` of the rows on the page, comma-separated. 204 when nothing changed and nothing waits, or as
    many wait as the page already says (`news`), and the same people have the same ones open (`claims`).
    """
    ask = Ask(request)
    known = read_known(request.GET.get("rows", ""))
    # A sample stays the one that was drawn: drawing anew looks at every session that matches.
    page = Page([], None, None) if ask.query.sample else key_page(ask.sessions, ask.query, cursor=None)
    n_new = waiting_above(page.rows, known)
    revisions = dict(ask.visible.filter(pk__in=known).values_list("pk", "revision"))
    changed = [pk for pk, revision in revisions.items() if revision != known[pk]]
    open_now = claims(revisions, ask.user)
    claims_text = ",".join(f"{pk}:{name}" for pk, name in open_now)
    is_told = str(n_new) == request.GET.get("news", "0") and claims_text == request.GET.get("claims", "")
    if not changed and is_told:
        return HttpResponse(status=204)
    context = {
        "ask": ask,
        "rows": rows_of(ask.visible.select_related("conversation").filter(pk__in=changed), ask),
        "claims": open_now,
        "claims_text": claims_text,
        "n_new": n_new,
        "is_all_new": n_new == len(page.rows) and page.next_cursor is not None,
    }
    return render(request, "conversations/_list_poll.html", context)


def waiting_above(page: Sequence[int], known: Container[int]) -> int:
    """How many sessions of the first page are not on an open list and stand above one that is.

    What stands below all of them only moved up, because another one does not match any more.
    """
    last = max((place for place, pk in enumerate(page) if pk in known), default=len(page))
    return sum(pk not in known for pk in page[:last])


def read_known(text: str) -> dict[int, int]:
    """`12.3,14.1` -> {12: 3, 14: 1}; what cannot be read is left out."""
    known = {}
    for pair in text.split(",")[:MAX_POLLED]:
        pk, _, revision = pair.partition(".")
        if pk.isdecimal() and revision.isdecimal() and len(pk) < 19 and len(revision) < 19:
            known[int(pk)] = int(revision)
    return known


def visible_session(request: HttpRequest, pk: int) -> Session:
    """The session, if this person may see it. Raises Http404."""
    if pk >= 2**63:
        raise Http404
    found = Session.objects.visible_to(request.user).select_related("conversation", "assistant")
    return get_object_or_404(found, pk=pk)


def event_of(session: Session, pk: int) -> Event:
    """An event of the session. Raises Http404."""
    event = Event.objects.of_session(session).filter(pk=pk).first() if pk < 2**63 else None
    if event is None:
        raise Http404(gettext("This session has no such event."))
    return event
