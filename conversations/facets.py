"""Names and values with counts: what the drawer shows for a query, and what completion offers as one types."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Count, QuerySet

from conversations import signals, values
from conversations.filters import NAMES, OF_SESSION, Context, context_of
from conversations.filters.opinions import PEOPLE
from conversations.models import Assistant, Session, SessionValue
from conversations.pages import key_page
from conversations.query import FIELDS, Query, Special, Word
from conversations.query.facets import value_text

Kind = SessionValue.Kind
NEWEST = 1_000  # sessions of a query that are counted
MOST = 50  # values of a field
COUNT_CAP = 1_000
MOST_NAMES = 2_000  # of a field that are looked through for what one types
ANY = ("intent", "action", "tag", "entity", "slot", "loop", "channel")  # what a bare word may be the name of
_SLOT_VALUES = 400  # newest sessions with a slot, whose values are offered
OPINIONS = {
    "review": Kind.REVIEW, "verdict": Kind.VERDICT, "reason": Kind.REASON, "tag": Kind.TAG, "turn-tag": Kind.TURN_TAG, **PEOPLE,
}  # fmt: skip
KINDS: dict[str, SessionValue.Kind] = {**NAMES, **OF_SESSION, **OPINIONS}


@dataclass(frozen=True, slots=True)
class Choice:
    """A value of a field. `value`: its name, of a slot's values the value alone; `text`: as it stands behind `field:`;
    `label`: as people read it; `count`: of sessions."""

    field: str
    value: str
    text: str
    label: str
    count: int


@dataclass(frozen=True, slots=True)
class Counted:
    """Values by field, most first, of the newest `looked_at` sessions; all of them unless `goes_on`."""

    fields: dict[str, list[Choice]]
    looked_at: int
    goes_on: bool


def counted(found: QuerySet[Session], *, assistant: Assistant, now: float, user: Any = None) -> Counted:
    """The values that occur in the newest sessions of what `filters.matching` gave. A constant number of statements."""
    page = key_page(found, Query(), cursor=None, size=NEWEST)
    ids = list(page.rows)
    context = context_of(assistant, now, user)
    fields = {name: list[Choice]() for name in KINDS}
    by_kind: dict[int, list[tuple[str, int]]] = {}
    rows = SessionValue.objects.filter(
        session_id__in=ids,
        kind__in=[*map(int, KINDS.values()), Kind.SLOT_VALUE, Kind.MARK, Kind.LATER, Kind.IS],
    )
    for kind, value, count in (
        rows.values_list("kind", "value").annotate(n=Count("*")).order_by("-n", "value")
    ):
        by_kind.setdefault(kind, []).append((value, count))
    for name, kind in KINDS.items():
        named = _named(name, context)
        choices = (
            _choice(name, named.get(value, value), count)
            for value, count in by_kind.get(kind, [])
            if value in named or name not in _BY_ID
        )
        fields[name] = list(choices)[:MOST]
    fields["slot"] += [_slot_choice(value, count) for value, count in by_kind.get(Kind.SLOT_VALUE, [])[:MOST]]
    _add_states(fields, ids, by_kind, context)
    return Counted(
        {name: rows for name, rows in fields.items() if rows}, len(ids), page.next_cursor is not None
    )


_BY_ID = ("reason", "tag", "turn-tag", *PEOPLE)


def _named(field: str, context: Context) -> dict[str, str]:
    """The names of what value rows hold as ids."""
    if field in ("tag", "turn-tag"):
        return context.tag_names
    if field == "reason":
        return context.reason_names
    if field in PEOPLE:
        return context.people_names
    return {}


def _choice(field: str, name: str, count: int) -> Choice:
    return Choice(field, name, value_text(field, Word(name)), name, count)


def _slot_choice(value: str, count: int) -> Choice:
    name, _, equals = value.partition("=")
    return Choice("slot", equals, value_text("slot", Word(name, equals=equals)), f"{name} = {equals}", count)


def _add_states(
    fields: dict[str, list[Choice]],
    ids: list[int],
    by_kind: dict[int, list[tuple[str, int]]],
    context: Context,
) -> None:
    """What is counted by sessions rather than by one kind of rows: signals, marks, open loops, later, none, nobody."""
    sessions = list(Session.objects.filter(pk__in=ids).only("pk", "open_loop"))
    meanings = signals.definitions(context.assistant)
    shown = Counter(name for names in signals.of_sessions(sessions, meanings).values() for name in names)
    shown.update(dict(by_kind.get(Kind.MARK, [])))
    known = dict(by_kind.get(Kind.IS, []))
    shown.update({name: known[name] for name in ("restarted",) if name in known})
    if meanings["fallback"].is_guess:
        shown["fallback"] = known.get("fallback", 0)
    loops = Counter(session.open_loop for session in sessions if session.open_loop)
    shown["unfinished"] = loops.total()
    fields["unfinished"] = [_choice("unfinished", name, count) for name, count in loops.most_common(MOST)]
    order = [name for name, _ in FIELDS["is"].values]
    fields["is"] = [_choice("is", name, shown[name]) for name in order if shown[name]]
    later = (
        SessionValue.objects.filter(session_id__in=ids, kind=Kind.LATER)
        .values("session_id")
        .distinct()
        .count()
    )
    if later:
        fields["review"].append(_choice("review", "later", later))
    judged = sum(choice.count for choice in fields["verdict"])
    if judged < len(ids):
        fields["verdict"].append(_choice("verdict", "none", len(ids) - judged))
    assigned = sum(choice.count for choice in fields["assigned"])
    if assigned < len(ids):
        fields["assigned"].append(
            Choice(
                "assigned", "nobody", value_text("assigned", Special("nobody")), "nobody", len(ids) - assigned
            )
        )


def suggest(
    assistant: Assistant, field: str, prefix: str, user: Any = None, *, limit: int = 12
) -> list[Choice]:
    """Values of `field` that exist and hold `prefix` (any case), those that begin with it first, with capped counts.

    `COUNT_CAP` + 1 stands for more. Without a field: of any. For a slot's values `prefix` is `name=beginning`. Empty for
    fields without names.
    """
    context = context_of(assistant, 0.0, user)
    if field == "slot" and "=" in prefix:
        return _slot_values(assistant, *prefix.split("=", 1), limit=limit)
    found: list[Choice] = []
    for name in (field,) if field else ANY:
        if name == "unfinished":
            found += _open_loops(assistant, prefix, limit)
        elif name in KINDS and name not in ("review", "verdict"):
            found += _existing(context, name, prefix, limit - len(found))
    return found[:limit]


def _existing(context: Context, field: str, prefix: str, limit: int) -> list[Choice]:
    kind, assistant = KINDS[field], context.assistant
    if field in _BY_ID:
        names = _named(field, context)
    else:
        names = {name: name for name in values.existing(assistant.pk, kind, MOST_NAMES)}
    fitting = _fitting(names.items(), prefix)[:limit]
    counts = _counts(assistant, kind, [key for key, _ in fitting])
    return [_choice(field, name, count) for (_, name), count in zip(fitting, counts, strict=True)]


def _fitting(names: Iterable[tuple[str, str]], prefix: str) -> list[tuple[str, str]]:
    wanted = prefix.casefold()
    folded = [(name.casefold(), key, name) for key, name in names]
    found = [(not fold.startswith(wanted), fold, key, name) for fold, key, name in folded if wanted in fold]
    return [(key, name) for _, _, key, name in sorted(found)]


def _counts(assistant: Assistant, kind: int, keys: list[str]) -> list[int]:
    """How many sessions have each value, as far as COUNT_CAP + 1."""
    if not keys:
        return []
    one = (
        "(SELECT count(*) FROM (SELECT 1 FROM conversations_sessionvalue"
        f" WHERE assistant_id = %s AND kind = %s AND value = %s LIMIT {COUNT_CAP + 1}) counted)"
    )
    with connection.cursor() as cursor:
        parameters = [part for key in keys for part in (assistant.pk, int(kind), key)]
        cursor.execute(f"SELECT {', '.join([one] * len(keys))}", parameters)
        return list(cursor.fetchone())


def _slot_values(assistant: Assistant, name: str, beginning: str, *, limit: int) -> list[Choice]:
    """Of the newest sessions in which the slot was set: there may be as many values as there are customers."""
    newest = SessionValue.objects.filter(assistant=assistant, kind=Kind.SLOT, value=name).order_by(
        "-period", "-session"
    )
    ids = list(newest.values_list("session_id", flat=True)[:_SLOT_VALUES])
    rows = SessionValue.objects.filter(session_id__in=ids, kind=Kind.SLOT_VALUE, value__startswith=f"{name}=")
    found = rows.values_list("value").annotate(n=Count("*")).order_by("-n", "value")[: MOST * 20]
    wanted = beginning.casefold()
    fitting = [
        (value, count) for value, count in found if value.partition("=")[2].casefold().startswith(wanted)
    ]
    return [_slot_choice(value, count) for value, count in fitting[:limit]]


def _open_loops(assistant: Assistant, prefix: str, limit: int) -> list[Choice]:
    rows = Session.objects.filter(assistant=assistant).exclude(open_loop="").order_by()
    found = rows.values_list("open_loop").annotate(n=Count("*")).order_by("-n")[: MOST * 4]
    counts = dict(found)
    fitting = _fitting(((name, name) for name in counts), prefix)[:limit]
    return [_choice("unfinished", name, min(counts[name], COUNT_CAP + 1)) for name, _ in fitting]
