"""What of a query can be pointed at in a transcript: words, intents, actions, fallbacks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from conversations.query import Group, Item, Or, Query, Range, Sequence, Term, Text, Word
from conversations.tokens import Phrase, phrase


@dataclass(frozen=True, slots=True)
class Wanted:
    """The conditions of a query that one message or action can satisfy. Negative ones point at nothing."""

    user_text: tuple[Phrase, ...] = ()
    bot_text: tuple[Phrase, ...] = ()
    intents: dict[str, Range | None] = field(default_factory=dict)
    actions: frozenset[str] = frozenset()
    fallback: bool = False

    def __bool__(self) -> bool:
        return bool(self.user_text or self.bot_text or self.intents or self.actions or self.fallback)

    @property
    def has_text(self) -> bool:
        return bool(self.user_text or self.bot_text)

    def finds_intent(self, name: str, predicted: str, confidence: float | None) -> bool:
        """Whether a message with this intent (either name of it) is one that was asked for."""
        for intent in (name, predicted):
            if intent and intent in self.intents:
                wanted = self.intents[intent]
                if wanted is None or (confidence is not None and confidence in wanted):
                    return True
        return False

    def finds_action(self, name: str) -> bool:
        return name in self.actions or (self.fallback and name == "action_default_fallback")


NOTHING = Wanted()


def wanted(query: Query) -> Wanted:
    """What to point at for `query`; nothing for one that was not understood."""
    if query.impossible:
        return NOTHING
    user: list[Phrase] = []
    bot: list[Phrase] = []
    intents: dict[str, Range | None] = {}
    actions: set[str] = set()
    fallback = False
    for term in _terms(query.items):
        for value in term.values:
            if not isinstance(value, Word):
                continue
            if term.field in ("any", "text"):
                user.append(phrase(value.text, value.prefix))
            if term.field in ("any", "bot"):
                bot.append(phrase(value.text, value.prefix))
            elif term.field == "intent":
                intents[value.text] = value.confidence
            elif term.field == "action":
                actions.add(value.text)
            elif term.field == "is" and value.text == "fallback":
                fallback = True
    return Wanted(tuple(user), tuple(bot), intents, frozenset(actions), fallback)


def _terms(items: tuple[Item, ...]) -> Iterator[Term | Text]:
    for item in items:
        if isinstance(item, Sequence):
            yield from _terms((item.left, item.right))
        elif item.negated:
            continue
        elif isinstance(item, Group):
            yield from _terms(item.terms)
        elif isinstance(item, Or):
            yield from _terms(item.alternatives)
        else:
            yield item
