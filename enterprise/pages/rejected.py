"""Messages that were no events: read them, take them away as a file, try them again."""

import heapq
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from django.contrib import messages
from django.db.models import BinaryField, F, Func, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from conversations.identity import shown
from enterprise.audit import record
from enterprise.pages.guards import needs
from events.models import RejectedMessage, Source
from events.rejected import Replayed, body_of, replay

PAGE = 50
HEAD = 2000  # bytes of a body that the list shows
PART_BYTES = 8_000_000  # of bodies that are in memory at a time
AT_ONCE = 5000  # messages that one press replays


@needs("operations.view")
@require_GET
def rejected_list(request: HttpRequest) -> HttpResponse:
    """Newest first. `?show=all` has those that became events since, `?source=` one source's, `?after=` the next page."""
    sources = list(Source.objects.filter(n_rejected__gt=0))
    chosen = next((source for source in sources if str(source.pk) == request.GET.get("source")), None)
    show_all = request.GET.get("show") == "all"
    rows = _page([chosen] if chosen else sources, request.GET.get("after", ""), show_all=show_all)
    more = len(rows) > PAGE
    rows = rows[:PAGE]
    return render(
        request,
        "pages/rejected.html",
        {
            "rows": [_row(row) for row in rows],
            "sources": sources,
            "chosen": chosen,
            "show_all": show_all,
            "is_first": "after" not in request.GET,
            "after": f"{rows[-1].last_at!r}~{rows[-1].pk}" if more else "",
            "ever": any(source.n_rejected for source in sources),
        },
    )


def _page(sources: list[Source], after: str, *, show_all: bool) -> list[RejectedMessage]:
    """At most PAGE + 1 rows. The index is by source: each source's newest are read, and merged."""
    rows = RejectedMessage.objects.defer("body").annotate(
        head=Func(F("body"), 1, HEAD, function="SUBSTR", output_field=BinaryField())
    )
    if not show_all:
        rows = rows.filter(replayed_at=None)
    if cursor := _cursor(after):
        at, pk = cursor
        rows = rows.filter(Q(last_at__lt=at) | Q(last_at=at, pk__lt=pk))
    newest: list[Sequence[RejectedMessage]] = []
    for source in sources:
        part = list(rows.filter(source=source).order_by("-last_at", "-pk")[: PAGE + 1])
        for row in part:
            row.source = source
        newest.append(part)
    merged = heapq.merge(*newest, key=lambda row: (row.last_at, row.pk), reverse=True)
    return list(islice(merged, PAGE + 1))


def _cursor(text: str) -> tuple[float, int] | None:
    at, _tilde, pk = text.partition("~")
    try:
        return (float(at), int(pk)) if text else None
    except ValueError:
        return None


def _row(row: RejectedMessage) -> dict[str, Any]:
    head = bytes(getattr(row, "head", None) or b"")
    return {"message": row, "text": readable(head), "is_cut": row.size > len(head), "in_file": bool(row.file)}


def readable(body: bytes) -> str:
    """Bytes as text that can be shown: what is not UTF-8, and what moves the cursor, is escaped."""
    text = shown(body.decode("utf-8", "backslashreplace"))
    return "".join(char if char.isprintable() or char in "\n\t" else f"\\u{ord(char):04x}" for char in text)


@needs("operations.view")
@require_GET
def rejected_body(request: HttpRequest, pk: int) -> HttpResponse:
    """The message to the byte, as a file. Never shown by the browser itself: it may be anything."""
    row = get_object_or_404(RejectedMessage, pk=pk)
    try:
        body = body_of(row)
    except OSError as error:
        raise Http404 from error
    record(request, "rejected.download", str(pk))
    return HttpResponse(
        body,
        content_type="application/octet-stream",
        headers={
            "Content-Disposition": f'attachment; filename="rejected-{pk}.bin"',
            "X-Content-Type-Options": "nosniff",
        },
    )


@needs("operations.modify")
@require_POST
def rejected_replay(request: HttpRequest, pk: int) -> HttpResponse:
    """Try one again."""
    row = get_object_or_404(RejectedMessage.objects.select_related("source"), pk=pk)
    return _replay(request, [row], str(pk))


@needs("operations.modify")
@require_POST
def rejected_replay_all(request: HttpRequest) -> HttpResponse:
    """Try all that are open again, of one source or of all; the newest AT_ONCE of them."""
    rows = RejectedMessage.objects.filter(replayed_at=None)
    source = request.POST.get("source", "")
    if source.isdecimal() and len(source) < 19:
        rows = rows.filter(source_id=int(source))
    return _replay(request, _in_parts(rows), source or "all")


def _in_parts(rows: QuerySet[RejectedMessage]) -> Iterator[RejectedMessage]:
    # Not one open cursor: replaying writes to the rows that it would still be reading.
    part: list[int] = []
    size = 0
    for pk, length in list(rows.order_by("-last_at", "-pk").values_list("pk", "size")[:AT_ONCE]):
        if part and (len(part) == 50 or size + length > PART_BYTES):
            yield from RejectedMessage.objects.select_related("source").filter(pk__in=part)
            part, size = [], 0
        part.append(pk)
        size += length
    yield from RejectedMessage.objects.select_related("source").filter(pk__in=part)


def _replay(request: HttpRequest, rows: Any, target: str) -> HttpResponse:
    result: Replayed = replay(rows)
    record(
        request,
        "rejected.replay",
        target,
        stored=result.stored,
        duplicates=result.duplicates,
        rejected=result.rejected,
    )
    done = result.stored + result.duplicates
    if done:
        messages.success(
            request,
            _("Became events: %(stored)d. Were there already: %(known)d. Still rejected: %(rejected)d.")
            % {"stored": result.stored, "known": result.duplicates, "rejected": result.rejected},
        )
    else:
        messages.error(
            request, _("Still rejected: %(n)d. The reasons are up to date.") % {"n": result.rejected}
        )
    return redirect("rejected-list")
