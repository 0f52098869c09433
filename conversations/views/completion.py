"""What the query bar offers while one types."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext
from django.views.decorators.http import require_GET

from conversations.query import FIELDS
from enterprise.pages.guards import needs

from .asking import COUNT_CAP, Ask

MOST = 12


@dataclass(frozen=True, slots=True)
class Offer:
    """One line of the list: what it is called, what it means, and the query (and caret, in code points) it makes."""

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
    text = request.GET.get("text", "")
    prefix = text.rsplit(" ", 1)[-1].lower()
    offers = [
        Offer(
            f"{row.name}:", gettext(row.help), f"{text[: len(text) - len(prefix)]}{row.name}:", len(text) + 1
        )
        for row in FIELDS.values()
        if prefix and row.name.startswith(prefix)
    ]
    return render(
        request, "conversations/_completion.html", {"ask": ask, "items": offers[:MOST], "cap": COUNT_CAP}
    )
