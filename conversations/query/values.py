"""Reads the values of one term: splits them at commas outside of quotes and reads each as its field's kind says."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator

from conversations.tokens import words

from . import dates
from .ast import Range, Span, Value, When, Word
from .fields import Field
from .lexer import Piece
from .mistakes import Mistake

_NUMBER = r"[0-9]{1,15}(?:\.[0-9]{1,9})?"
_COMPARED = re.compile(rf"(<=|>=|<|>)({_NUMBER})")
_BETWEEN = re.compile(rf"({_NUMBER})?\.\.({_NUMBER})?")
_SHORT_FORM = re.compile(r"(.*?)([<>].*)", re.DOTALL)
Report = Callable[[Mistake], None]


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
    if field.kind == "number":
        return _number(joined(pieces), span, report)
    if field.kind == "date":
        return _date(field, joined(pieces), span, report)
    if field.kind == "enum":
        return _enum(field, joined(pieces), span, report)
    if field.kind == "text":
        return text_word(pieces, span, report)
    if field.confidence and not pieces[-1].quoted and (short := _SHORT_FORM.fullmatch(pieces[-1].text)):
        return _with_confidence(field, joined(pieces[:-1]) + short[1], short[2], span, report)
    return Word(joined(pieces))


def text_word(pieces: tuple[Piece, ...], span: Span, report: Report) -> Word | None:
    """Words to search for; an unquoted `*` at the end makes the last one a beginning."""
    last = pieces[-1]
    prefix = not last.quoted and last.text.endswith("*")
    text = joined(pieces[:-1]) + (last.text.rstrip("*") if prefix else last.text)
    if not words(text):
        report(Mistake("nothing_to_search", span, {"value": joined(pieces)}))
        return None
    return Word(text, prefix)


def is_decimal_comma(before: Value, part: tuple[Piece, ...]) -> bool:
    """Whether `part` looks like the end of a confidence written `<0,6`."""
    short = isinstance(before, Word) and before.confidence is not None
    return short and len(part) == 1 and not part[0].quoted and part[0].text.isdecimal()


def as_number(text: str) -> float:
    return float(text) if "." in text and float(text) % 1 else int(text.partition(".")[0])


def _number(text: str, span: Span, report: Report) -> Range | None:
    found = _range(text)
    if found is None:
        report(Mistake("not_a_number", span, {"value": text}))
    elif any(isinstance(bound, float) for bound in (found.low, found.high)):
        report(Mistake("not_a_number", span, {"value": text}))
        return None
    elif found.low is not None and found.high is not None and found.low > found.high:
        report(Mistake("reversed", span, {"value": text}, suggestion=f"{found.high}..{found.low}"))
        return None
    return found


def _range(text: str) -> Range | None:
    if match := _COMPARED.fullmatch(text):
        bound = as_number(match[2])
        if match[1].startswith("<"):
            return Range(high=bound, high_open=match[1] == "<")
        return Range(low=bound, low_open=match[1] == ">")
    if re.fullmatch(_NUMBER, text):
        return Range(as_number(text), as_number(text))
    match = _BETWEEN.fullmatch(text)
    if not match or not (match[1] or match[2]):
        return None
    return Range(as_number(match[1]) if match[1] else None, as_number(match[2]) if match[2] else None)


def _with_confidence(field: Field, name: str, condition: str, span: Span, report: Report) -> Word | None:
    if not name:
        report(Mistake("confidence_name", span, {"example": field.example}))
        return None
    match = re.fullmatch(rf"(<=|>=|<|>)({_NUMBER})(%?)", condition)
    bound = as_number(match[2]) if match else None
    if match and match[3] and bound is not None:
        bound = as_number(f"{round(bound / 100, 9):.9f}")
    if not match or bound is None or bound > 1:
        report(Mistake("no_confidence", span))
        return None
    less = match[1].startswith("<")
    is_open = len(match[1]) == 1
    confidence = Range(high=bound, high_open=is_open) if less else Range(low=bound, low_open=is_open)
    return Word(name, confidence=confidence)


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
