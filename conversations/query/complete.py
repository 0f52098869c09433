"""What is being typed at the caret, and how a suggestion goes into the text.

`complete` says what stands at the caret and offers what the language itself knows; with `lookup`, the caller looks up
the values of `field` that begin with `prefix` (for a slot's value: of the slot `slot`; without a field: of any) and
makes them offers with `found`. `apply` puts one in. Positions are code points.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from . import offers, values
from .ast import Group, Span, Term, Text, Word
from .explain_dates import Ngettext, english_plural
from .field import MEASURED, Field
from .fields import FIELDS, SETTINGS, find, is_turn
from .lexer import Lexeme, Piece, lex
from .mistakes import Translate
from .offers import Offer
from .parser import FIELD_NAME, MAX_LENGTH, parse
from .render import quote, render_value

_QUOTED = r'"(?:[^"\\]|\\.)*"'
_WORD_END = re.compile(r'[^\s():,"\u201c\u201d\u201e]*')
_VALUE_END = re.compile(rf'(?:[^\s(),"\u201c\u201d\u201e]|{_QUOTED})*', re.DOTALL)
_UP_TO_SIGN = re.compile(r'[^\s(),<>="\u201c\u201d\u201e]*')
_QUOTE_END = re.compile(r'(?:[^"\\]|\\.)*"(?=[\s(),<>*]|$)', re.DOTALL)
_CHUNK_END = re.compile(rf'(?:[^\s()"]|{_QUOTED})*', re.DOTALL)
_NEXT = re.compile(
    r"\s*(?:(?P<close>\)|$)|(?P<either>OR(?=[\s(]|$))|(?P<order>(?:then|never|THEN|NEVER)(?=[\s(<]|$))|(?P<more>.))",
    re.DOTALL,
)
_SETTING = re.compile(r"(?:^|[\s)])(sort|sample|in):", re.IGNORECASE)
_POINT_END = re.compile(r'(?:(?!\.\.)[^\s(),<>"\u201c\u201d\u201e])*')
_POINT = re.compile(r"(<=|>=|<|>|.*\.\.)(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Completion:
    """What is typed at the caret.

    `kind`: "field" (a bare word so far: a field, an operator, or text), "value" (of `field`; "any" for quoted text),
    "measure" (a number, confidence, length or time), "date", "setting" (a value of `field`), "none".
    `span`: what an offer takes the place of. `taken`: values that stand in the same term already, as written.
    `turn_only`: only what is true of a turn may stand here.
    """

    kind: Literal["field", "value", "measure", "date", "setting", "none"]
    prefix: str
    span: Span
    field: str = ""
    slot: str = ""
    lookup: bool = False
    negated: bool = False
    inside_group: bool = False
    turn_only: bool = False
    taken: tuple[str, ...] = ()
    offers: tuple[Offer, ...] = ()


def complete(
    text: str,
    caret: int,
    gettext: Translate = str,
    ngettext: Ngettext = english_plural,
    fields: Mapping[str, Field] = FIELDS,
) -> Completion:
    """What is being typed at `caret`. Never raises; linear in the length of `text`."""
    caret = max(0, min(caret, len(text)))
    if len(text) > MAX_LENGTH:
        return Completion("none", "", (caret, caret))
    here = _Here(text, caret)
    found = _named(here, fields) or _bare(here)
    found = replace(found, negated=here.negated, inside_group=here.depth > 0, turn_only=here.turn_only)
    words = offers.Words(gettext, ngettext, fields)
    if found.kind == "field":
        return replace(found, offers=tuple(words.starts(found.prefix, here.place(fields))))
    if found.kind == "setting":
        return replace(found, offers=tuple(words.settings(found.field, found.prefix)))
    field = fields.get(found.field)
    if field is None or found.kind == "none":
        return found
    if found.kind == "value":
        return replace(found, offers=tuple(words.values(field, found.prefix, found.taken, here.turn_only)))
    before = text[here.value_start : found.span[0]]
    return replace(found, offers=tuple(words.measures(field, before, found.prefix)))


def found(completion: Completion, field: str, value: str, help_text: str = "") -> Offer:
    """A value that was looked up, as an offer; a bare word becomes a whole term `field:value`."""
    if completion.kind == "field":
        return Offer("term", f"{field}:{render_value(Word(value), field)}", value, help_text)
    text = quote(Word(value)) if completion.slot else render_value(Word(value), field)
    return Offer("value", text, value, help_text)


def apply(text: str, completion: Completion, chosen: Offer | str) -> tuple[str, int]:
    """The text with an offer (a str: the name of a value) in its place, and where the caret is then."""
    offer = found(completion, completion.field, chosen) if isinstance(chosen, str) else chosen
    start, end = completion.span
    before, after = text[:start], text[end:]
    if offer.kind in ("field", "setting"):
        after = after.removeprefix(":")
        return before + offer.text + after, start + len(offer.text)
    caret = start + len(offer.text)
    if after.startswith((")", ",", "<", ">", "=", "..")):  # the term goes on, or its parentheses end
        return before + offer.text + after, caret
    return f"{before}{offer.text}{'' if after[:1].isspace() else ' '}{after}", caret + 1


class _Here:
    """The chunk of text at the caret and what stands around it."""

    def __init__(self, text: str, caret: int) -> None:
        self.text = text
        self.caret = caret
        lexemes, mistakes = lex(text[:caret])
        self.in_quote = bool(mistakes) and mistakes[-1].code == "open_quote"
        if self.in_quote:
            escaping = (caret - len(text[:caret].rstrip("\\"))) % 2
            lexemes, mistakes = lex(text[:caret] + '\\"' if escaping else text[:caret] + '"')
        self.pieces: tuple[Piece, ...] = ()
        self.negated = (
            bool(mistakes) and mistakes[-1].code == "lonely_minus" and mistakes[-1].span[1] == caret
        )
        self.start = caret
        if lexemes and lexemes[-1].span[1] >= caret and lexemes[-1].kind not in ("open", "close"):
            typed = lexemes.pop()
            self.negated = typed.negated
            self.start = typed.span[0] + typed.negated
            self.pieces = typed.pieces or (Piece(text[self.start : caret], False, self.start, caret),)
        self.before = lexemes
        self.value_start = caret
        end = _CHUNK_END.match(text, caret)
        following = _NEXT.match(text, end.end() if end else caret)
        self.following = following.lastgroup if following else None
        self._group()

    def _group(self) -> None:
        """How deep in parentheses the caret is, and how many conditions stand on its side of an OR there."""
        counts = [0]
        for lexeme in self.before:
            if lexeme.kind == "open":
                counts[-1] += 1
                counts.append(0)
            elif lexeme.kind == "close":
                if len(counts) > 1:
                    counts.pop()
            elif lexeme.kind == "or":
                counts[-1] = 0
            elif lexeme.kind == "chunk":
                counts[-1] += 1
        self.depth = len(counts) - 1
        self.mates = counts[-1]

    @property
    def previous(self) -> Lexeme | None:
        return self.before[-1] if self.before else None

    @property
    def turn_only(self) -> bool:
        if self.depth:
            return self.depth > 1 or self.mates > 0 or self.following in ("more", "order")
        beside = self.previous is not None and self.previous.kind in ("then", "never")
        return beside or self.following == "order"

    def place(self, fields: Mapping[str, Field]) -> offers.Place:
        """What else than a field may stand here."""
        bare = not self.negated
        return offers.Place(
            turn_only=self.turn_only,
            settings=tuple(self._settings_left()) if bare and not self.depth and not self.turn_only else (),
            either=bare and self.depth == 1 and self.mates == 1,
            order=bare and not self.depth and self._may_be_followed(fields),
        )

    def _settings_left(self) -> list[str]:
        named = {match.lower() for match in _SETTING.findall(self.text)}
        return [name for name in SETTINGS if name not in named]

    def _may_be_followed(self, fields: Mapping[str, Field]) -> bool:
        """Whether then or never may come after what stands before the caret."""
        items = parse(self.text[: self.start], fields).query.items
        if not items or self.previous is None or items[-1].span[1] != self.previous.span[1]:
            return False
        item = items[-1]
        if not isinstance(item, Term | Text | Group) or item.negated:
            return False
        return isinstance(item, Group) or is_turn(item, fields)


def _bare(here: _Here) -> Completion:
    prefix = values.joined(here.pieces)
    if any(piece.quoted for piece in here.pieces):
        return Completion("value", prefix, (here.start, _end(here, _VALUE_END)), "any", lookup=True)
    return Completion("field", prefix, (here.start, _end(here, _WORD_END)), lookup=bool(prefix))


def _named(here: _Here, fields: Mapping[str, Field]) -> Completion | None:
    """What is typed behind `field:`; None if there is no field."""
    first = here.pieces[0] if here.pieces else None
    named = FIELD_NAME.match(first.text) if first and not first.quoted else None
    if first is None or named is None:
        return None
    rest = Piece(first.text[named.end() :], False, first.start + named.end(), first.end)
    pieces = ((rest,) if rest.text else ()) + here.pieces[1:]
    parts = list(values.split(pieces))
    last = parts.pop()
    taken = tuple(values.joined(part) for part in parts if part)
    here.value_start = start = last[0].start if last else here.caret
    prefix = values.joined(last)
    name = named[1].lower()
    field = find(name, fields)
    if name in SETTINGS:
        return Completion("setting", prefix, (start, _end(here, _VALUE_END)), name)
    if field is None:
        return Completion("none", prefix, (start, _end(here, _VALUE_END)))
    if field.kind in MEASURED:
        kept = len(point[1]) if (point := _POINT.fullmatch(prefix)) else 0
        kind: Literal["date", "measure"] = "date" if field.kind == "date" else "measure"
        return Completion(
            kind, prefix[kept:], (start + kept, _end(here, _POINT_END)), field.name, taken=taken
        )
    return _value(here, field, last, taken)


def _value(here: _Here, field: Field, last: tuple[Piece, ...], taken: tuple[str, ...]) -> Completion:
    """A name or text being typed, the value behind a slot's `=`, or the confidence behind a name."""
    plain = [(index, piece) for index, piece in enumerate(last) if not piece.quoted]
    if field.kind == "slot":
        for index, piece in plain:
            slot, equals, value = piece.text.partition("=")
            if equals:
                slot = values.joined(last[:index]) + slot
                prefix = value + values.joined(last[index + 1 :])
                span = (piece.start + piece.text.index("=") + 1, _end(here, _VALUE_END))
                return Completion("value", prefix, span, field.name, slot, lookup=True, taken=taken)
    if field.confidence and plain and plain[-1][1] is last[-1] and (sign := re.search("[<>]", last[-1].text)):
        span = (last[-1].start + sign.start(), _end(here, _VALUE_END))
        return Completion("measure", last[-1].text[sign.start() :], span, field.name, taken=taken)
    has_tail = field.confidence or field.kind == "slot"
    span = (here.value_start, _end(here, _UP_TO_SIGN if has_tail else _VALUE_END))
    lookup = field.kind in ("name", "slot", "person", "text")
    return Completion("value", values.joined(last), span, field.name, lookup=lookup, taken=taken)


def _end(here: _Here, pattern: re.Pattern[str]) -> int:
    """Where what is typed ends, right of the caret."""
    closed = _QUOTE_END.match(here.text, here.caret) if here.in_quote else None
    found = closed or (_WORD_END if here.in_quote else pattern).match(here.text, here.caret)
    return found.end() if found else here.caret
