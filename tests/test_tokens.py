"""The tokeniser: what a word is in every script, where it stands, and that nothing breaks it."""

import sqlite3
import time
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conversations.tokens import LONGEST, _cut, _fold, hits, phrase, tokens, words

# Any code point that Python can hold, lone surrogates included, with the awkward ones over-represented.
AWKWARD = "\u0300\u0316\u0301\u3099\u309a\u1161\u11a8\u314f\u3131\uff9e\uffa1\u200d\u200b\ufeff\u202e\ufe0f\u00ad\u034f\u0640\u1160"
LETTERS = "aZéßİıΣςйёЙќ漢か가ᄀสัวिकক\u09c7\u09beא\u05b0ش\u064e\u0653٣²½ﬁ㌀😀🏽🇩🇪❤_'’\0\ud800"
any_text = st.text(
    alphabet=st.one_of(st.sampled_from(AWKWARD + LETTERS + "ab 1"), st.characters(codec=None)), max_size=60
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I lost my card, yesterday!", ["i", "lost", "my", "card", "yesterday"]),
        ("snake_case e-mail 3.5", ["snake", "case", "e", "mail", "3", "5"]),
        ("Größe naïve CAFÉ cafe\u0301", ["grosse", "naive", "cafe", "cafe"]),
        ("Łódź Ærø İstanbul ısı", ["lodz", "aero", "istanbul", "isi"]),
        ("ΣΊΣΥΦΟΣ Σίσυφος", ["σισυφοσ", "σισυφοσ"]),
        ("Ёлка мой за\u0301мок їжак и\u0306", ["елка", "мой", "замок", "їжак", "й"]),
        ("مُحَمَّد أحمد مـــرحبا ٣٤", ["محمد", "احمد", "مرحبا", "34"]),
        ("שָׁלוֹם", ["שלום"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("猫", ["猫"]),
        ("黒猫が iPhone手机", ["黒猫", "猫が", "が", "iphone", "手机", "机"]),
        ("ｶﾞｽ か\u3099", ["ガス", "ス", "が"]),
        ("안녕하세요", ["안녕", "녕하", "하세", "세요", "요"]),
        ("ครับ", ["ครั", "รับ", "บ"]),
        ("ok👍🏽👨\u200d👩 ❤️ 🇩🇪🇫🇷", ["ok", "👍", "👨", "👩", "❤", "🇩🇪", "🇫🇷"]),
        ("zero\u200bwidth \u202eright\u202c soft\u00adhyphen", ["zerowidth", "right", "softhyphen"]),
        ("می\u200cخواهم", ["میخواهم"]),
        ("nul\0and\ud800lone", ["nul", "and", "lone"]),
        ("ﬁne ＡＢＣ ①", ["fine", "abc", "1"]),
        ("", []),
        ("... !?", []),
    ],
)
def test_words_of_every_script(text, expected):
    assert words(text) == expected


@given(any_text)
@settings(max_examples=600, deadline=None)
def test_tokens_are_the_words_with_their_places(text):
    found = tokens(text)
    assert [token.text for token in found] == words(text)
    for token in found:
        assert 0 <= token.start < token.end <= len(text)
        if len(token.text) < LONGEST:
            assert token.text in words(text[token.start : token.end]), token
    starts = [token.start for token in found]
    assert starts == sorted(starts)


@given(any_text)
@settings(max_examples=600, deadline=None)
def test_folding_twice_changes_nothing(text):
    folded = _fold(text)
    assert _fold(folded) == folded
    assert _cut(_fold(" ".join(folded.split()))) == words(text)


@given(st.text(alphabet=st.characters(codec="ascii"), max_size=200))
def test_the_ascii_path_gives_what_the_long_path_gives(text):
    assert words(text) == _cut(_fold(text))
    assert tokens(text) == tokens(text + "é")[: len(tokens(text))] or text[-1:].isalnum()


@given(any_text)
@settings(max_examples=500, deadline=None)
def test_words_hold_nothing_that_separates(text):
    for word in words(text):
        assert 0 < len(word) <= LONGEST
        assert not any(
            unicodedata.category(c)[0] in "ZP" or unicodedata.category(c) in ("Cs", "Cc", "Cf") for c in word
        )


@given(any_text)
@settings(deadline=None)
def test_canonically_equal_texts_have_equal_words(text):
    assert words(unicodedata.normalize("NFD", text)) == words(unicodedata.normalize("NFC", text))


def test_a_long_word_is_cut_and_its_place_is_whole():
    text = "x " + "A" * 500 + " y"
    assert words(text) == ["x", "a" * LONGEST, "y"]
    assert tokens(text)[1][1:] == (2, 502)
    assert words("é" * 500) == ["e" * LONGEST]


@pytest.mark.parametrize(
    ("search", "text", "expected"),
    [
        ("lost card", "My LOST  card: lost my card", ["LOST  card"]),
        ("猫", "黒猫がいる", ["猫が"]),
        ("猫", "猫", ["猫"]),
        ("がい", "黒猫がいる", ["がい"]),
        ("黒猫がいる", "あの黒猫がいるよ", ["黒猫がいる"]),
        ("る", "黒猫がいる", ["る"]),
        ("카드", "카드를 분실했어요", ["카드"]),
        ("iphone手机", "新iPhone手机壳", ["iPhone手机"]),
        ("👍", "ok👍🏽", ["👍🏽"]),
        ("cafe", "Un cafe\u0301!", ["cafe\u0301"]),
        ("cards", "card", []),
        ("", "card", []),
    ],
)
def test_a_search_text_finds_its_place_in_a_message(search, text, expected):
    spans = hits(tokens(text), phrase(search))
    found = [text[start:end] for start, end in spans]
    # The mark of a skin tone belongs to the emoji on screen but is no part of the word: either place will do.
    assert [part.rstrip("🏽") for part in found] == [part.rstrip("🏽") for part in expected]


def test_a_prefix_matches_only_the_beginning_of_the_last_word():
    found = tokens("please refund my refunded order")
    assert hits(found, phrase("ref", prefix=True)) == [(7, 13), (17, 25)]
    assert hits(found, phrase("my ref", prefix=True)) == [(14, 25)]
    assert hits(found, phrase("ref")) == []


@given(st.text(alphabet="abé 漢字かな가나!", min_size=1, max_size=20), st.data())
@settings(deadline=None, max_examples=400)
def test_any_part_of_an_unspaced_text_is_found(text, data):
    runs = [run for run in "".join(c if c in "漢字かな가나" else " " for c in text).split() if run]
    if not runs:
        return
    run = data.draw(st.sampled_from(runs))
    start = data.draw(st.integers(0, len(run) - 1))
    part = run[start : data.draw(st.integers(start + 1, len(run)))]
    assert hits(tokens(text), phrase(part)), (text, part)


def test_a_full_text_index_keeps_every_word_of_every_script_whole():
    expected = set()
    for code in [*range(0xD800), *range(0xE000, 0x20000), *range(0x20000, 0x110000, 7)]:
        expected.update(words(f"é {chr(code)} a{chr(code)}b"))
    tokenizer = "unicode61 remove_diacritics 0 categories ''L* M* N* P* S* Co''"  # that of the search table
    database = sqlite3.connect(":memory:")
    try:
        database.execute(f"create virtual table t using fts5(words, tokenize = '{tokenizer}')")
        database.execute("create virtual table v using fts5vocab('t', 'row')")
        database.execute("insert into t values (?)", (" ".join(expected),))
        assert {row[0] for row in database.execute("select term from v")} == expected
    finally:
        database.close()


@pytest.mark.parametrize(
    "unit",
    [
        "a",
        "word ",
        "é",
        "Я ",
        "漢",
        "ा",
        "\u0300\u0316",
        "کि",
        "\0",
        "\ud800x",
        "ᄀ",
        "👍",
        "สั",
        "\u200dé",
        "か\u3099",
    ],
)
def test_a_megabyte_takes_linear_time(unit):
    def seconds(size: int) -> float:
        text = "é" + unit * (size // len(unit))
        start = time.process_time()
        words(text)
        return time.process_time() - start

    seconds(1000)
    assert seconds(1_000_000) < max(0.02, min(seconds(125_000) for _ in range(3))) * 8 * 4
