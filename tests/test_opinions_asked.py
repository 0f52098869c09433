"""What people said is found by the query language, whether bits of turns are known or the events have to be asked."""

import pytest

from conversations.filters import matching
from conversations.models import Session
from conversations.opinions import marking, reviewing, vocabulary
from conversations.query import parse
from enterprise.models import User
from tests.test_opinions import by, newest, turns
from tests.test_session_pages import NOW, begin, put, the, user

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


@pytest.fixture
def said(ben: User, ana: User) -> None:
    from conversations.store import _known

    _known.clear()
    for sender in ("ada", "bob", "cyd", "dan"):
        put(*begin(sender, NOW))
        put(
            *(
                user(sender, NOW + 1 + number, f"message {number}", intent)
                for number, intent in enumerate(("greet", "refund", "bye"))
            )
        )
    ada, bob, cyd = the("ada"), the("bob"), the("cyd")
    first, second, third = turns(ada)
    marking.flag(by(ben), ada.pk, first.pk)
    marking.tag(by(ben), ada.pk, value="angry", turn=second.pk)
    marking.correct(by(ana), ada.pk, third.pk, "complain")
    marking.note(by(ana), ada.pk, "Lost CARD again, @ben", turn=third.pk)
    marking.tag(by(ben), bob.pk, value="Angry")
    marking.flag(by(ben), bob.pk, turns(bob)[2].pk)
    marking.note(by(ben), bob.pk, "card lost")
    reviewing.assign(by(ben), bob.pk, "me")
    reviewing.later(by(ana), cyd.pk)
    reviewing.review(by(ana), ada.pk, "well", newest(ada))
    why = vocabulary.reasons(cyd.assistant)[1]
    reviewing.review(by(ben), cyd.pk, "broke", newest(cyd), turn=turns(cyd)[1].pk, reason=why.pk)
    put(user("ada", NOW + 60, "more", "greet"))


CASES = [
    ("tag:angry", "ada bob"), ("-tag:angry", "cyd dan"), ("tag:nothing", ""), ("turn-tag:angry", "ada"),
    ("is:flagged", "ada bob"), ("is:noted", "ada bob"), ("is:corrected", "ada"),
    ("(is:flagged intent:greet)", "ada"), ("(is:flagged intent:bye)", "bob"), ("(is:flagged turn-tag:angry)", ""),
    ("(turn-tag:angry intent:refund)", "ada"), ("(is:noted is:corrected intent:bye)", "ada"), ("(is:noted intent:greet)", ""),
    ("is:flagged then turn-tag:angry", "ada"), ("is:flagged then<2 is:corrected", ""), ("is:flagged then<3 is:corrected", "ada"),
    ("is:flagged never is:corrected", "bob"), ("intent:greet never is:flagged", "ada cyd dan"),
    ("review:unread", "bob dan"), ("review:changed", "ada"), ("review:reviewed", "cyd"), ("review:later", "cyd"), ("-review:unread", "ada cyd"),
    ("verdict:well", "ada"), ("verdict:broke", "cyd"), ("verdict:none", "bob dan"), ('reason:"Wrong intent"', "cyd"),
    ("reviewer:ana", "ada"), ("reviewer:me", "cyd"), ("assigned:ben", "bob"), ("assigned:nobody", "ada cyd dan"),
    ("for:me", "ada bob"), ("for:ana", "cyd"), ("note:card", "ada bob"), ('note:"lost card"', "ada"), ("note:los*", "ada bob"),
]  # fmt: skip


@pytest.mark.parametrize("is_known", [True, False])
def test_queries_find_what_was_said(said: None, ben: User, is_known: bool) -> None:
    assistant = the("ada").assistant
    if not is_known:
        Session.objects.update(turns_known=False)
    wrong = []
    for text, expected in CASES:
        parsed = parse(text)
        assert parsed.ok, (text, parsed.mistakes)
        found = matching(Session.objects.all(), parsed.query, assistant=assistant, now=NOW + 100, user=ben)
        names = sorted(found.values_list("conversation__sender_id", flat=True))
        if names != expected.split():
            wrong.append((text, expected, names))
    assert wrong == []
