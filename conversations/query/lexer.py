"""Cuts a query text into lexemes in one pass: parentheses, operator words, and chunks of plain and quoted pieces."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from .ast import Span
from .mistakes import Mistake

MINUS = "-\u2013\u2212"  # phones and word processors turn a typed minus into a dash
_QUOTES = '"\u201c\u201d\u201e'
_SPACE = re.compile(r"\s+")
_PLAIN = re.compile(rf"[^\s(){_QUOTES}]+")
_STRAIGHT = re.compile(r'"((?:[^"\\]|\\.)*)("?)', re.DOTALL)
_CURLY = re.compile(r'[\u201c\u201d\u201e]((?:[^"\u201c\u201d\\]|\\.)*)(["\u201c\u201d]?)', re.DOTALL)
_ESCAPE = re.compile(r'\\(["\\\u201c\u201d])')
_SEQUENCE = re.compile(r"(then|never|THEN|NEVER)(?:<(=?)(\d{1,4}))?")


@dataclass(frozen=True, slots=True)
class Piece:
    """Part of a chunk; `quoted` text is taken literally. Its quotes lie inside of `start` and `end`."""

    text: str
    quoted: bool
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Lexeme:
    kind: Literal["open", "close", "chunk", "or", "and", "not", "then", "never"]
    span: Span
    negated: bool = False
    pieces: tuple[Piece, ...] = ()
    within: int | None = None


def lex(text: str) -> tuple[list[Lexeme], list[Mistake]]:
    """The lexemes of `text`, and what was wrong with its quotes and minus signs. Linear in the text's length."""
    lexemes: list[Lexeme] = []
    mistakes: list[Mistake] = []
    at = 0
    while at < len(text):
        if space := _SPACE.match(text, at):
            at = space.end()
        elif text[at] == ")":
            lexemes.append(Lexeme("close", (at, at + 1)))
            at += 1
        elif text[at] == "(" or (text[at] in MINUS and text[at + 1 : at + 2] == "("):
            end = text.index("(", at) + 1
            lexemes.append(Lexeme("open", (at, end), negated=end - at > 1))
            at = end
        else:
            lexeme, at = _chunk(text, at, mistakes)
            if lexeme:
                lexemes.append(lexeme)
    return lexemes, mistakes


def _chunk(text: str, start: int, mistakes: list[Mistake]) -> tuple[Lexeme | None, int]:
    at = start
    pieces: list[Piece] = []
    while at < len(text):
        if plain := _PLAIN.match(text, at):
            pieces.append(Piece(plain.group(), False, at, plain.end()))
            at = plain.end()
        elif text[at] in _QUOTES:
            quoted = (_STRAIGHT if text[at] == '"' else _CURLY).match(text, at)
            if not quoted or not quoted.group(2):
                mistakes.append(Mistake("open_quote", (at, len(text))))
                return None, len(text)
            pieces.append(Piece(_ESCAPE.sub(r"\1", quoted.group(1)), True, at, quoted.end()))
            at = quoted.end()
        else:
            break
    span = (start, at)
    if operator := _operator(pieces, span):
        return operator, at
    negated = not pieces[0].quoted and pieces[0].text[0] in MINUS
    if negated:
        rest = Piece(pieces[0].text[1:], False, start + 1, pieces[0].end)
        pieces = ([rest] if rest.text else []) + pieces[1:]
        if not pieces:
            mistakes.append(Mistake("lonely_minus", span))
            return None, at
    return Lexeme("chunk", span, negated, tuple(pieces)), at


def _operator(pieces: list[Piece], span: Span) -> Lexeme | None:
    if len(pieces) != 1 or pieces[0].quoted:
        return None
    word = pieces[0].text
    if word == "OR":
        return Lexeme("or", span)
    if word == "AND":
        return Lexeme("and", span)
    if word == "NOT":
        return Lexeme("not", span)
    if match := _SEQUENCE.fullmatch(word):
        within = int(match[3]) + (1 if match[2] else 0) if match[3] else None
        return Lexeme("then" if match[1].lower() == "then" else "never", span, within=within)
    return None
