"""This week: five figures beside those of the week before, each the length of a list that one click opens."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET

from conversations.filters import zone_of
from conversations.pages import countable
from conversations.query import parse
from conversations.query.dates import resolve
from enterprise.pages.guards import needs

from .asking import Ask

WEEKS = ("this-week", "last-week")


@dataclass(frozen=True)
class Kind:
    """A figure: its query, the figure of which it is a share ("" none), and queries that no session satisfies two of and
    that together find the same: each is read from the index in one go, which their union is not."""

    name: str
    label: str | Promise
    query: str
    of: str = ""
    disjoint: tuple[str, ...] = ()


KINDS = (
    Kind("sessions", _("Sessions"), ""),
    Kind("fallback", _("With a fallback"), "is:fallback", of="sessions"),
    Kind("handoff", _("Handed to a person"), "is:handoff", of="sessions"),
    Kind(
        "reviewed",
        _("Reviewed"),
        "review:reviewed,changed",
        "sessions",
        ("review:reviewed", "review:changed"),
    ),
    Kind("judged", _("Verdicts"), "verdict:well,broke", "reviewed", ("verdict:well", "verdict:broke")),
    Kind("well", _("went well"), "verdict:well", of="judged"),
    Kind("broke", _("broke"), "verdict:broke", of="judged"),
)
PARTS = ("well", "broke")  # of the verdicts' figure


@dataclass(frozen=True)
class Counted:
    """How many sessions of a week, of how many others; `url` opens their list."""

    n: int
    of: int | None
    url: str

    @property
    def rate(self) -> float | None:
        """Percent; None where there is nothing to be a share of."""
        return 100 * self.n / self.of if self.of else None


@dataclass(frozen=True)
class Figure:
    """A figure of both weeks; `parts` are what it is made of."""

    kind: Kind
    now: Counted
    before: Counted
    parts: tuple[Figure, ...] = ()

    @property
    def change(self) -> float | None:
        """What grew: percentage points of a share, else sessions; None where one week says nothing."""
        if not self.kind.of:
            return self.now.n - self.before.n
        if self.now.rate is None or self.before.rate is None:
            return None
        return round(self.now.rate - self.before.rate, 1)

    @property
    def size(self) -> float:
        """The change without its sign."""
        return abs(self.change or 0)


class Week:
    """The figures of an assistant, counted by the query language: each number is the list's own."""

    def __init__(self, ask: Ask) -> None:
        self.ask = ask

    @cached_property
    def days(self) -> list[tuple[datetime, datetime]]:
        """First and last day of both weeks, in the assistant's zone, which it names."""
        if self.ask.assistant is None:
            return []
        zone = zone_of(self.ask.assistant)
        found = [resolve(week, datetime.fromtimestamp(self.ask.now, UTC), zone) for week in WEEKS]
        return [
            (datetime.fromtimestamp(start, zone), datetime.fromtimestamp(end, zone) - timedelta(seconds=1))
            for start, end in ((week.start or 0.0, week.end or 0.0) for week in found)
        ]

    @cached_property
    def figures(self) -> list[Figure]:
        """The five."""
        now, before = (self._counts(week) for week in WEEKS)
        every = {kind.name: Figure(kind, now[kind.name], before[kind.name]) for kind in KINDS}
        parts = tuple(every.pop(name) for name in PARTS)
        return [
            Figure(one.kind, one.now, one.before, parts if one.kind.name == "judged" else ())
            for one in every.values()
        ]

    @property
    def is_empty(self) -> bool:
        """Nothing happened in both weeks."""
        return not (self.figures[0].now.n or self.figures[0].before.n)

    def _counts(self, week: str) -> dict[str, Counted]:
        counts: dict[str, int] = {}
        found: dict[str, Counted] = {}
        for kind in KINDS:
            for query in kind.disjoint or (kind.query,):
                if query not in counts:
                    counts[query] = self._count(f"{query} date:{week}")
            n = sum(counts[query] for query in kind.disjoint or (kind.query,))
            of = found[kind.of].n if kind.of else None
            found[kind.name] = Counted(n, of, self.ask.list_url(f"{kind.query} date:{week}".strip()))
        return found

    def _count(self, text: str) -> int:
        return countable(self.ask.matching(parse(text).query)).count()


@needs("conversations.view")
@require_GET
def this_week(request: HttpRequest) -> HttpResponse:
    """The page, for `?assistant=` or the first one."""
    ask = Ask(request)
    return render(request, "conversations/week.html", {"ask": ask, "week": Week(ask)})
