"""What the query bar offers while one types."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext, ngettext
from django.views.decorators.http import require_GET

from conversations.facets import suggest
from conversations.query import FIELDS
from conversations.query.complete import Completion, apply, complete, found
from conversations.query.offers import Offer
from enterprise.pages.guards import needs

from .asking import COUNT_CAP, Ask

MOST = 12  # lines of the list
MAX_TEXT = 10_001  # code points that are read; a query may have one less


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the list: an offer as it is written, what it means, and the query (with the caret, in code points)
    that it makes."""

    label: str
    help: str
    text: str
    caret: int
    count: int | None = None


@needs("conversations.view")
@require_GET
def completion(request: HttpRequest) -> HttpResponse:
    """Offers for `text` with the caret at `caret` (code points); an empty part where there is nothing to offer."""
    ask = Ask(request)
    text = request.GET.get("text", "")[:MAX_TEXT]
    written = request.GET.get("caret", "")
    caret = int(written) if written.isdecimal() and len(written) < 6 else len(text)
    here = complete(text, caret, gettext, ngettext)
    nameless = here.field == "slot" and not here.slot and text[: here.span[0]].endswith("=")
    lines = [_line(text, here, offer, count) for offer, count in _offers(ask, here) if not nameless]
    # What changes nothing is no offer.
    lines = [line for line in lines if line.text.rstrip() != text.rstrip()][:MOST]
    context = {"ask": ask, "items": lines, "cap": COUNT_CAP}
    return render(request, "conversations/_completion.html", context)


def _line(text: str, here: Completion, offer: Offer, count: int | None) -> Line:
    after, caret = apply(text, here, offer)
    return Line(
        offer.text, offer.help or (offer.label if offer.label not in offer.text else ""), after, caret, count
    )


def _offers(ask: Ask, here: Completion) -> Iterator[tuple[Offer, int | None]]:
    """What the language knows, then what occurs."""
    if here.kind == "field" and not here.prefix:
        return  # between two words nothing is in the way
    yield from ((offer, None) for offer in here.offers)
    if not here.lookup or ask.assistant is None:
        return
    prefix = f"{here.slot}={here.prefix}" if here.slot else here.prefix
    for choice in suggest(ask.assistant, here.field, prefix, ask.user, limit=MOST):
        field = FIELDS[choice.field]
        if choice.text in here.taken or (here.turn_only and field.scope == "session"):
            continue
        meaning = gettext(field.label) if here.kind == "field" else ""
        yield found(here, choice.field, choice.value, meaning), choice.count
