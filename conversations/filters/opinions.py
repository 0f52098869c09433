"""What people said of a session: reviews, verdicts, reasons, tags, notes, assignment."""

from __future__ import annotations

from django.db.models import Q, Value
from django.db.models.functions import StrIndex

from conversations.filters.context import Context
from conversations.filters.rows import RowSet, has_kind, rows
from conversations.models import Note, Session, SessionValue
from conversations.query import Special, Term, Word
from conversations.tokens import phrase

Kind = SessionValue.Kind
PEOPLE = {"reviewer": Kind.REVIEWER, "assigned": Kind.ASSIGNED, "for": Kind.FOR}


def said_rows(term: Term, context: Context) -> RowSet:
    """The value rows that a term of names asks for; names are compared without regard to case."""
    found: list[tuple[int, str]] = []
    for value in term.values:
        name = value.text.casefold() if isinstance(value, Word) else ""
        match term.field:
            case "tag":
                found += rows(Kind.TAG, *context.tags.get(name, []))
            case "reason":
                found += rows(Kind.REASON, *context.reasons.get(name, []))
            case "review" if name != "later":
                found += rows(Kind.REVIEW, name)
            case "verdict" if name != "none":
                found += rows(Kind.VERDICT, name)
            case "reviewer" | "assigned" | "for":
                is_me = isinstance(value, Special) and value.text == "me"
                found += rows(PEOPLE[term.field], *(context.me if is_me else context.people.get(name, [])))
    return tuple(dict.fromkeys(found))


def without_rows(term: Term, context: Context) -> Q | None:
    """What a term asks for beside value rows: later, none, nobody. None: nothing."""
    found: Q | None = None
    for value in term.values:
        text = value.text if isinstance(value, Word | Special) else ""
        if term.field == "review" and text == "later":
            part = Q(has_kind(Kind.LATER, context.assistant.pk))
        elif term.field == "verdict" and text == "none":
            part = Q(verdict=Session.Verdict.NONE)
        elif term.field == "assigned" and value == Special("nobody"):
            part = ~Q(has_kind(Kind.ASSIGNED, context.assistant.pk))
        else:
            continue
        found = part if found is None else found | part
    return found


def noted(term: Term) -> Q:
    """Any of the words or phrases in a note on the session or one of its turns."""
    found = Q(pk__in=[])
    for value in term.values:
        wanted = phrase(value.text, value.prefix) if isinstance(value, Word) else None
        if wanted is None or not wanted.words:
            continue
        text = f" {' '.join(wanted.words)}{'' if wanted.prefix else ' '}"
        notes = Note.objects.standing().annotate(place=StrIndex("words", Value(text))).filter(place__gt=0)
        found |= Q(pk__in=notes.filter(session__isnull=False).values("session_id"))
    return found
