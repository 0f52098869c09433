"""A message's text in runs: where entities stand, what the query found, which words are links. All in code points."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

from conversations.identity import shown
from conversations.tokens import Phrase, hits, tokens

from . import values
from .model import Entity, Segment

MAX_TEXT = 2000  # code points of a message that a bubble shows
MAX_ENTITIES = 50

Place = tuple[int, int]
_LINK = re.compile(r"(?:https?://|mailto:)[^\s<>\"'\\^`{|}\u2028\u2029]+", re.IGNORECASE)
_SAFE_URL = re.compile(r"(?:https?://[^\s/?#]+|mailto:[^\s@]+@)[^\s<>\"]*", re.IGNORECASE)


def safe_url(value: Any) -> str:
    """`value` if it is a web or mail address that a page may link to, else nothing."""
    if not isinstance(value, str) or len(value) > 2000:
        return ""
    value = value.strip()
    return value if _SAFE_URL.fullmatch(value) and shown(value) == value else ""


def entities(found: Any, text: str) -> list[Entity]:
    """Entities of a message; a span that does not fit the text is dropped, the entity stays."""
    result = []
    # A payload's spans cover its whole JSON part, so they say nothing about the text.
    placeable = not text.startswith("/")
    for entity in values.items(found)[:MAX_ENTITIES]:
        if not isinstance(entity, dict):
            continue
        start, end = values.index(entity.get("start")), values.index(entity.get("end"))
        fits = placeable and start is not None and end is not None and start < end <= len(text)
        confidence = values.number(entity.get("confidence_entity"))
        result.append(
            Entity(
                name=values.text(entity.get("entity"), 80) or "?",
                value=values.json_text(entity.get("value")),
                role=values.text(entity.get("role"), 40),
                group=values.text(entity.get("group"), 40),
                extractor=values.text(entity.get("extractor"), 60),
                confidence=values.number(entity.get("confidence")) if confidence is None else confidence,
                start=start if fits else None,
                end=end if fits else None,
            )
        )
    return result


def links(text: str) -> list[Place]:
    """Web and mail addresses in a text, without the punctuation that ends a sentence."""
    if ":" not in text:
        return []
    places = []
    for match in _LINK.finditer(text):
        address = match[0].rstrip(".,;:!?*_]")
        while address.endswith(")") and address.count("(") < address.count(")"):
            address = address[:-1].rstrip(".,;:!?")
        if safe_url(address):
            places.append((match.start(), match.start() + len(address)))
    return places


def segments(
    text: str,
    marks: Sequence[Entity] = (),
    found: Iterable[Place] = (),
    linked: Iterable[Place] = (),
    limit: int = MAX_TEXT,
) -> list[Segment]:
    """`text` (cut at `limit`) in runs; overlapping entities share the runs that they have in common."""
    text = text[:limit]
    found, linked = list(found), list(linked)
    placed = [
        mark for mark in marks if mark.start is not None and mark.end is not None and mark.start < limit
    ]
    if not (placed or found or linked):
        return [Segment(shown(text))] if text else []
    cuts = {0, len(text)}
    for mark in placed:
        cuts.update((mark.start or 0, min(mark.end or 0, len(text))))
    for start, end in (*found, *linked):
        cuts.update((min(start, len(text)), min(end, len(text))))
    result = []
    edges = sorted(cuts)
    for start, end in pairwise(edges):
        covering = tuple(mark for mark in placed if (mark.start or 0) <= start and end <= (mark.end or 0))
        url = next((text[a:b] for a, b in linked if a <= start and end <= b), "")
        result.append(
            Segment(
                text=shown(text[start:end]),
                entities=covering,
                ends=tuple(mark for mark in covering if min(mark.end or 0, len(text)) == end),
                is_hit=any(a <= start and end <= b for a, b in found),
                url=url,
            )
        )
    return result


def find(phrases: Sequence[Phrase], text: str) -> list[Place]:
    """Where any of `phrases` stands in what a bubble shows of `text`: by the very rule of the search index."""
    if not phrases or not text:
        return []
    found = tokens(text[:MAX_TEXT])
    return [place for phrase in phrases for place in hits(found, phrase)]
