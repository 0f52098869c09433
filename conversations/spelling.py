"""Did you mean: when a search finds nothing, words of the newest sessions that are close to the one asked for.

The vocabulary is that of the newest sessions, read from the index of words and kept for some minutes: what people say
today is what somebody who searches today means, and nothing has to be maintained.
"""

from __future__ import annotations

import difflib
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from django.core.cache import cache
from django.db import connection

from conversations import search
from conversations.filters import matching
from conversations.models import Assistant, SearchChunk, Session
from conversations.pages import capped_count
from conversations.query import Group, Or, Query, Sequence, Term, Text, Word
from conversations.query.ast import Item
from conversations.tokens import Token, tokens
from conversations.words import MESSAGE_BREAK

NEWEST = 2_000  # sessions whose words are offered
KEPT = 300  # seconds for which they are
SHORTEST, LONGEST = 3, 20  # code points of a word that is looked for
MOST_WORDS = 3  # of a query
OFFERED = 3  # for each
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
    """Queries that may have been meant, for the words of `query` that were never said. At most five statements."""
    written = list(
        dict.fromkeys(token.text for value in _searched(query.items) for token in tokens(value.text))
    )
    wanted = [word for word in written if SHORTEST <= len(word) <= LONGEST]
    if not wanted:
        return []
    known = vocabulary(assistant)
    meant: list[Meant] = []
    for word in [word for word in wanted if word not in known][:MOST_WORDS]:
        if close := _close(word, known):
            said = matching(Session.objects.all(), Query((Text(Word(word)),)), assistant=assistant, now=0.0)
            if capped_count(said, 0):
                continue  # it was said, only not of late
            meant += [Meant(word, other, _corrected(query, word, other)) for other in close]
    return meant


def _close(word: str, known: dict[str, int]) -> list[str]:
    """The words that one slip of a finger leads to, else those that look alike; the commonest first."""
    found = [slip for slip in slips(word) if slip in known]
    if not found and len(word) > 4:
        alike = [other for other in known if other[:1] == word[:1] and abs(len(other) - len(word)) <= 2]
        found = difflib.get_close_matches(word, alike, n=OFFERED, cutoff=0.75)
    return sorted(found, key=lambda other: (-known[other], other))[:OFFERED]


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


def vocabulary(assistant: Assistant) -> dict[str, int]:
    """The words of the assistant's newest sessions, with the number of chunks that hold each."""
    key = f"vocabulary-{assistant.pk}"
    found: dict[str, int] | None = cache.get(key)
    if found is None:
        found = dict(_words(assistant))
        cache.set(key, found, KEPT)
    return found


def _words(assistant: Assistant) -> Counter[str]:
    newest = Session.objects.filter(assistant=assistant).order_by("-activity_at", "-id")
    ids = list(newest.values_list("pk", flat=True)[:NEWEST])
    chunks = list(SearchChunk.objects.filter(session__in=ids).values_list("pk", flat=True))
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "SELECT word, count(*) FROM (SELECT unnest(tsvector_to_array(vector)) AS word"
                " FROM conversations_searchchunk WHERE id = ANY(%s)) words GROUP BY word",
                [chunks],
            )
            return Counter(dict(cursor.fetchall()))
        cursor.execute(
            "SELECT words FROM conversations_searchwords WHERE rowid IN (SELECT value FROM json_each(%s))",
            [json.dumps(chunks)],
        )
        found = Counter[str]()
        for (words,) in cursor.fetchall():
            found.update(set(words.split()) - {MESSAGE_BREAK})
        return found


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
    return replace(item, values=values) if isinstance(item, Term) else item


def _respelt(value: Word, word: str, slip: str) -> Word:
    text = value.text
    for token in reversed(_places(text, word)):
        text = text[: token.start] + slip + text[token.end :]
    return replace(value, text=text)


def _places(text: str, word: str) -> list[Token]:
    return [token for token in tokens(text) if token.text == word]
