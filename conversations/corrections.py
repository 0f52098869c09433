"""Corrected messages: found, shown, and given back to training as `nlu.yml` or CSV."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext as _

from conversations import values
from conversations.filters import zone_of
from conversations.identity import parse, shown
from conversations.models import Assistant, Correction, Event, Session, SessionValue
from conversations.nlu_yaml import Example, entities_of, example_line, fragment, is_example
from conversations.reading import TEXT_LIMIT

PAGE = 50
AT_ONCE = 500  # messages that an export holds at a time
# A spreadsheet takes a cell that begins with one of these for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
HEADINGS = (
    "text", "intent", "was", "confidence", "entities", "example", "person", "corrected_at", "said_at", "sender_id",
    "session",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which corrections: by intent (as corrected), by person (user name), made since and until a day; empty: any."""

    intent: str = ""
    person: str = ""
    since: date | None = None
    until: date | None = None

    @classmethod
    def read(cls, data: Any) -> "Wanted":
        """From the parameters of an address; what cannot be read asks for nothing."""
        return cls(
            shown(data.get("intent", "")),
            shown(data.get("person", "")),
            _day(data.get("since", "")),
            _day(data.get("until", "")),
        )

    @property
    def is_narrow(self) -> bool:
        """Whether it leaves anything out."""
        return self != Wanted()


def _day(text: str) -> date | None:
    try:
        return parse_date(text)
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class Corrected:
    """A correction with its message. `text` is the whole of it; `event` None when it is gone."""

    correction: Correction
    event: Event | None
    text: str = ""
    entities: Any = None

    @property
    def example(self) -> Example:
        """As it is taught."""
        return Example(self.text, self.correction.intent, entities_of(self.entities))

    @property
    def line(self) -> str:
        """The message with its entities annotated."""
        return example_line(self.text, entities_of(self.entities))

    @property
    def annotated(self) -> str:
        """The beginning of the message with its entities annotated; empty where there are none."""
        entities = entities_of(self.entities)
        return example_line(self.text[:TEXT_LIMIT], entities) if entities else ""

    @property
    def can_be_taught(self) -> bool:
        """Whether the export holds it: payloads, for one, are no words of anybody."""
        return is_example(self.text, self.correction.intent)


def found(assistant: Assistant, sessions: QuerySet[Session], wanted: Wanted) -> QuerySet[Correction]:
    """Corrections in these sessions that stand, newest first. Days are the assistant's."""
    rows = Correction.objects.filter(
        is_removed=False, conversation__assistant=assistant, session__in=sessions
    )
    if wanted.intent:
        rows = rows.filter(intent=wanted.intent)
    if wanted.person:
        rows = rows.filter(user__username=wanted.person)
    zone = zone_of(assistant)
    if wanted.since:
        rows = rows.filter(at__gte=datetime.combine(wanted.since, time(), zone))
    if wanted.until and wanted.until < date.max:
        rows = rows.filter(at__lt=datetime.combine(wanted.until + timedelta(days=1), time(), zone))
    return rows.select_related("user", "conversation").order_by("-at", "-id")


def page(rows: QuerySet[Correction], after: str) -> tuple[list[Corrected], str]:
    """The rows behind the cursor `after` ("" the first page), and the cursor of the next page ("" there is none)."""
    moment, _tilde, pk = after.partition("~")
    try:
        at = parse_datetime(moment)
    except ValueError:
        at = None
    if at is not None and at.tzinfo and pk.isdecimal() and len(pk) < 19:
        rows = rows.filter(Q(at__lt=at) | Q(at=at, pk__lt=int(pk)))
    part = list(rows[: PAGE + 1])
    last = part[PAGE - 1] if len(part) > PAGE else None
    return with_messages(part[:PAGE]), f"{last.at.astimezone(UTC).isoformat()}~{last.pk}" if last else ""


def with_messages(rows: Sequence[Correction]) -> list[Corrected]:
    """Corrections with what they are about; one query."""
    places = Q()
    for row in rows:
        at, rank, digest = row.anchor
        places |= Q(conversation_id=row.conversation_id, timestamp=at, rank=rank, hash=digest)
    events = Event.objects.filter(places, type="user") if rows else []
    by_place = {(e.conversation_id, e.timestamp, e.rank, bytes(e.hash)): e for e in events}
    return [corrected(row, by_place.get((row.conversation_id, *row.anchor))) for row in rows]


def corrected(correction: Correction, event: Event | None) -> Corrected:
    """A correction with its user event. Where nobody said anything of the entities, those understood stand."""
    if event is None:
        return Corrected(correction, None)
    text, entities = message(event)
    return Corrected(
        correction, event, text, entities if correction.entities is None else correction.entities
    )


def message(event: Event) -> tuple[str, Any]:
    """The whole text of a user event and its entities, as published."""
    body = parse(event.body)
    said = body.get("text") if isinstance(body, dict) else None
    data = body.get("parse_data") if isinstance(body, dict) else None
    return said if isinstance(said, str) else "", data.get("entities") if isinstance(data, dict) else None


def in_parts(rows: QuerySet[Correction]) -> Iterator[Corrected]:
    """All of them, a part at a time in memory."""
    ids = list(rows.values_list("pk", flat=True))
    for start in range(0, len(ids), AT_ONCE):
        part = rows.filter(pk__in=ids[start : start + AT_ONCE])
        yield from with_messages(list(part))


def as_yaml(assistant: Assistant, rows: QuerySet[Correction], *, now: datetime) -> tuple[str, int]:
    """An `nlu.yml` fragment and how many examples it holds. Of one message corrected twice the newest counts."""
    newest: dict[str, Example] = {}
    n_left_out = 0
    for row in in_parts(rows):
        if row.can_be_taught:
            newest.setdefault(row.text.strip(), row.example)
        else:
            n_left_out += 1
    known = set(values.existing(assistant.pk, SessionValue.Kind.INTENT))
    new = sorted({example.intent.strip() for example in newest.values()} - known)
    notes = [f"Assistant {assistant.name}, {len(newest)} examples, {now.isoformat(timespec='seconds')}."]
    if new:
        notes.append(
            _("New intents, which the domain does not list yet: %(names)s") % {"names": ", ".join(new)}
        )
    if n_left_out:
        notes.append(_("Left out, because they are no words of a user: %(n)d") % {"n": n_left_out})
    return fragment(newest.values(), notes=notes), len(newest)


def as_csv(rows: Iterable[Corrected], address: Any) -> str:
    """One line a correction; times are ISO-8601 in UTC. `address(correction, event)` gives the link of its turn.

    A cell that a spreadsheet would take for a formula begins with an apostrophe. Begins with a byte order mark, without
    which Excel reads no UTF-8.
    """
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(HEADINGS)
    for row in rows:
        given, event = row.correction, row.event
        confidence = event.confidence if event else None
        cells = (
            shown(row.text),
            given.intent,
            given.was,
            "" if confidence is None else f"{confidence:.4f}",
            shown(json.dumps(row.entities, ensure_ascii=False)) if row.entities else "",
            row.line,
            given.user.get_username() if given.user else "",
            given.at.astimezone(UTC).isoformat(timespec="seconds"),
            datetime.fromtimestamp(given.anchor_at, UTC).isoformat(timespec="milliseconds"),
            given.conversation.sender_id,
            address(given, event) if event else "",
        )
        writer.writerow([_safe(cell) for cell in cells])
    return "\ufeff" + out.getvalue()


def _safe(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
