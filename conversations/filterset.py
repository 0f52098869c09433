"""The parameters of lists, in URLs and in the API, as terms of the query language: one way for all of them."""

import math
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import django_filters
from django import forms
from django.db.models import QuerySet
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext as _

from conversations.filters import matching
from conversations.models import Assistant, Session
from conversations.query import Parsed, Query, Range, Term, Word, parse


class Moment(forms.Field):
    """A time in a query: Unix seconds, or ISO-8601 (UTC unless it says otherwise)."""

    def to_python(self, value: Any) -> float | None:
        """Unix seconds."""
        if value in self.empty_values:
            return None
        text = str(value).strip()
        try:
            seconds = float(text)
        except ValueError:
            seconds = self._iso(text.replace(" ", "+") if text.count(" ") == 1 and "+" not in text else text)
        if not math.isfinite(seconds) or abs(seconds) > 1e11:
            raise forms.ValidationError(_("A time is Unix seconds or ISO-8601."), code="invalid")
        return seconds

    def _iso(self, text: str) -> float:
        try:
            moment = parse_datetime(text)
            if moment is None and (day := parse_date(text)):
                moment = datetime(day.year, day.month, day.day, tzinfo=UTC)
            if moment is not None:
                return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            pass
        raise forms.ValidationError(_("A time is Unix seconds or ISO-8601."), code="invalid")


class TermFilter(django_filters.Filter):
    """A parameter that stands for a term. `field_class` reads it, `term` makes the term of `field_name`."""

    def term(self, value: Any) -> Term:
        """The term that this value asks for."""
        raise NotImplementedError


class Names(TermFilter):
    """Names, or texts to search for: any of those between commas."""

    field_class = forms.CharField

    def term(self, value: str) -> Term:
        """`field:a,b`."""
        words = [Word(part.strip()) for part in value.split(",") if part.strip()]
        return Term(self.field_name, tuple(words))


class Text(TermFilter):
    """A text to search for."""

    field_class = forms.CharField

    def term(self, value: str) -> Term:
        """`text:"..."`; a phrase, when it holds several words."""
        return Term(self.field_name, (Word(value),))


class AtLeast(TermFilter):
    """The lowest number that fits."""

    field_class: type[forms.Field] = forms.FloatField

    def term(self, value: float) -> Term:
        """From `value` on."""
        return Term(self.field_name, (Range(low=value),))


class AtMost(TermFilter):
    """The highest number that fits."""

    field_class: type[forms.Field] = forms.FloatField

    def term(self, value: float) -> Term:
        """Up to `value`."""
        return Term(self.field_name, (Range(high=value),))


class Since(AtLeast):
    """The earliest activity that fits."""

    field_class = Moment


class Until(AtMost):
    """The latest activity that fits."""

    field_class = Moment


class SessionFilterSet(django_filters.FilterSet):
    """`q` is the query language; the other parameters are upstream's, for scripts that know no query language.

    OR inside one parameter, AND between them. `parsed` is what they say together; a parameter that cannot be read
    makes the set invalid (`errors`), and an invalid set matches nothing.
    """

    q = django_filters.CharFilter(help_text="The query language, such as intent:ask_refund<0.6 -is:fallback")
    start = Since("date", help_text="Latest activity from this time on: Unix seconds or ISO-8601")
    until = Until("date", help_text="Latest activity up to this time: Unix seconds or ISO-8601")
    intent = Names("intent", help_text="Intents, between commas")
    entity = Names("entity", help_text="Entities, between commas")
    action = Names("action", help_text="Actions, between commas")
    policies = Names("policy", help_text="Policies, between commas")
    text = Text("text", help_text="Words of a user message, next to each other")
    input_channels = Names("channel", help_text="Channels, between commas")
    environment = Names("environment", help_text="Environments, between commas")
    minimumUserMessages = AtLeast("turns", help_text="User messages, at least")  # noqa: N815
    minimumNluConfidence = AtLeast("lowest-intent", help_text="Lowest intent confidence, at least")  # noqa: N815
    maximumNluConfidence = AtMost("lowest-intent", help_text="Lowest intent confidence, at most")  # noqa: N815
    minimumConfidence = AtLeast("lowest-action", help_text="Lowest action confidence, at least")  # noqa: N815
    maximumConfidence = AtMost("lowest-action", help_text="Lowest action confidence, at most")  # noqa: N815

    class Meta:
        model = Session
        fields: list[str] = []

    @property
    def parsed(self) -> Parsed:
        """The query of `q` with the other parameters as further terms. Call `is_valid` first."""
        parsed = parse(self.form.cleaned_data.get("q") or "")
        query = parsed.query
        items = (*query.items, *self.terms())
        return Parsed(Query(items, query.settings, query.impossible, query.source), parsed.mistakes)

    def terms(self) -> Iterator[Term]:
        """What the named parameters ask for."""
        for name, one in self.filters.items():
            value = self.form.cleaned_data.get(name)
            if isinstance(one, TermFilter) and value not in (None, ""):
                term = one.term(value)
                if term.values:
                    yield term

    def matching(
        self, sessions: QuerySet[Session], assistant: Assistant, user: Any = None
    ) -> QuerySet[Session]:
        """Those of `sessions` that all parameters are true of; none when one cannot be read. `user`: whom `me` means."""
        if not self.is_valid():
            return sessions.none()
        return matching(sessions, self.parsed.query, assistant=assistant, now=time.time(), user=user)
