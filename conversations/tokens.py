"""The words of a message, for search and highlighting: one pure function behind both databases.

Case, accents and width are folded, invisible characters removed; scripts that are written without spaces (and
Hangul, whose particles stick to the word) become bigrams; an emoji is a word. Everything else separates.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import accumulate
from operator import add
from typing import NamedTuple

LONGEST = 64  # code points of a token; what is longer is cut
MESSAGE_WORDS = 10_000  # words of one message that are searchable; positions end at 16,383 in PostgreSQL
MESSAGE_BYTES = 900_000  # of these words: a tsvector ends at 1 MB, positions included
# A character under more marks than this is decoration, and normalising takes time by the square of their number.
_PILE = 256
_MARKS_KEPT = 8

_ASCII = re.compile(rf"([a-z0-9]{{1,{LONGEST}}})[a-z0-9]*")

# Accents that may go without changing the letter: generic combining marks, Hebrew points, Arabic vowel signs, Syriac.
# The marks of Indic and South-East Asian scripts are vowels: they stay.
_DROPPED_MARKS = (
    "\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f"
    "\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7"
    "\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed\u08ca-\u08e1\u08e3-\u08ff"
    "\u0711\u0730-\u074a\u180b-\u180f\U000e0100-\U000e01ef"
)
_INVISIBLE_LETTERS = "\u0640\u115f\u1160\u3164\uffa0"  # Arabic stretching, Hangul fillers
_NO_DECOMPOSITION = {
    "\u0131": "i", "\u00f8": "o", "\u0142": "l", "\u0111": "d", "\u0127": "h", "\u0167": "t", "\u00e6": "ae", "\u0153": "oe",
}  # fmt: skip
# Cyrillic letters of their own right, although Unicode can take them apart (unlike \u0451, which is often written \u0435).
_WHOLE_LETTERS = frozenset("\u0439\u0457\u045e\u0453\u045c")

_EMOJI = "\u231a\u231b\u23e9-\u23f3\u2600-\u27bf\u2b05-\u2b55\U0001f000-\U0001f3fa\U0001f400-\U0001faff"
_SKIN = "\U0001f3fb-\U0001f3ff"
_FLAG = "[\U0001f1e6-\U0001f1ff]{2}"
# Han, kana, bopomofo, Hangul; Thai, Lao, Myanmar, Khmer.
_UNSPACED = (
    "\u3005-\u3007\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u3105-\u312f\u31a0-\u31bf\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
    "\u1100-\u11ff\ua960-\ua97f\uac00-\ud7ff"
    "\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0ecf\u0edc-\u0edf\u1000-\u103f\u1050-\u108f\u109a-\u109f\uaa60-\uaa7f\u1780-\u17dd"
)


class Token(NamedTuple):
    """A word as it is searched, and where it stands: code points `start` to `end` of the message."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Phrase:
    """What a search text asks for: these words next to each other; with `prefix` the last may be a beginning."""

    words: tuple[str, ...]
    prefix: bool = False


def words(text: str) -> list[str]:
    """The words of a message in their order, as they are indexed. Never raises; linear in the text's length."""
    if text.isascii():
        return _ASCII.findall(text.lower())
    return _cut(_fold(text))


def line(text: str) -> str:
    """The words of a message as far as they are searchable, a blank before, between and behind them; empty without any.

    So that a word, a phrase or a beginning within one message is found by comparing texts.
    """
    found = words(text)
    if not found:
        return ""
    if len(found) * 4 * LONGEST > MESSAGE_BYTES:
        found = found[:MESSAGE_WORDS]
        fitting = sum(size <= MESSAGE_BYTES for size in accumulate(len(word.encode()) for word in found))
        found = found[:fitting]
    return f" {' '.join(found)} "


def tokens(text: str) -> list[Token]:
    """The same words with their places in `text`."""
    if text.isascii():
        return [Token(match[1], match.start(), match.end()) for match in _ASCII.finditer(text.lower())]
    pieces: list[str] = []
    origins: list[tuple[int, int]] = []  # for each folded code point, where it comes from
    for match in _patterns().segment.finditer(text):
        segment = match.group()
        folded = _fold_segment(segment) if len(segment) <= 4 else _fold(segment)
        pieces.append(folded)
        origins.extend([match.span()] * len(folded))
    return [
        Token(word, origins[start][0], origins[end - 1][1])
        for word, start, end in _cut_spans("".join(pieces))
    ]


def phrase(text: str, prefix: bool = False) -> Phrase:
    """What a person's search text asks for.

    A run without spaces ends in the index with its last character alone; at the end of a search the run may go on,
    so that character is left out there (`AB` finds `ABC`), and a single one counts as a beginning (`B` finds `AB`
    by that last character and `BC` by its first).
    """
    found = list(_cut_spans(_fold(text)))
    texts = tuple(word for word, _, _ in found)
    if not found or not _patterns().unit.fullmatch(texts[-1]):
        return Phrase(texts, prefix and bool(found))
    if len(found) > 1 and found[-2][2] == found[-1][2]:
        return Phrase(texts[:-1])
    return Phrase(texts, True)


