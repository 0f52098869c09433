"""Signals of an assistant: defined by a person, or guessed until somebody does. Everybody asks here: filters, chips, pages.

Read at the moment of the question and kept on the Assistant object alone: a change holds for all history at once.
"""

from collections.abc import Iterable, Mapping, Sequence

from django.db import transaction
from django.db.models import Q

from conversations import recounting, values
from conversations.defining import NAMES, PARTS, Definition, Values, guess
from conversations.models import Assistant, Session, SessionValue, Signal
from conversations.summary import value_key
from enterprise.models import User

Kind = SessionValue.Kind
KINDS = {"intents": Kind.INTENT, "actions": Kind.ACTION, "slots": Kind.SLOT, "loops": Kind.LOOP}
MOST_NAMES = 500  # of one part of a definition


def definition(assistant: Assistant, name: str) -> Definition:
    """What `is:<name>` means for this assistant. Raises KeyError for a name that is not of `defining.NAMES`."""
    return definitions(assistant)[name]


def definitions(assistant: Assistant) -> dict[str, Definition]:
    """All of them, by name. One query, with three more while some are guessed; none the second time for one object."""
    known: dict[str, Definition] | None = getattr(assistant, "_signals", None)
    if known is None:
        stored = {row.name: _definition(row) for row in Signal.objects.filter(assistant=assistant)}
        guessed = guess(occurring(assistant)) if len(stored) < len(NAMES) else {}
        known = {
            name: stored.get(name) or guessed[name] for name in NAMES if name in stored or name in guessed
        }
        assistant._signals = known  # type: ignore[attr-defined]
    return known


def occurring(assistant: Assistant, *, slots: bool = False) -> Values:
    """The names that occur in its sessions; slots only on request, as no guess is made from them."""
    return Values(
        **{
            part: values.existing(assistant.pk, kind)
            for part, kind in KINDS.items()
            if slots or part != "slots"
        }
    )


def _definition(row: Signal) -> Definition:
    return Definition.of({part: getattr(row, part) for part in PARTS})


@transaction.atomic
def define(assistant: Assistant, name: str, wanted: Definition, by: User | None) -> bool:
    """Let `name` mean this from now on; False when it did already. The caller writes the audit line.

    Raises ValueError for an unknown name, and for more than MOST_NAMES names in a part.
    """
    if name not in NAMES or any(len(getattr(wanted, part)) > MOST_NAMES for part in PARTS):
        raise ValueError(name)
    row = Signal.objects.select_for_update().filter(assistant=assistant, name=name).first()
    if row is not None and _definition(row).same(wanted):
        return False
    parts = {part: sorted(set(getattr(wanted, part))) for part in PARTS}
    Signal.objects.update_or_create(assistant=assistant, name=name, defaults={**parts, "user": by})
    _changed(assistant, name)
    return True


@transaction.atomic
def undefine(assistant: Assistant, name: str) -> bool:
    """Go back to the guess; False when it was one."""
    removed, _rows = Signal.objects.filter(assistant=assistant, name=name).delete()
    if removed:
        _changed(assistant, name)
    return bool(removed)


def _changed(assistant: Assistant, name: str) -> None:
    forget(assistant)
    if name == Signal.Name.FALLBACK:
        recounting.begin(assistant.pk)


def forget(assistant: Assistant) -> None:
    """Ask anew the next time."""
    assistant.__dict__.pop("_signals", None)


def of_sessions(
    sessions: Iterable[Session], definitions: Mapping[str, Definition]
) -> dict[int, tuple[str, ...]]:
    """Which signals each session shows, in the order of NAMES; one query. Sessions that show none are left out."""
    sessions = list(sessions)
    wanted: dict[tuple[int, str], list[str]] = {}
    for name, meaning in definitions.items():
        for part, kind in KINDS.items():
            if part == "loops":
                continue
            for entry in getattr(meaning, part):
                asked = Kind.SLOT_VALUE if part == "slots" and "=" in entry else kind
                wanted.setdefault((int(asked), value_key(entry)), []).append(name)
    found: dict[int, set[str]] = {}
    for session in sessions:
        for name, meaning in definitions.items():
            if session.open_loop and session.open_loop in meaning.loops:
                found.setdefault(session.pk, set()).add(name)
    for pk, number, value in _rows([session.pk for session in sessions], wanted):
        found.setdefault(pk, set()).update(wanted[number, value])
    return {pk: tuple(name for name in NAMES if name in names) for pk, names in found.items()}


def _rows(ids: Sequence[int], wanted: Iterable[tuple[int, str]]) -> Iterable[tuple[int, int, str]]:
    by_kind: dict[int, list[str]] = {}
    for kind, value in wanted:
        by_kind.setdefault(kind, []).append(value)
    any_of = Q()
    for kind, entries in by_kind.items():
        any_of |= Q(kind=kind, value__in=entries)
    if not ids or not by_kind:
        return []
    return SessionValue.objects.filter(any_of, session_id__in=ids).values_list("session_id", "kind", "value")
