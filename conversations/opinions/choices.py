"""What popovers offer: tags, reasons, intents, people; the most likely ones first, nine of them on a digit."""

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any

from django.utils.formats import number_format
from django.utils.translation import gettext as _

from conversations import values
from conversations.models import Assignment, Correction, Event, Session, SessionValue, Tag, TagUse
from conversations.opinions.vocabulary import reasons
from conversations.reading import FALLBACK_INTENT
from enterprise.access import CATEGORIES
from enterprise.models import User

RECENT = 1000  # judgements that say what is used most
MOST = 500  # choices of a popover
KEYED = 9


def choices(
    kind: str, session: Session, user: Any, *, turn: int | None = None
) -> list[dict[str, Any]] | None:
    """[{"id", "label", "hint", "key"}] for `tag`, `reason`, `intent` (of the message `turn`), `entity` or `assign`; else None."""
    if kind == "tag":
        found = _tags(session)
    elif kind == "reason":
        found = [(reason.pk, reason.text, "") for reason in reasons(session.assistant)]
    elif kind == "intent":
        found = _intents(session, turn)
    elif kind == "entity":
        known = values.existing(session.assistant_id, SessionValue.Kind.ENTITY)
        found = [(name, name, "") for name in known]
    elif kind == "assign":
        found = _people(user, session)
    else:
        return None
    return [
        {"id": pk, "label": label, "hint": hint, "key": str(place) if place <= KEYED else ""}
        for place, (pk, label, hint) in enumerate(found[:MOST], start=1)
    ]


_Choices = list[tuple[int | str, str, str]]


def _used(rows: Any, column: str) -> Counter[Any]:
    """How often each was chosen lately."""
    return Counter(rows.order_by("-pk").values_list(column, flat=True)[:RECENT])


def _tags(session: Session) -> _Choices:
    uses = TagUse.objects.standing().filter(
        tag__assistant_id=session.assistant_id, source=TagUse.Source.PERSON
    )
    used = _used(uses, "tag_id")
    tags = Tag.objects.filter(assistant_id=session.assistant_id).order_by("value")
    return [(tag.pk, tag.value, tag.color) for tag in sorted(tags, key=lambda tag: -used[tag.pk])]


def _intents(session: Session, turn: int | None) -> _Choices:
    """What the assistant thought likely comes first, then what people corrected to, then the rest."""
    hints: dict[str, str] = {}
    for name, confidence in _ranking(session, turn):
        hints.setdefault(name, f"{number_format(confidence * 100, 0)} %")
    of_assistant = Correction.objects.standing().filter(conversation__assistant_id=session.assistant_id)
    used = [name for name, _n in _used(of_assistant, "intent").most_common()]
    known = values.existing(session.assistant_id, SessionValue.Kind.INTENT)
    names = dict.fromkeys((*hints, *used, *known))
    return [(name, name, hints.get(name, "")) for name in names if name and name != FALLBACK_INTENT]


def _ranking(session: Session, turn: int | None) -> Iterable[tuple[str, float]]:
    if turn is None or not 0 < turn < 2**63:
        return
    event = Event.objects.of_session(session).filter(pk=turn, type="user").first()
    try:
        body = json.loads(event.body) if event else {}
        ranking = body["parse_data"]["intent_ranking"]
        for one in ranking[:10]:
            yield str(one["name"]), float(one["confidence"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return


def _people(user: Any, session: Session) -> _Choices:
    given = Assignment.objects.filter(conversation__assistant_id=session.assistant_id)
    used = _used(given, "to_id")
    people = User.objects.filter(is_active=True, role__in=CATEGORIES["conversations.view"]).order_by(
        "username"
    )
    found = sorted(people, key=lambda person: (person.pk != user.pk, -used[person.pk]))
    return [
        (person.pk, person.get_username(), _("you") if person.pk == user.pk else person.first_name)
        for person in found
    ]
