"""The drawer beside the query: names and values with counts; check adds, uncheck takes off, minus excludes.

What it changes is the text of the query, which stays the truth; here is no state but that text and what is unfolded.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET

from conversations.facets import Counted, counted
from conversations.query import FIELDS, Field, Query, Word
from conversations.query.facets import Facet, facet, text_value, toggled, value_text
from enterprise.pages.guards import needs

from .asking import Ask

# In the order in which people narrow down: what to look at, what was said and done, where it came from.
NAMES = (
    "review", "verdict", "is", "assigned", "intent", "conf", "action", "entity", "slot", "loop", "unfinished", "tag",
    "turn-tag", "reason", "reviewer", "date", "time", "turns", "duration", "channel", "environment", "model",
    "assistant-id", "policy", "event",
)  # fmt: skip
MOST = 10  # values of a field
UNFOLDED = ("review", "is", "intent")
# What is measured has no values to list: some that people ask for.
PRESETS = {
    "conf": ("<0.4", "<0.6", "<0.8"),
    "date": ("today", "yesterday", "7d", "30d"),
    "turns": ("1", "2..5", ">5", ">20"),
    "duration": ("<1min", ">10min", ">1h"),
    "time": ("06:00..12:00", "12:00..18:00", "18:00..23:59", "00:00..06:00"),
}
QUICK: tuple[tuple[str, str, str, str | Promise], ...] = (
    ("chosen", "for", "me", _("For me")),
    ("excluded", "is", "mine", _("Without my own")),
)


@dataclass(frozen=True, slots=True)
class Row:
    """A value in the drawer. `choose` and `exclude` are what its two buttons send: the state they lead to."""

    label: str
    state: str
    choose: str
    exclude: str
    count: int | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """A field in the drawer."""

    name: str
    label: str
    help: str
    n_set: int
    is_open: bool
    rows: list[Row] = field(default_factory=list)
    goes_on: bool = False


@dataclass(frozen=True, slots=True)
class Quick:
    """A condition that many want, as one button."""

    label: str | Promise
    to: str
    is_on: bool


@needs("conversations.view")
@require_GET
def facets(request: HttpRequest) -> HttpResponse:
    """The drawer for `q` after `set` (`chosen intent ask_refund`), with the fields of `open` and `unfold` unfolded.

    With `find`, all values that hold it, of all fields.
    """
    ask = Ask(request)
    if text := changed(ask.query, request.GET.get("set", "")):
        ask = ask.instead(text[0])
    unfolded = _unfolded(request, ask.query)
    found = _counted(ask)
    find = _fold(request.GET.get("find", "").strip())
    shown = [_shown(ask.query, FIELDS[name], bool(find) or name in unfolded, find, found) for name in NAMES]
    context = {
        "ask": ask,
        "facets": [one for one in shown if one.rows or not find],
        "quick": [_quick(ask.query, *one) for one in QUICK],
        "unfolded": ",".join(unfolded),
        "find": find,
        "looked_at": found.looked_at if found.goes_on else 0,
    }
    part = "_facets.html" if getattr(request, "htmx", False) else "facets.html"
    return render(request, f"conversations/{part}", context)


def _counted(ask: Ask) -> Counted:
    if ask.assistant is None or ask.query.impossible:
        return Counted({}, 0, goes_on=False)
    return counted(ask.sessions, assistant=ask.assistant, now=ask.now, user=ask.user)


def changed(query: Query, change: str) -> tuple[str] | None:
    """The text after a change such as `excluded intent greet`; None for what is no change."""
    state, _blank, rest = change.partition(" ")
    name, _blank, written = rest.partition(" ")
    value = text_value(name, written) if name in FIELDS else None
    if value is None:
        return None
    if state == "chosen":
        return (toggled(query, name, value, "chosen"),)
    if state == "excluded":
        return (toggled(query, name, value, "excluded"),)
    return (toggled(query, name, value, "off"),) if state == "off" else None


def _unfolded(request: HttpRequest, query: Query) -> list[str]:
    asked = request.GET.get("open")
    if asked is None:
        unfolded = {name for name in NAMES if name in UNFOLDED or facet(query, name) != facet(Query(), name)}
    else:
        unfolded = set(asked.split(","))
    unfolded ^= {request.GET.get("unfold", "")}
    return [name for name in NAMES if name in unfolded]


def _shown(query: Query, row: Field, is_open: bool, find: str, found: Counted) -> Shown:
    now = facet(query, row.name)
    n_set = len(now.chosen) + len(now.excluded)
    if not is_open:
        return Shown(row.name, gettext(row.label), gettext(row.help), n_set, is_open)
    listed = [one for one in _listed(row, now, found) if find in _fold(f"{one[0]} {one[1]}")]
    most = n_set + max(MOST, len(row.values))
    rows = [_row(query, row.name, *one) for one in listed[:most]]
    goes_on = len(listed) > len(rows)
    return Shown(row.name, gettext(row.label), gettext(row.help), n_set, is_open, rows, goes_on)


def _listed(row: Field, now: Facet, found: Counted) -> list[tuple[str, str, int | None]]:
    """The values of a field as (text, label, count): what the query says, what the language knows, what occurs."""
    counts: dict[str, int | None] = {choice.text: choice.count for choice in found.fields.get(row.name, [])}
    labels = {choice.text: choice.label for choice in found.fields.get(row.name, [])}
    # One's own conversations have a button of their own above.
    fixed = {name: gettext(label) for name, label in (*row.values, *row.specials) if name != "mine"}
    fixed |= {text: text for text in PRESETS.get(row.name, ())}
    # Of all sessions, none shows it: that is known. Of the newest, only that it is rare.
    absent = 0 if row.values and not found.goes_on else None
    asked = [value_text(row.name, value) for value in (*now.chosen, *now.excluded)]
    # What the language knows stays in its order.
    texts = dict.fromkeys([*(text for text in asked if text not in fixed), *fixed, *counts])
    return [(text, fixed.get(text) or labels.get(text, text), counts.get(text, absent)) for text in texts]


def _row(query: Query, name: str, text: str, label: str, count: int | None) -> Row:
    value = text_value(name, text) or Word(text)
    state = facet(query, name).state(value)
    written = f"{name} {value_text(name, value)}"
    return Row(
        label,
        state,
        f"{'off' if state == 'chosen' else 'chosen'} {written}",
        f"{'off' if state == 'excluded' else 'excluded'} {written}",
        count,
    )


def _quick(query: Query, state: str, name: str, text: str, label: str | Promise) -> Quick:
    is_on = facet(query, name).state(text_value(name, text) or text) == state
    return Quick(label, f"{'off' if is_on else state} {name} {text}", is_on)


def _fold(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()
