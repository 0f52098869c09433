"""What a signal is: the names that make it, and a guess at them from the names that occur. Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from conversations.query import Or, Query, Term, Word, render
from conversations.reading import FALLBACK_ACTION, FALLBACK_INTENT

NAMES = ("fallback", "handoff", "goal", "abandoned", "complaint")


@dataclass(frozen=True, slots=True)
class Definition:
    """Names of which any one is enough, each list sorted. `slots` hold a name, or `name=value` as in a query.

    `is_guess`: nobody has confirmed it. A guessed fallback is always the built-in one (see `guess`).
    """

    intents: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    slots: tuple[str, ...] = ()
    loops: tuple[str, ...] = ()
    is_guess: bool = False

    @classmethod
    def of(cls, parts: Mapping[str, Iterable[str]]) -> "Definition":
        """From names by part (`PARTS`), each once."""
        intents, actions, slots, loops = (tuple(sorted(set(parts.get(part, ())))) for part in PARTS)
        return cls(intents, actions, slots, loops)

    def __bool__(self) -> bool:
        """Whether anything can show it."""
        return bool(self.intents or self.actions or self.slots or self.loops)

    def same(self, other: "Definition") -> bool:
        """Whether both name the same, guessed or not."""
        return all(getattr(self, part) == getattr(other, part) for part in PARTS)


PARTS = ("intents", "actions", "slots", "loops")
FIELDS = {"intents": "intent", "actions": "action", "slots": "slot", "loops": "unfinished"}


@dataclass(frozen=True, slots=True)
class Values:
    """The names that occur in an assistant's sessions."""

    intents: Sequence[str] = ()
    actions: Sequence[str] = ()
    slots: Sequence[str] = ()
    loops: Sequence[str] = ()


# A name is a guess when one of these words, or two side by side, stands in it, and none of those that say the opposite.
_WORDS = {
    "handoff": "handoff handover hand_off hand_over human humano humain mensch mitarbeiter agent agente livechat live_chat"
    " operator operador escalate escalation eskalation transfer representative advisor conseiller colleague real_person",
    "goal": "submit submitted complete completed confirmed booked ordered paid success succeeded successful finished"
    " abgeschlossen gebucht bestellt completado confirmado reservado valide reserve",
    "complaint": "complain complaint complaints insult insults angry anger frustrated frustration dissatisfied unhappy"
    " annoyed swear swearing profanity abuse rude beschwerde beschweren beleidigung queja insulto reclamation plainte",
    "not": "ask offer deny decline no not never cannot fail failed failure error cancel cancelled validate bot",
}
_SAYING = {name: frozenset(words.split()) for name, words in _WORDS.items()}
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|\d+")
_NO_FORM = ("action_", "pattern_")  # Rasa's two-stage fallback and CALM's own flows are no forms of anybody's


def guess(values: Values) -> dict[str, Definition]:
    """For each of NAMES what it probably is, from the names alone; empty where nothing sounds like it.

    The fallback is always what Rasa itself ships: its classifier's intent and its default action.
    """
    handoff = _like(values.actions, "handoff")
    return {
        "fallback": Definition(intents=(FALLBACK_INTENT,), actions=(FALLBACK_ACTION,), is_guess=True),
        # Who asks for a person does not always get one: the intent counts only where no action tells.
        "handoff": Definition(
            intents=() if handoff else _like(values.intents, "handoff"), actions=handoff, is_guess=True
        ),
        "goal": Definition(actions=_like(values.actions, "goal"), is_guess=True),
        "abandoned": Definition(
            loops=tuple(sorted(name for name in values.loops if not name.startswith(_NO_FORM))), is_guess=True
        ),
        "complaint": Definition(intents=_like(values.intents, "complaint"), is_guess=True),
    }


def _like(names: Iterable[str], signal: str) -> tuple[str, ...]:
    return tuple(sorted(name for name in names if _sounds_like(name, _SAYING[signal])))


def _sounds_like(name: str, words: frozenset[str]) -> bool:
    parts = [part.lower() for part in _WORD.findall(name)]
    pairs = {f"{one}_{two}" for one, two in pairwise(parts)}
    return bool(words & (pairs | set(parts))) and not _SAYING["not"] & set(parts)


def as_query(definition: Definition) -> str:
    """The sessions that show it, as a query that names everything; empty for a definition of nothing."""
    terms = [
        Term(FIELDS[part], tuple(word(part, name) for name in getattr(definition, part)))
        for part in PARTS
        if getattr(definition, part)
    ]
    items = (Or(tuple(terms)),) if len(terms) > 1 else tuple(terms)
    return render(Query(items))


def word(part: str, name: str) -> Word:
    """A name of a definition as a query's value: `slot=value` is the value of a slot."""
    if part == "slots" and "=" in name:
        slot, _, value = name.partition("=")
        return Word(slot, equals=value)
    return Word(name)