def hits(found: Sequence[Token], wanted: Phrase) -> list[tuple[int, int]]:
    """Where `wanted` stands among the tokens of a message: code points, in order."""
    size = len(wanted.words)
    if not size:
        return []
    first, last = wanted.words[0], wanted.words[-1]
    spans = []
    for at in range(len(found) - size + 1):
        if size > 1 and found[at].text != first:
            continue
        end = found[at + size - 1]
        if not (end.text.startswith(last) if wanted.prefix else end.text == last):
            continue
        if all(found[at + index].text == word for index, word in enumerate(wanted.words[:-1])):
            spans.append((found[at].start, end.end))
    return spans


class _Folding(dict[int, str]):
    """Code point -> folded text, for str.translate; filled as characters turn up, at most one entry for each."""

    def __missing__(self, code: int) -> str:
        folded = self[code] = _fold_character(chr(code))
        return folded


_FOLDING = _Folding()


def _fold(text: str) -> str:
    """Folded words, each run of separators as spaces; folding it again changes nothing."""
    if text.isascii():
        return text.translate(_FOLDING)
    if len(text) >= _PILE:
        text = _patterns().pile.sub(_topple, text)
    for _ in range(4):  # removing a character can bring two together that compose
        text = unicodedata.normalize("NFKC", text).translate(_FOLDING)
        if unicodedata.is_normalized("NFKC", text):
            break
    return text


@lru_cache(maxsize=4096)
def _fold_segment(segment: str) -> str:
    return _fold(segment)


def _topple(pile: re.Match[str]) -> str:
    marks = pile.group()
    return marks[:_MARKS_KEPT] if len(marks) >= _PILE else marks


def _fold_character(character: str) -> str:
    removed = _patterns().removed
    category = unicodedata.category(character)
    if removed.fullmatch(character):
        return ""
    if category in ("Mn", "Mc") or _patterns().emoji.fullmatch(character):
        return character
    if category[0] not in "LN":
        return " "
    digit = unicodedata.decimal(character, None)
    folded = character.casefold() if digit is None else str(digit)
    if folded in _WHOLE_LETTERS:
        return folded
    apart = unicodedata.normalize("NFKD", folded)
    folded = unicodedata.normalize(
        "NFKC", "".join(_NO_DECOMPOSITION.get(c, c) for c in apart if not removed.fullmatch(c))
    )
    # Taking a letter apart can bring up one that folds further.
    return "".join(c if c == character else _fold_character(c) for c in folded)


def _cut(folded: str) -> list[str]:
    """The words of folded text: as `_cut_spans`, without the places."""
    if not _patterns().special.search(folded):
        return [word[:LONGEST] for word in folded.split()]
    found: list[str] = []
    for match in _patterns().word.finditer(folded):
        if match.lastgroup != "run":
            found.append(match.group()[:LONGEST])
            continue
        units = _patterns().unit.findall(match.group())
        found += map(add, units, units[1:])
        found.append(units[-1])
    return found


def _cut_spans(folded: str) -> Iterator[tuple[str, int, int]]:
    """The words of folded text with their places in it."""
    patterns = _patterns()
    for match in patterns.word.finditer(folded):
        start, end = match.span()
        if match.lastgroup != "run":
            yield match.group()[:LONGEST], start, end
            continue
        last, begin = "", start
        for unit in patterns.unit.finditer(folded, start, end):
            if last:
                yield last + unit.group(), begin, unit.end()
            last, begin = unit.group(), unit.start()
        yield last, begin, end


@dataclass(frozen=True)
class _Patterns:
    removed: re.Pattern[str]
    pile: re.Pattern[str]
    segment: re.Pattern[str]
    special: re.Pattern[str]
    emoji: re.Pattern[str]
    unit: re.Pattern[str]
    word: re.Pattern[str]


@cache
def _patterns() -> _Patterns:
    """Compiled at the first message that needs them: the tables of marks come from a walk over Unicode."""
    categories = [unicodedata.category(chr(code)) for code in range(0x20000)]
    marks = (
        _ranges(code for code, category in enumerate(categories) if category[0] == "M")
        + "\U000e0100-\U000e01ef"
    )
    format_ = (
        _ranges(code for code, category in enumerate(categories) if category == "Cf")
        + "\U000e0001-\U000e007f"
    )
    enclosing = _ranges(code for code, category in enumerate(categories) if category == "Me")
    removed = _DROPPED_MARKS + _INVISIBLE_LETTERS + format_ + enclosing + _SKIN
    # What may melt into the character before it when text is normalised, or vanish between the two.
    joining = marks + removed + "\u1161-\u11ff\u3131-\u318e\uff9e-\uffdc\ud7b0-\ud7ff"
    unit = f"[{_UNSPACED}][{marks}]*+"
    return _Patterns(
        removed=re.compile(f"[{removed}]"),
        pile=re.compile(f"[{marks}{removed}]{{{_MARKS_KEPT},}}+"),
        segment=re.compile(f"[^{joining}][{joining}]*|[{joining}]+"),
        special=re.compile(f"[{_UNSPACED}{_EMOJI}]"),
        emoji=re.compile(f"[{_EMOJI}]"),
        unit=re.compile(unit),
        word=re.compile(f"(?P<run>(?:{unit})++)|{_FLAG}|[{_EMOJI}]|[^ {_UNSPACED}{_EMOJI}]+"),
    )


def _ranges(codes: Iterator[int]) -> str:
    """Sorted code points as the inside of a regular expression's class."""
    ranges: list[list[int]] = []
    for code in codes:
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    return "".join(f"{re.escape(chr(low))}-{re.escape(chr(high))}" for low, high in ranges)
