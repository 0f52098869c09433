"""Reads a query. Never raises on what a person types: what is wrong is explained, and never widens the result."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Literal, cast

from . import values
from .ast import Group, Item, Or, Query, Sequence, Setting, Span, Term, Text, Value, Word
from .field import MEASURED
from .fields import FIELDS, SETTINGS, SORTS, Field, find, is_turn
from .lexer import Lexeme, Piece, lex
from .mistakes import Mistake, Parsed

MAX_LENGTH = 10_000
MAX_CONDITIONS = 100
MAX_SAMPLE = 1_000
MAX_MISTAKES = 20  # told at once; the first of them is where to begin

FIELD_NAME = re.compile(r"([^\W\d][\w-]*):(?!//)")
_MISSING_COLON = re.compile(r"([^\W\d][\w-]*)([<>=].*)", re.DOTALL)
_MISSHAPEN = re.compile(r"(then|never|THEN|NEVER)[<>=].*", re.DOTALL)
_CONFIDENCES = {"intent": "conf", "action": "action-conf"}  # what `intent<0.6` is probably about
_EXAMPLES = {"sort": "sort:oldest", "sample": "sample:50", "in": "in:conversation"}
_FORBIDDEN = re.compile("[\x00\ud800-\udfff]")

Simple = Term | Text | Group


def parse(text: str, fields: Mapping[str, Field] = FIELDS) -> Parsed:
    """The query that `text` means, and its mistakes. Never raises; linear in the length of `text`.

    A query with a mistake that is more than a warning is `impossible`: it matches nothing.
    """
    return _Parser(text, fields).query()


class _Parser:
    def __init__(self, text: str, fields: Mapping[str, Field]) -> None:
        self.text = text
        self.fields = fields
        self.mistakes: list[Mistake] = []
        self.settings: dict[str, Setting] = {}
        self.conditions = 0
        self.lexemes: list[Lexeme] = []
        self.at = 0

    def query(self) -> Parsed:
        items: list[Item] = []
        if len(self.text) > MAX_LENGTH:
            params = {"limit": f"{MAX_LENGTH}", "length": f"{len(self.text)}"}
            self.report(Mistake("too_long", (MAX_LENGTH, len(self.text)), params))
        elif bad := _FORBIDDEN.search(self.text):
            self.report(Mistake("bad_character", bad.span()))
        else:
            self.lexemes, self.mistakes = lex(self.text)
            items = self.items()
        impossible = any(not mistake.warning for mistake in self.mistakes)
        settings = tuple(self.settings[name] for name in SETTINGS if name in self.settings)
        query = Query(tuple(items), settings, impossible, self.text)
        # Warnings give way, so that an impossible query always says why.
        told = sorted(self.mistakes, key=lambda mistake: mistake.warning)[:MAX_MISTAKES]
        return Parsed(query, tuple(sorted(told, key=lambda mistake: mistake.span)))

    def report(self, mistake: Mistake) -> None:
        self.mistakes.append(mistake)

    def peek(self) -> Lexeme | None:
        return self.lexemes[self.at] if self.at < len(self.lexemes) else None

    def items(self) -> list[Item]:
        items: list[Item] = []
        before: Item | None = None  # what stands directly to the left, None if it was wrong or is a setting
        while lexeme := self.peek():
            if self.conditions > MAX_CONDITIONS:
                break
            if lexeme.kind in ("then", "never"):
                self.at += 1
                before = self.sequence(lexeme, before)
                if before and items:
                    items[-1] = before
            elif lexeme.kind == "or":
                self.at += 1
                self.or_outside(lexeme)
                before = None
            elif lexeme.kind == "close":
                self.at += 1
                self.report(Mistake("close_parenthesis", lexeme.span))
                before = None
            elif lexeme.kind in ("and", "not"):
                self.at += 1
                self.word_operator(lexeme)
            else:
                before = self.primary(0)
                if before:
                    items.append(before)
        if self.conditions > MAX_CONDITIONS:
            self.report(Mistake("too_many", (0, len(self.text)), {"limit": f"{MAX_CONDITIONS}"}))
        return items

    def word_operator(self, lexeme: Lexeme) -> None:
        self.report(Mistake(f"{lexeme.kind}_word", lexeme.span, warning=lexeme.kind == "and"))

    def or_outside(self, lexeme: Lexeme) -> None:
        """Suggests the parentheses where both neighbours are plain conditions."""
        left = self.lexemes[self.at - 2] if self.at > 1 else None
        right = self.peek()
        if left and right and left.kind == right.kind == "chunk":
            span = (left.span[0], right.span[1])
            suggestion = f"({self.text[slice(*left.span)]} OR {self.text[slice(*right.span)]})"
            self.report(Mistake("or_outside", span, suggestion=suggestion))
        else:
            self.report(Mistake("or_outside", lexeme.span))

    def sequence(self, lexeme: Lexeme, left: Item | None) -> Item | None:
        word = {"word": self.text[slice(*lexeme.span)]}
        following = self.peek()
        if lexeme.within is not None and lexeme.within < 2:
            self.report(Mistake("sequence_turns", lexeme.span, {"word": lexeme.kind}, f"{lexeme.kind}<2"))
        if left is None or following is None or following.kind not in ("chunk", "open"):
            self.report(Mistake("sequence_side", lexeme.span, word))
            return None
        told = len(self.mistakes)
        right = self.primary(0)
        if right is None:
            if len(self.mistakes) == told:  # a setting
                self.report(Mistake("sequence_side", lexeme.span, word))
            return None
        mistake = (
            Mistake("sequence_chain", lexeme.span)
            if isinstance(left, Sequence)
            else self.sequence_side(left, word) or self.sequence_side(right, word)
        )
        if mistake:
            self.report(mistake)
            return None
        span = (left.span[0], right.span[1])
        kind: Literal["then", "never"] = "then" if lexeme.kind == "then" else "never"
        return Sequence(kind, cast("Simple", left), cast("Simple", right), lexeme.within, span)

    def sequence_side(self, side: Simple | Or, word: dict[str, str]) -> Mistake | None:
        """Why `side` cannot stand beside then or never."""
        if isinstance(side, Or):
            return Mistake("sequence_or", side.span, word)
        if side.negated:
            return Mistake("sequence_negated", side.span, word)
        if isinstance(side, Term) and not is_turn(side, self.fields):
            return Mistake("sequence_session", side.span, {"what": self.about_session(side)})
        return None

    def about_session(self, term: Term) -> str:
        """What of a term is about the whole session: its field, or one of its values."""
        named = [value.text for value in term.values if isinstance(value, Word)]
        return f"{term.field}:" + next((v for v in named if v in self.fields[term.field].session_values), "")

    def primary(self, depth: int) -> Simple | Or | None:
        return self.group(depth) if self.lexemes[self.at].kind == "open" else self.chunk(depth)

    def group(self, depth: int) -> Simple | Or | None:
        """Parentheses; at most two deep, so the recursion is."""
        opened = self.lexemes[self.at]
        if depth > 1:
            self.skip_deep(opened)
            return None
        self.at += 1
        sides: list[list[Simple | Or]] = [[]]
        sound = True
        while (lexeme := self.peek()) and lexeme.kind != "close":
            if lexeme.kind in ("chunk", "open"):
                if inner := self.primary(depth + 1):
                    sides[-1].append(inner)
                else:
                    sound = False
                continue
            self.at += 1
            if lexeme.kind == "or":
                sides.append([])
            elif lexeme.kind in ("and", "not"):
                self.word_operator(lexeme)
            else:
                sound = False
                self.report(Mistake("sequence_inside", lexeme.span, {"word": self.text[slice(*lexeme.span)]}))
        if lexeme is None:
            self.report(Mistake("open_parenthesis", opened.span))
            return None
        self.at += 1
        if not sound:
            return None
        span = (opened.span[0], lexeme.span[1])
        if len(sides) == 1:
            return self.same_turn(sides[0], opened.negated, span)
        return self.alternatives(sides, opened.negated, span)

    def skip_deep(self, opened: Lexeme) -> None:
        level = 0
        while lexeme := self.peek():
            self.at += 1
            level += {"open": 1, "close": -1}.get(lexeme.kind, 0)
            if not level:
                break
        self.report(Mistake("too_deep", opened.span))

    def same_turn(self, terms: list[Simple | Or], negated: bool, span: Span) -> Simple | Or | None:
        if not terms:
            self.report(Mistake("empty_group", span))
            return None
        if len(terms) == 1 and (isinstance(terms[0], Group | Or) or not terms[0].negated):
            return replace(terms[0], negated=terms[0].negated != negated, span=span)
        for term in terms:
            if isinstance(term, Group | Or):
                self.report(Mistake("too_deep", term.span))
                return None
            if isinstance(term, Term) and not is_turn(term, self.fields):
                self.report(Mistake("session_in_group", term.span, {"what": self.about_session(term)}))
                return None
        return Group(tuple(cast("list[Term | Text]", terms)), negated, span)

    def alternatives(self, sides: list[list[Simple | Or]], negated: bool, span: Span) -> Or | None:
        found: list[Simple] = []
        for side in sides:
            if len(side) != 1:
                self.report(Mistake("or_side", (side[0].span[0], side[-1].span[1]) if side else span))
                return None
            if isinstance(side[0], Or):
                self.report(Mistake("nested_or", side[0].span))
                return None
            found.append(side[0])
        return Or(tuple(found), negated, span)

    def chunk(self, depth: int) -> Term | Text | None:
        lexeme = self.lexemes[self.at]
        self.at += 1
        first = lexeme.pieces[0]
        named = None if first.quoted else FIELD_NAME.match(first.text)
        if not named:
            return self.bare(lexeme)
        name = named[1]
        rest = Piece(first.text[named.end() :], False, first.start + named.end(), first.end)
        pieces = ((rest,) if rest.text else ()) + lexeme.pieces[1:]
        if name.lower() in SETTINGS:
            self.setting(name.lower(), lexeme, values.joined(pieces), depth)
            return None
        field = find(name, self.fields)
        if field is None:
            self.unknown_field(name, first.start)
            return None
        if not pieces:
            self.missing_value(field, lexeme)
            return None
        return self.term(field, pieces, lexeme)

    def bare(self, lexeme: Lexeme) -> Text | None:
        first = lexeme.pieces[0]
        if not first.quoted and (match := _MISSING_COLON.fullmatch(first.text)):
            field = find(match[1], self.fields)
            if field and (match[2][0] == "=" or field.kind in MEASURED or field.confidence):
                self.missing_colon(field, match[2], lexeme)
                return None
        if not first.quoted and (match := _MISSHAPEN.fullmatch(first.text)):
            self.report(Mistake("sequence_turns", lexeme.span, {"word": match[1].lower()}))
            return None
        self.conditions += 1
        word = values.text_word(lexeme.pieces, lexeme.span, self.report)
        return Text(word, lexeme.negated, lexeme.span) if word else None

    def missing_value(self, field: Field, lexeme: Lexeme) -> None:
        """Suggests the word behind the blank, which is often meant."""
        following = self.peek()
        span, suggestion = lexeme.span, None
        if following and following.kind == "chunk" and not following.negated:
            plain = following.pieces[0].quoted or not FIELD_NAME.match(following.pieces[0].text)
            if plain and self.text[span[1] : following.span[0]].isspace():
                suggestion = self.text[slice(*span)] + self.text[slice(*following.span)]
                span = (span[0], following.span[1])
        params = {"field": field.name, "example": field.example}
        self.report(Mistake("missing_value", span, params, suggestion))

    def missing_colon(self, field: Field, rest: str, lexeme: Lexeme) -> None:
        name, rest = field.name, rest.lstrip("=")
        if field.confidence and rest[:1] in ("<", ">"):
            name = _CONFIDENCES.get(name, name)
        suggestion = f"{'-' * lexeme.negated}{name}:{rest}" if rest and len(lexeme.pieces) == 1 else None
        self.report(Mistake("missing_colon", lexeme.span, {"field": name}, suggestion))

    def unknown_field(self, name: str, start: int) -> None:
        known = [*self.fields, *(alias for row in self.fields.values() for alias in row.aliases), *SETTINGS]
        near = values.close(name.lower(), known) if len(self.mistakes) < MAX_MISTAKES else None
        suggestion = f"{near}:" if near else None
        self.report(Mistake("unknown_field", (start, start + len(name) + 1), {"name": name}, suggestion))

    def term(self, field: Field, pieces: tuple[Piece, ...], lexeme: Lexeme) -> Term | None:
        found: list[Value] = []
        sound = True
        parts = list(values.split(pieces))
        if self.of_another(field, parts, lexeme):
            return None
        for part in parts:
            if not part:
                continue
            self.conditions += 1
            if self.conditions > MAX_CONDITIONS:
                return None
            span = (part[0].start, part[-1].end)
            if found and (mistake := values.comma_mistake(field, found[-1], part, span)):
                self.report(mistake)
                sound = False
            elif (value := values.read(field, part, span, self.report)) is not None:
                found.append(value)
            else:
                sound = False
        if not all(parts):
            # A comma too many cannot widen: the values beside it are what was asked for.
            self.report(Mistake("empty_value", lexeme.span, warning=any(parts)))
        return Term(field.name, tuple(found), lexeme.negated, lexeme.span) if sound and found else None

    def of_another(self, field: Field, parts: list[tuple[Piece, ...]], lexeme: Lexeme) -> bool:
        """Reports `is:unread`, whose value is known, but in another field."""
        value = values.joined(parts[0]).lower()
        if field.kind != "enum" or len(parts) > 1 or value in dict(field.values):
            return False
        other = next((row for row in self.fields.values() if value in dict(row.values)), None)
        if other is None:
            return False
        params = {"field": field.name, "values": ", ".join(dict(field.values)), "value": value}
        suggestion = f"{'-' * lexeme.negated}{other.name}:{value}"
        self.report(Mistake("unknown_value", lexeme.span, params, suggestion))
        return True

    def setting(self, name: str, lexeme: Lexeme, value: str, depth: int) -> None:
        value = value.lower()
        problem: Mistake | None = None
        if depth:
            problem = Mistake("setting_inside", lexeme.span, {"field": name})
        elif lexeme.negated:
            problem = Mistake("setting_negated", lexeme.span, {"field": name})
        elif name in self.settings:
            problem = Mistake("setting_twice", lexeme.span, {"field": name})
        elif not value:
            problem = Mistake("missing_value", lexeme.span, {"field": name, "example": _EXAMPLES[name]})
        elif name == "sample":
            if not re.fullmatch(r"[1-9][0-9]{0,3}", value) or int(value) > MAX_SAMPLE:
                problem = Mistake("sample_size", lexeme.span, {"limit": f"{MAX_SAMPLE}"})
        else:
            known = [sort for sort, _ in SORTS] if name == "sort" else ["conversation"]
            if value not in known:
                near = values.close(value, known)
                params = {"field": name, "values": ", ".join(known), "value": value}
                suggestion = f"{name}:{near}" if near else None
                problem = Mistake("unknown_value", lexeme.span, params, suggestion)
        if problem:
            self.report(problem)
            return
        self.settings[name] = Setting(name, value, lexeme.span)  # type: ignore[arg-type]
