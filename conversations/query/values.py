"""Reads the values of one term: splits them at commas outside of quotes and reads each as its field's kind says."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator

from conversations.tokens import words

from . import dates, measures
from .ast import Range, Span, Special, Value, When, Word
from .field import Field
from .lexer import Piece
from .measures import Report
from .mistakes import Mistake

_SHORT_FORM = re.compile(r"(.*?)([<>].*)", re.DOTALL)


def split(pieces: tuple[Piece, ...]) -> Iterator[tuple[Piece, ...]]:
    """The values of `a,"b,c",d`, each as its pieces."""
    value: list[Piece] = []
    for piece in pieces:
        if piece.quoted:
            value.append(piece)
            continue
        start = piece.start
        for index, part in enumerate(piece.text.split(",")):
            if index:
                yield tuple(value)
                value = []
            if part:
                value.append(Piece(part, False, start, start + len(part)))
            start += len(part) + 1
    yield tuple(value)


def joined(pieces: tuple[Piece, ...]) -> str:
    return "".join(piece.text for piece in pieces)


def read(field: Field, pieces: tuple[Piece, ...], span: Span, report: Report) -> Value | None:
    """One value of `field`, or None after a report of what is wrong with it."""
    value: Value | None
    match field.kind:
        case "number" | "confidence" | "duration" | "time":
            value = measures.read(field, joined(pieces), span, report)
        case "date":
            value = _date(field, joined(pieces), span, report)
        case "enum":
            value = _enum(field, joined(pieces), span, report)
        case "text":
            value = text_word(pieces, span, report)
        case "slot":
            value = _slot(pieces, span, report)
        case _:
            value = _name(field, pieces, span, report)
    return value


def text_word(pieces: tuple[Piece, ...], span: Span, report: Report) -> Word | None:
    """Words to search for; an unquoted `*` at the end makes the last one a beginning."""
    last = pieces[-1]
    prefix = not last.quoted and last.text.endswith("*")
    text = joined(pieces[:-1]) + (last.text.rstrip("*") if prefix else last.text)
    if not words(text):
        report(Mistake("nothing_to_search", span, {"value": joined(pieces)}))
        return None
    return Word(text, prefix)


def comma_mistake(field: Field, before: Value, part: tuple[Piece, ...], span: Span) -> Mistake | None:
    """What is wrong with `part` directly after the value `before` and a comma, if anything."""
    decimal = len(part) == 1 and not part[0].quoted and part[0].text.rstrip("%").isdecimal()
    if isinstance(before, Word):
        if decimal and before.confidence is not None:
            return Mistake("confidence_comma", span)
        names_slot = any("=" in piece.text for piece in part if not piece.quoted)
        if field.kind == "slot" and before.equals is not None and not names_slot:
            # One would read it as another value of the slot, the other as another slot.
            plain = re.fullmatch(r"[\w-]+", before.text) and not part[0].quoted
            suggestion = f"{before.text}={joined(part)}" if plain else None
            return Mistake("slot_comma", span, {"slot": before.text}, suggestion)
    elif decimal and field.kind == "confidence" and isinstance(before, Range):
        bound = before.low if before.high is None else before.high if before.low is None else None
        if bound in (0, 1):
            return Mistake("confidence_comma", span)
    return None


def _slot(pieces: tuple[Piece, ...], span: Span, report: Report) -> Word | None:
    """`name` or `name=value`; quotes take `=` literally."""
    for index, piece in enumerate(pieces):
        if piece.quoted:
            continue
        name, equals, value = piece.text.partition("=")
        if re.search("[<>]", name if equals else piece.text):
            report(Mistake("slot_compared", span))
            return None
        if equals:
            before, after = joined(pieces[:index]) + name, value + joined(pieces[index + 1 :])
            if not before or not (after or pieces[index + 1 :]):
                report(Mistake("slot_value", span))
                return None
            return Word(before, equals=after)
    return Word(joined(pieces))


def _name(field: Field, pieces: tuple[Piece, ...], span: Span, report: Report) -> Word | Special | None:
    text = joined(pieces)
    literal = pieces[-1].quoted
    if not literal and field.confidence and (short := _SHORT_FORM.fullmatch(pieces[-1].text)):
        name = joined(pieces[:-1]) + short[1]
        if not name:
            report(Mistake("confidence_name", span, {"example": field.example}))
            return None
        before = short[1] if len(pieces) == 1 else ""  # a suggestion cannot say quotes again
        confidence = measures.confidence(before, short[2], span, report)
        return Word(name, confidence=confidence) if confidence else None
    if not literal and len(pieces) == 1 and text.lower() in dict(field.specials):
        return Special(text.lower())  # type: ignore[arg-type]  # the table of fields has no other
    if field.kind == "id" and not text:
        report(Mistake("missing_value", span, {"field": field.name, "example": field.example}))
        return None
    if field.kind == "person" and not literal and text.lower() == "nobody":
        report(Mistake("no_nobody", span))
        return None
    return Word(text)


def _date(field: Field, text: str, span: Span, report: Report) -> When | None:
    text = text.lower()
    try:
        dates.check(text)
    except dates.BadDate as problem:
        suggestion = None
        if problem.code == "not_a_date":
            suggestion = close(text, dates.WORDS)
        elif problem.code == "reversed":
            first, _, last = text.partition("..")
            suggestion = f"{last}..{first}"
        report(Mistake(problem.code, span, {"value": text, "field": field.name}, suggestion))
        return None
    return When(text)


def _enum(field: Field, text: str, span: Span, report: Report) -> Word | None:
    known = [name for name, _ in field.values]
    if text.lower() in known:
        return Word(text.lower())
    params = {"field": field.name, "values": ", ".join(known), "value": text}
    report(Mistake("unknown_value", span, params, close(text.lower(), known)))
    return None


def close(word: str, known: list[str] | tuple[str, ...]) -> str | None:
    """The known word that `word` is probably a slip of."""
    matches = difflib.get_close_matches(word[:40], known, n=1, cutoff=0.6)
    return matches[0] if matches else None
