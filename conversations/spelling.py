"""Did you mean: when a search finds nothing, words that were said and differ from the one asked for by one letter.

No vocabulary is kept: every word within one slip (a letter too many, missing, wrong, or two swapped) is looked up in the
index of words, some hundreds in one statement.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from django.db import connection

from conversations import search
from conversations.models import Assistant
from conversations.query import Group, Or, Query, Sequence, Term, Text, Word
from conversations.query.ast import Item
from conversations.search import fts5, tsquery
from conversations.tokens import Phrase, Token, tokens

SHORTEST, LONGEST = 3, 20  # code points of a word that is looked for
MOST_WORDS = 3  # of a query
OFFERED = 3  # for each
_COUNTED = 200  # chunks by which candidates are compared
ALPHABETS = (
    "abcdefghijklmnopqrstuvwxyz",
    "абвгдежзийклмнопрстуфхцчшщъыьэюяіїєґў",
    "αβγδεζηθικλμνξοπρστυφχψω",
    "אבגדהוזחטיכלמנסעפצקרשתךםןףץ",
    "ابتثجحخدذرزسشصضطظعغفقكلمنهويىءةپچژگکی",
)


@dataclass(frozen=True, slots=True)
class Meant:
    """A word that nobody said, one that somebody did, and the query with the one in place of the other."""

    written: str
    word: str
    query: Query


def did_you_mean(query: Query, assistant: Assistant) -> list[Meant]:
    """Queries that may have been meant, for each word of `query` that was never said. At most three statements."""
    written = list(
        dict.fromkeys(token.text for value in _searched(query.items) for token in tokens(value.text))
    )
    wanted = [word for word in written if SHORTEST <= len(word) <= LONGEST][: MOST_WORDS * 4]
    if not wanted:
        return []
    said = set(_said(wanted, assistant))
    unsaid = [word for word in wanted if word not in said][:MOST_WORDS]
    candidates = {word: list(slips(word)) for word in unsaid}
    found = set(_said({slip for slips_ in candidates.values() for slip in slips_}, assistant))
    if not found:
        return []
    counts = _counts(sorted(found)[:100], assistant)
    meant = []
    for word, all_slips in candidates.items():
        best = sorted((slip for slip in all_slips if slip in counts), key=lambda slip: (-counts[slip], slip))
        meant += [Meant(word, slip, _corrected(query, word, slip)) for slip in best[:OFFERED]]
    return meant


def slips(word: str) -> Iterator[str]:
    """All words that one slip of a finger makes of `word`, each once."""
    letters = "".join(alphabet for alphabet in ALPHABETS if set(alphabet) & set(word))
    seen = {word, ""}
    for at in range(len(word) + 1):
        head, tail = word[:at], word[at:]
        made = [head + letter + tail for letter in letters]
        if tail:
            made += [head + tail[1:], *(head + letter + tail[1:] for letter in letters)]
        if len(tail) > 1:
            made.append(head + tail[1] + tail[0] + tail[2:])
        for slip in made:
            if slip not in seen:
                seen.add(slip)
                yield slip


def _searched(items: Iterable[Any]) -> Iterator[Word]:
    """The texts that a query wants to find."""
    for item in items:
        if isinstance(item, Group):
            yield from _searched(term for term in item.terms if not term.negated)
        elif isinstance(item, Or):
            yield from _searched(one for one in item.alternatives if not one.negated)
        elif isinstance(item, Sequence):
            yield from _searched((item.left, item.right))
        elif item.field in search.SIDES and not item.negated:
            yield from (value for value in item.values if isinstance(value, Word))


_STATEMENTS = {
    "postgresql": (
        "SELECT w.word, (SELECT count(*) FROM (SELECT 1 FROM conversations_searchchunk c"
        " JOIN conversations_session s ON s.id = c.session_id"
        " WHERE c.vector @@ w.asked::tsquery AND s.assistant_id = %s LIMIT %s) counted)"
        " FROM unnest(%s::text[], %s::text[]) AS w(word, asked)"
    ),
    "sqlite": (
        "SELECT w.value ->> 0, (SELECT count(*) FROM (SELECT 1 FROM conversations_searchwords f"
        " CROSS JOIN conversations_searchchunk c ON c.id = f.rowid CROSS JOIN conversations_session s ON s.id = c.session_id"
        " WHERE f.words MATCH (w.value ->> 1) AND s.assistant_id = %s LIMIT %s) counted)"
        " FROM json_each(%s) w"
    ),
}


def _said(words: Iterable[str], assistant: Assistant) -> list[str]:
    return list(_counts(words, assistant, 1))


def _counts(words: Iterable[str], assistant: Assistant, most: int = _COUNTED) -> dict[str, int]:
    """In how many chunks of the assistant each word stands, as far as `most`; those in none are left out."""
    words = list(words)
    if connection.vendor == "postgresql":
        parameters: list[Any] = [assistant.pk, most, words, [tsquery((Phrase((word,)),)) for word in words]]
    else:
        parameters = [assistant.pk, most, json.dumps([(word, fts5((Phrase((word,)),))) for word in words])]
    with connection.cursor() as cursor:
        cursor.execute(_STATEMENTS[connection.vendor], parameters)
        return {word: count for word, count in cursor.fetchall() if count}


def _corrected(query: Query, word: str, slip: str) -> Query:
    return replace(query, items=tuple(_instead(item, word, slip) for item in query.items), source=None)


def _instead(item: Any, word: str, slip: str) -> Item:
    if isinstance(item, Group):
        return replace(item, terms=tuple(_instead(term, word, slip) for term in item.terms))  # type: ignore[misc]
    if isinstance(item, Or):
        return replace(item, alternatives=tuple(_instead(one, word, slip) for one in item.alternatives))  # type: ignore[misc]
    if isinstance(item, Sequence):
        return replace(item, left=_instead(item.left, word, slip), right=_instead(item.right, word, slip))  # type: ignore[arg-type]
    if item.negated or item.field not in search.SIDES:
        return item  # type: ignore[no-any-return]
    if isinstance(item, Text):
        return replace(item, word=_respelt(item.word, word, slip))
    values = tuple(_respelt(value, word, slip) if isinstance(value, Word) else value for value in item.values)
    return replace(item, values=values) if isinstance(item, Term) else item  # type: ignore[no-any-return]


def _respelt(value: Word, word: str, slip: str) -> Word:
    text = value.text
    for token in reversed(_places(text, word)):
        text = text[: token.start] + slip + text[token.end :]
    return replace(value, text=text)


def _places(text: str, word: str) -> list[Token]:
    return [token for token in tokens(text) if token.text == word]
