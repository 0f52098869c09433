"""What a transcript marks: the words of a query in what was said, the events that satisfy it, those that are trouble."""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass

from conversations.query import Group, Item, Or, Query, Sequence, Term, Text, Word
from conversations.tokens import Phrase, phrase


@dataclass(frozen=True, slots=True)
class Wanted:
    """`hits`, `troubles`: arrival numbers of events (`matching.py` finds them). Negative conditions point at nothing."""

    user_text: tuple[Phrase, ...] = ()
    bot_text: tuple[Phrase, ...] = ()
    hits: Container[int] = ()
    troubles: Container[int] = ()

    def __bool__(self) -> bool:
        return bool(self.user_text or self.bot_text or self.hits)


NOTHING = Wanted()


def wanted(query: Query) -> Wanted:
    """The words to mark for `query`; nothing for one that was not understood."""
    if query.impossible:
        return NOTHING
    user: list[Phrase] = []
    bot: list[Phrase] = []
    for term in _terms(query.items):
        for value in term.values:
            if not isinstance(value, Word):
                continue
            if term.field in ("any", "text"):
                user.append(phrase(value.text, value.prefix))
            if term.field in ("any", "bot"):
                bot.append(phrase(value.text, value.prefix))
    return Wanted(tuple(user), tuple(bot))


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
