"""Text search finds the same on both databases, whatever is typed."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conversations.envelope import Envelope
from conversations.filters import matching
from conversations.identity import parse as parse_json
from conversations.models import Assistant, Session
from conversations.query import Group, Query, Term, Word
from conversations.reading import read
from conversations.search import fts5, said, tsquery
from conversations.store import store
from conversations.tokens import Phrase, hits, phrase, tokens
from tests.histories import NOW

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

MESSAGES = [
    "I lost my card", "my card is lost", "Card: LOST, card!", "Ich überweise 50 €", "naïve café", "o'clock isn't it",
    "back\\slash and \"quotes\" & ampersand | pipe", "残高を教えてください", "教育", "ยอดเงินคงเหลือ", "👍 thanks", "👩🏽‍💻 dev", "كم رصيدي؟",
    "C++ and C#", "a" * 200, "lost", "card", "1,000.50", "x_y-z", "near NOT AND OR", "col:umn ^start *star", "ß STRASSE", "नमस्ते",
    "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 ﬁne", "\U0001fae8 shaking", "𐐷 deseret",
    "Où est passée ma carte volée ?", "¿Cuánto cuesta, señor Núñez?", "Não consigo pagar a conta", "Proszę zablokować kartę, żółw",
    "Děkuji, příliš žluťoučký kůň", "Kártyám elveszett, köszönöm", "Kredi kartım çalındı, İSTANBUL", "Mulțumesc, știu", "Çfarë është kjo?",
    "Η κάρτα μου χάθηκε", "Где моя карта? Ёлка", "Моята карта", "איפה הכרטיס שלי", "أين بطاقتي المفقودة", "کارت من گم شد", "我的卡丢了，请帮我", "我的卡丟了",
    "カードをなくしました", "카드를 잃어버렸어요", "บัตรหาย", "मेरा कार्ड खो गया", "🇩🇪 Karte 🇫🇷", "❤️ danke", "pay\u200bment", "co\u00adoperate", "ＦＵＬＬ ｗｉｄｔｈ",
]  # fmt: skip


@pytest.fixture
def sessions(db: None) -> dict[int, str]:
    """One session for each message of a user, as session id -> message; the bot says the reverse."""
    envelopes = []
    for number, text in enumerate(MESSAGES):
        for offset, event in enumerate(
            (
                {"event": "user", "text": text, "parse_data": {}},
                {"event": "bot", "text": text[::-1], "data": {}},
            )
        ):
            body = json.dumps(
                {"sender_id": str(number), "timestamp": NOW - 1000 + number + offset / 10, **event}
            )
            envelopes.append(Envelope("default", str(number), read(parse_json(body)), body))
    store(envelopes)
    found = Session.objects.filter(assistant__name="default").values_list("pk", "conversation__sender_id")
    return {pk: MESSAGES[int(sender)] for pk, sender in found}


def find(field: str, text: str, *, prefix: bool = False, negated: bool = False) -> set[int]:
    condition = said(field, [(text, prefix)], negated=negated)
    return set(Session.objects.filter(condition).values_list("pk", flat=True))


def holds(message: str, text: str, *, prefix: bool = False) -> bool:
    return bool(hits(tokens(message), phrase(text, prefix)))


SEARCHES = [*MESSAGES, *(word for message in MESSAGES for word in message.split()), "ueberweise", "uber", "教", "残", "ますか",
            "lost card", "card lost", "my card", "kart", "'", "\\", '"', "&", "!a", "a:*", "<->", "''", "\\'", "card\x01lost"]  # fmt: skip


def test_every_word_and_phrase_is_found_where_it_was_said(sessions: dict[int, str]) -> None:
    n_found = 0
    for text in SEARCHES:
        for prefix in (False, True):
            wanted = {pk for pk, message in sessions.items() if holds(message, text, prefix=prefix)}
            assert find("text", text, prefix=prefix) == wanted, (text, prefix)
            n_found += bool(wanted)
    assert n_found > 100


def test_within_a_turn_the_same_is_found_as_anywhere(sessions: dict[int, str]) -> None:
    assistant = Assistant.objects.get(name="default")
    nowhere = Term("intent", (Word("never_seen"),), negated=True)
    for text in SEARCHES:
        for prefix in (False, True):
            if not phrase(text, prefix).words:
                continue
            query = Query((Group((Term("text", (Word(text, prefix),)), nowhere)),))
            found = matching(Session.objects.all(), query, assistant=assistant, now=NOW)
            assert set(found.values_list("pk", flat=True)) == find("text", text, prefix=prefix), (
                text,
                prefix,
            )


def test_sides_are_told_apart(sessions: dict[int, str]) -> None:
    for text in ("lost", "tsol"):
        by_user = {pk for pk, message in sessions.items() if holds(message, text)}
        by_bot = {pk for pk, message in sessions.items() if holds(message[::-1], text)}
        assert by_user != by_bot
        assert find("text", text) == by_user
        assert find("bot", text) == by_bot
        assert find("any", text) == by_user | by_bot


def test_not_said_is_the_rest(sessions: dict[int, str]) -> None:
    assert find("text", "card", negated=True) == sessions.keys() - find("text", "card")
    assert find("text", "card")


def test_a_text_without_letters_finds_nothing_and_never_all(sessions: dict[int, str]) -> None:
    for text in ("", "...", "€ !", " "):
        assert find("text", text) == set()
        assert find("text", text, negated=True) == set(sessions)


def test_a_phrase_does_not_cross_from_one_message_to_the_next(db: None) -> None:
    for number, text in enumerate(["first word", "second message"]):
        body = json.dumps(
            {"sender_id": "a", "timestamp": NOW + number, "event": "user", "text": text, "parse_data": {}}
        )
        store([Envelope("default", "a", read(parse_json(body)), body)])
    assert find("text", "word")
    assert find("text", "second message")
    assert not find("text", "word second")


@given(st.lists(st.tuples(st.text(min_size=1, max_size=12), st.booleans()), min_size=1, max_size=3))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_text_breaks_the_query_of_either_database(texts: list[tuple[str, bool]]) -> None:
    texts = [(text.replace("\x00", "").encode(errors="ignore").decode(), prefix) for text, prefix in texts]
    assert Session.objects.filter(said("any", texts)).count() == 0


def test_literals_hold_operators_as_words() -> None:
    wanted = [Phrase(("o'k", "a\\b"), True), Phrase(('say"so',))]
    assert tsquery(wanted) == "('o''k' <-> 'a\\\\b':*) | ('say\"so')"
    assert fts5(wanted) == '"o\'k a\\b"* OR "say""so"'


def test_an_assistant_without_sessions_is_no_error(db: None) -> None:
    Assistant.objects.create(name="empty")
    assert find("any", "hello") == set()
