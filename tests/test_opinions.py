"""Judging: every judgement has its place, its person and its way back, whatever events come later."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.test import Client, RequestFactory

from conversations import rebuild
from conversations.models import (
    Claim,
    Conversation,
    Correction,
    Deed,
    Event,
    Flag,
    Later,
    Mention,
    Note,
    Review,
    Session,
    SessionValue,
    TagUse,
)
from conversations.opinions import marking, reviewing, vocabulary
from conversations.opinions.choices import choices
from conversations.opinions.deeds import Conflict, Done, Refused, undo
from conversations.opinions.placing import ANCHORED, place, status
from conversations.opinions.state import state
from enterprise.models import AuditLine, User
from tests.test_session_pages import NOW, action, begin, put, talk, the, user

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]

Kind = SessionValue.Kind


@pytest.fixture(autouse=True)
def _forget_ids() -> None:
    from conversations.store import _known

    _known.clear()


def by(person: User) -> Any:
    request = RequestFactory().post("/")
    request.user = person
    return request


@pytest.fixture
def session(db: None) -> Session:
    put(*talk("ada", NOW))
    return the("ada")


def turns(session: Session) -> list[Event]:
    return list(Event.objects.of_session(session).filter(type="user").in_order())


def newest(session: Session) -> int:
    return Event.objects.of_session(session).order_by("-pk").values_list("pk", flat=True)[0]


def rows(session: Session, *kinds: Kind) -> dict[tuple[int, str], int]:
    found = SessionValue.objects.filter(
        session=session, kind__in=kinds or [kind for kind in Kind if kind >= Kind.REVIEW]
    )
    return {(Kind(kind), value): turns for kind, value, turns in found.values_list("kind", "value", "turns")}


def told(session: Session, person: User) -> dict[str, Any]:
    return state(Session.objects.get(pk=session.pk), person)


# --- reviews -----------------------------------------------------------------------------------------


def test_a_review_says_who_found_what_when(session: Session, ben: User) -> None:
    assert rows(session, Kind.REVIEW) == {(Kind.REVIEW, "unread"): 0}
    done = reviewing.review(by(ben), session.pk, "well", newest(session))
    assert done.deed is not None
    now = told(session, ben)
    assert (now["status"], now["verdict"], now["by"]) == ("reviewed", "well", "ben")
    assert now["reviews"][0]["mine"]
    assert rows(session) == {
        (Kind.REVIEW, "reviewed"): 0, (Kind.VERDICT, "well"): 0, (Kind.REVIEWER, str(ben.pk)): 0,
    }  # fmt: skip
    line = AuditLine.objects.get()
    assert (line.action, line.target, line.actor, line.details["verdict"]) == (
        "session.review",
        "ada",
        "ben",
        "well",
    )


def test_turns_that_were_on_no_screen_leave_a_session_changed(session: Session, ben: User) -> None:
    _first, second, third = turns(session)
    reviewing.review(by(ben), session.pk, "reviewed", second.pk)
    assert told(session, ben)["status"] == "changed"
    reviewing.review(by(ben), session.pk, "reviewed", third.pk)
    assert told(session, ben)["status"] == "reviewed"
    put(user("ada", NOW + 20, "one more"))
    session.refresh_from_db()
    assert status(session) == "changed"
    assert rows(session, Kind.REVIEW) == {(Kind.REVIEW, "changed"): 0}
    assert told(session, ben)["by"] == "ben"
    # A late message counts as new, although it stands before what was read.
    reviewing.review(by(ben), session.pk, "reviewed", newest(session))
    put(user("ada", NOW + 1.5, "late"))
    session.refresh_from_db()
    assert status(session) == "changed"
    # What no user said changes nothing.
    reviewing.review(by(ben), session.pk, "reviewed", newest(session))
    put(action("ada", NOW + 30, "utter_bye"))
    session.refresh_from_db()
    assert status(session) == "reviewed"


def test_a_watermark_ends_with_what_the_session_has(session: Session, ben: User) -> None:
    put(*talk("bob", NOW))
    reviewing.review(by(ben), session.pk, "reviewed", 2**70)
    assert Review.objects.get().watermark == newest(session)
    put(user("ada", NOW + 20, "one more"))
    assert told(session, ben)["status"] == "changed"
    reviewing.review(by(ben), session.pk, "well", 0)
    assert Review.objects.latest("pk").watermark == 0
    assert told(session, ben)["status"] == "changed"


def test_several_may_review_and_the_latest_is_the_status(session: Session, ben: User, ana: User) -> None:
    reviewing.review(by(ben), session.pk, "well", newest(session))
    turn = turns(session)[1]
    why = vocabulary.reasons(session.assistant)[2]
    done = reviewing.review(by(ana), session.pk, "broke", newest(session), turn=turn.pk, reason=why.pk)
    assert "ben" in done.said
    now = told(session, ana)
    assert [(one["by"], one["verdict"], one["turn"]) for one in now["reviews"]] == [
        ("ana", "broke", turn.pk),
        ("ben", "well", None),
    ]
    assert (now["verdict"], now["by"]) == ("broke", "ana")
    assert rows(session) == {
        (Kind.REVIEW, "reviewed"): 0, (Kind.VERDICT, "broke"): 0, (Kind.REASON, str(why.pk)): 0,
        (Kind.REVIEWER, str(ben.pk)): 0, (Kind.REVIEWER, str(ana.pk)): 0,
    }  # fmt: skip


def test_a_key_pressed_twice_reviews_once(session: Session, ben: User) -> None:
    reviewing.review(by(ben), session.pk, "well", newest(session))
    again = reviewing.review(by(ben), session.pk, "well", newest(session))
    assert again.deed is None
    assert (Review.objects.count(), Deed.objects.count()) == (1, 1)


def test_unread_again_keeps_the_reviews(session: Session, ben: User, ana: User) -> None:
    reviewing.review(by(ben), session.pk, "well", newest(session))
    reviewing.unreview(by(ana), session.pk, seen=Review.objects.get().pk)
    assert told(session, ana)["status"] == "unread"
    assert rows(session) == {(Kind.REVIEW, "unread"): 0}
    assert Review.objects.get().is_removed
    undo(by(ana))
    assert (told(session, ana)["status"], told(session, ana)["by"]) == ("reviewed", "ben")


def test_unread_again_asks_before_it_takes_a_review_that_was_on_no_screen(
    session: Session, ben: User, ana: User, signed_in: Callable[[User], Client]
) -> None:
    reviewing.review(by(ben), session.pk, "well", newest(session))
    shown = Review.objects.get().pk
    reviewing.review(by(ana), session.pk, "broke", newest(session))
    url, client = f"/sessions/{session.pk}/judge/unreview/", signed_in(ben)
    for data in ({"seen": shown}, {}):
        answer = client.post(url, data)
        assert (answer.status_code, answer.json()["conflict"]["by"]) == (409, "ana")
        assert told(session, ben)["verdict"] == "broke"
    assert client.post(url, {"seen": shown, "force": 1}).json()["session"]["status"] == "unread"
    # One's own later review is no surprise.
    reviewing.review(by(ben), session.pk, "well", newest(session))
    assert client.post(url, {}).json()["session"]["status"] == "unread"
    html = client.get(f"/sessions/{session.pk}/").content.decode()
    assert 'data-review="0"' in html


@pytest.mark.parametrize(
    "wrong", [{"verdict": "great"}, {"turn": 1}, {"verdict": "broke", "reason": 10**30}, {"reason": 1}]
)
def test_what_is_no_review_is_refused(session: Session, ben: User, wrong: dict[str, Any]) -> None:
    values = {"verdict": "well", "watermark": newest(session), **wrong}
    with pytest.raises(Refused):
        reviewing.review(by(ben), session.pk, **values)
    assert not Review.objects.exists()


def test_only_who_may_judges_what_is_there(session: Session, ben: User, tom: User) -> None:
    put(*talk("bob", NOW))
    other = turns(the("bob"))[0]
    with pytest.raises(PermissionDenied):
        reviewing.review(by(tom), session.pk, "well", 1)
    for pk in (10**6, 2**63, 10**30):
        with pytest.raises(Http404):
            reviewing.review(by(ben), pk, "well", 1)
        with pytest.raises(Http404):
            marking.flag(by(ben), session.pk, pk)
    with pytest.raises(Http404):
        marking.flag(by(ben), session.pk, other.pk)
    assert not Deed.objects.exists()


def test_a_session_in_which_no_user_said_anything_is_neither_unread_nor_reviewed(ben: User) -> None:
    put(*begin("ada", NOW))
    session = the("ada")
    reviewing.review(by(ben), session.pk, "reviewed", newest(session))
    assert (Kind.REVIEW, "reviewed") not in rows(session)
    assert told(session, ben)["status"] == ""


# --- later, assigned, seen, open ---------------------------------------------------------------------


def test_later_ends_with_ones_own_review(session: Session, ben: User, ana: User) -> None:
    for person in (ben, ana):
        reviewing.later(by(person), session.pk)
    assert rows(session, Kind.LATER) == {(Kind.LATER, str(ben.pk)): 0, (Kind.LATER, str(ana.pk)): 0}
    reviewing.review(by(ben), session.pk, "reviewed", newest(session))
    assert rows(session, Kind.LATER, Kind.FOR) == {(Kind.LATER, str(ana.pk)): 0, (Kind.FOR, str(ana.pk)): 0}
    undo(by(ben))
    assert told(session, ben)["later"]
    reviewing.later(by(ana), session.pk, off=True)
    assert not told(session, ana)["later"]
    reviewing.later(by(ana), session.pk)
    assert Later.objects.filter(user=ana).count() == 1


def test_a_session_is_given_to_one_person(session: Session, ben: User, ana: User, tom: User) -> None:
    assert told(session, ben)["assigned"] is None
    reviewing.assign(by(ben), session.pk, "me")
    reviewing.assign(by(ana), session.pk, str(ana.pk), seen="ben")
    assert told(session, ben)["assigned"] == "ana"
    assert rows(session, Kind.ASSIGNED, Kind.FOR) == {
        (Kind.ASSIGNED, str(ana.pk)): 0,
        (Kind.FOR, str(ana.pk)): 0,
    }
    with pytest.raises(Conflict, match="ana changed this"):
        reviewing.assign(by(ben), session.pk, "", seen="ben")
    for nobody in (str(tom.pk), "987654", "x", str(10**30)):
        with pytest.raises(Refused):
            reviewing.assign(by(ben), session.pk, nobody)
    reviewing.assign(by(ben), session.pk, "")
    assert told(session, ben)["assigned"] is None
    assert not rows(session, Kind.ASSIGNED, Kind.FOR)


def test_seen_goes_forward_and_is_ones_own(session: Session, ben: User, ana: User) -> None:
    first, _second, third = turns(session)
    assert reviewing.mark_seen(ben, session, third.pk) == third.pk
    assert reviewing.mark_seen(ben, session, first.pk) == third.pk
    assert reviewing.mark_seen(ana, session, first.pk) == first.pk
    assert reviewing.mark_seen(ana, session, 2**80) == newest(session)
    assert told(session, ben)["status"] == "unread"


def test_a_claim_is_told_to_others_and_goes_along(session: Session, ben: User, ana: User) -> None:
    put(*talk("bob", NOW))
    other = the("bob")
    assert reviewing.claim(ben, session) == []
    assert reviewing.claim(ana, session) == ["ben"]
    assert reviewing.claim(ben, session) == ["ana"]
    reviewing.claim(ben, other)
    assert reviewing.open_by(session, ana) == []
    reviewing.claim(ben, session)
    Claim.objects.filter(user=ben).update(until="2020-01-01T00:00Z")
    assert reviewing.claim(ana, session) == []
    assert Claim.objects.count() == 1


# --- tags, flags, notes, corrections -----------------------------------------------------------------


def test_tags_on_session_and_turn(session: Session, ben: User) -> None:
    second = turns(session)[1]
    marking.tag(by(ben), session.pk, value="  Angry   customer ")
    marking.tag(by(ben), session.pk, value="angry customer", turn=second.pk)
    tag = TagUse.objects.first().tag  # type: ignore[union-attr]
    assert tag.value == "Angry customer"
    assert rows(session) == {
        (Kind.REVIEW, "unread"): 0,
        (Kind.TAG, str(tag.pk)): 0,
        (Kind.TURN_TAG, str(tag.pk)): 0b100,
    }
    assert [(one["value"], one["turn"]) for one in told(session, ben)["tags"]] == [
        ("Angry customer", None),
        ("Angry customer", second.pk),
    ]
    assert marking.tag(by(ben), session.pk, pk=tag.pk).deed is None
    use = told(session, ben)["tags"][1]["use"]
    marking.untag(by(ben), session.pk, use)
    assert rows(session, Kind.TAG, Kind.TURN_TAG) == {(Kind.TAG, str(tag.pk)): 0}
    for value in ("", "   ", "x" * 121):
        with pytest.raises(Refused):
            marking.tag(by(ben), session.pk, value=value)
    with pytest.raises(Refused):
        marking.tag(by(ben), session.pk, pk=10**30)


def test_a_flag_comes_and_goes(session: Session, ben: User, ana: User) -> None:
    first, second, _third = turns(session)
    marking.flag(by(ben), session.pk, second.pk)
    assert told(session, ben)["flagged"] == [second.pk]
    marking.flag(by(ana), session.pk, first.pk)
    assert rows(session, Kind.MARK) == {(Kind.MARK, "flagged"): 0b110}
    marking.flag(by(ana), session.pk, second.pk)
    assert told(session, ben)["flagged"] == [first.pk]
    assert marking.flag(by(ana), session.pk, first.pk, on=True).deed is None
    assert Flag.objects.count() == 2


def test_a_note_mentions_who_may_read_it(session: Session, ben: User, ana: User, tom: User) -> None:
    text = "@Ana. look, @tom too (@nobody, mail@ben.example) <script>alert(1)</script> \u202eend"
    done = marking.note(by(ben), session.pk, text, turn=turns(session)[0].pk)
    assert "ana" in done.said
    note = Note.objects.get()
    assert note.text == text
    assert " look tom too " in note.words
    assert [mention.user for mention in Mention.objects.all()] == [ana]
    assert rows(session, Kind.MARK, Kind.FOR) == {(Kind.MARK, "noted"): 0b10, (Kind.FOR, str(ana.pk)): 0}
    with pytest.raises(PermissionDenied):
        marking.edit_note(by(ana), session.pk, note.pk, "mine now")
    marking.edit_note(by(ben), session.pk, note.pk, "never mind, @ben")
    assert rows(session, Kind.FOR) == {(Kind.FOR, str(ben.pk)): 0}
    undo(by(ben))
    assert rows(session, Kind.FOR) == {(Kind.FOR, str(ana.pk)): 0}
    marking.delete_note(by(ana), session.pk, note.pk)
    assert not rows(session, Kind.FOR, Kind.MARK)
    with pytest.raises(Http404):
        marking.edit_note(by(ben), session.pk, note.pk, "gone")


@pytest.mark.parametrize(
    "text", ["\x00", "half \ud83d", "a" * 10_000, "@" * 5_000, "@a" * 4_000, "\u200b\u202e", "الأهلا @ana"]
)
def test_any_text_is_a_note(session: Session, ben: User, text: str) -> None:
    marking.note(by(ben), session.pk, text)
    assert Note.objects.get().text


def test_no_text_is_no_note(session: Session, ben: User) -> None:
    for text in ("", " \n ", "x" * 10_001):
        with pytest.raises(Refused):
            marking.note(by(ben), session.pk, text)
    assert not Note.objects.exists()


def test_an_intent_is_corrected_and_put_back(session: Session, ben: User, ana: User) -> None:
    second = turns(session)[1]
    entities = [
        {"start": 8, "end": 9, "entity": "number"},
        {"start": 0, "end": 7, "entity": "what", "value": "mail"},
    ]
    marking.correct(by(ben), session.pk, second.pk, " ask_refund ", entities=entities)
    given = Correction.objects.get()
    assert (given.intent, given.was) == ("ask_refund", "greet")
    assert given.entities == [
        {"start": 0, "end": 7, "entity": "what", "value": "mail"},
        {"start": 8, "end": 9, "entity": "number", "value": "1"},
    ]
    assert told(session, ben)["corrected"] == {str(second.pk): "ask_refund"}
    assert rows(session, Kind.MARK) == {(Kind.MARK, "corrected"): 0b100}
    with pytest.raises(Conflict, match="ben changed this to “ask_refund”"):
        marking.correct(by(ana), session.pk, second.pk, "bye", seen="")
    marking.correct(by(ana), session.pk, second.pk, "bye", seen="ask_refund")
    given.refresh_from_db()
    assert (given.intent, given.user, len(given.entities)) == ("bye", ana, 2)
    marking.uncorrect(by(ana), session.pk, second.pk)
    assert told(session, ben)["corrected"] == {}
    with pytest.raises(Http404):
        marking.uncorrect(by(ana), session.pk, second.pk)


@pytest.mark.parametrize(
    ("intent", "entities"),
    [("", None), ("nlu_fallback", None), ("x" * 501, None), ("a\nb", None), ("a\x00", None), ("half \ud83d", None),
     ("a", "[" * 100_000), ("a", "nothing"), ("a", {}), ("a", [1]), ("a", [{"start": 0, "end": 1}]),
     ("a", [{"start": 0, "end": 99, "entity": "x"}]), ("a", [{"start": 3, "end": 3, "entity": "x"}]),
     ("a", [{"start": True, "end": 3, "entity": "x"}]), ("a", [{"start": 0, "end": 3, "entity": "x", "value": 5}]),
     ("a", [{"start": 0, "end": 3, "entity": "x"}, {"start": 2, "end": 4, "entity": "y"}])],
)  # fmt: skip
def test_what_is_no_correction_is_refused(session: Session, ben: User, intent: str, entities: Any) -> None:
    with pytest.raises(Refused):
        marking.correct(by(ben), session.pk, turns(session)[0].pk, intent, entities=entities)
    assert not Correction.objects.exists()


def test_only_what_a_user_said_has_an_intent(session: Session, ben: User) -> None:
    said = Event.objects.of_session(session).filter(type="bot")[0]
    with pytest.raises(Refused):
        marking.correct(by(ben), session.pk, said.pk, "greet")


# --- undo --------------------------------------------------------------------------------------------


def test_undo_walks_back_ones_own_deeds_each_on_its_place(session: Session, ben: User, ana: User) -> None:
    put(*talk("bob", NOW))
    other, second = the("bob"), turns(session)[1]
    before = {pk: rows(Session.objects.get(pk=pk)) for pk in (session.pk, other.pk)}
    request = by(ben)
    deeds: list[Callable[[], Done]] = [
        lambda: marking.tag(request, session.pk, value="a"),
        lambda: marking.tag(request, session.pk, value="a", turn=second.pk),
        lambda: marking.untag(request, session.pk, TagUse.objects.filter(is_turn=True).get().pk),
        lambda: reviewing.later(request, other.pk),
        lambda: marking.flag(request, session.pk, second.pk),
        lambda: marking.flag(request, session.pk, second.pk),
        lambda: marking.note(request, other.pk, "@ana"),
        lambda: marking.edit_note(request, other.pk, Note.objects.get().pk, "@ben"),
        lambda: marking.delete_note(request, other.pk, Note.objects.get().pk),
        lambda: marking.correct(request, session.pk, second.pk, "one"),
        lambda: marking.correct(request, session.pk, second.pk, "two"),
        lambda: marking.uncorrect(request, session.pk, second.pk),
        lambda: reviewing.assign(request, other.pk, "me"),
        lambda: reviewing.assign(request, other.pk, str(ana.pk)),
        lambda: reviewing.assign(request, other.pk, ""),
        lambda: reviewing.review(request, other.pk, "broke", newest(other), turn=turns(other)[2].pk),
        lambda: reviewing.unreview(request, other.pk),
    ]
    states = []
    for deed in deeds:
        states.append((told(session, ben), told(other, ben)))
        done = deed()
        assert done.deed is not None
        marking.flag(by(ana), session.pk, turns(session)[0].pk)  # somebody else is at work too
    walked = []
    for expected in reversed(states):
        done = undo(request)
        walked.append(done.session.pk)
        now = (told(session, ben), told(other, ben))
        for one in (*now, *expected):
            one.pop("flagged")
        assert now == expected
    assert walked == [done.session_id for done in Deed.objects.filter(user=ben).order_by("-pk")]
    with pytest.raises(Refused, match="nothing to undo"):
        undo(request)
    while Deed.objects.filter(user=ana, undone_at=None).exists():
        undo(by(ana))
    assert {pk: rows(Session.objects.get(pk=pk)) for pk in (session.pk, other.pk)} == before


def test_undo_asks_when_somebody_changed_it_since(session: Session, ben: User, ana: User) -> None:
    turn = turns(session)[0]
    marking.correct(by(ben), session.pk, turn.pk, "one")
    marking.correct(by(ana), session.pk, turn.pk, "two")
    with pytest.raises(Conflict, match="ana changed this since") as asked:
        undo(by(ben))
    assert (asked.value.found["by"], asked.value.found["what"]) == ("ana", "correct")
    assert told(session, ben)["corrected"] == {str(turn.pk): "two"}
    undo(by(ben), force=True)
    assert told(session, ben)["corrected"] == {}
    # Elsewhere, or of something else, it is no matter.
    marking.flag(by(ben), session.pk, turn.pk)
    marking.flag(by(ana), session.pk, turns(session)[1].pk)
    marking.tag(by(ana), session.pk, value="x", turn=turn.pk)
    undo(by(ben))
    assert told(session, ben)["flagged"] == [turns(session)[1].pk]


def test_undo_of_one_deed_asks_when_its_row_was_changed(session: Session, ben: User) -> None:
    marking.tag(by(ben), session.pk, value="x")
    first = Deed.objects.get()
    marking.untag(by(ben), session.pk, TagUse.objects.get().pk)
    with pytest.raises(Conflict, match="changed since"):
        undo(by(ben), deed_id=first.pk)
    undo(by(ben), deed_id=first.pk, force=True)
    assert told(session, ben)["tags"] == []
    with pytest.raises(Refused):
        undo(by(ben), deed_id=first.pk)
    with pytest.raises(Refused):
        undo(by(ben), deed_id=10**30)


def test_undo_shows_its_rows_in_every_session_that_a_late_boundary_made(ben: User) -> None:
    put(user("ada", NOW, "one"), user("ada", NOW + 10, "two"))
    first = the("ada")
    reviewing.later(by(ben), first.pk)
    reviewing.review(by(ben), first.pk, "broke", newest(first), turn=turns(first)[1].pk)
    put(*begin("ada", NOW + 5))
    assert Session.objects.count() == 2
    undo(by(ben))
    later = {(Kind.LATER, str(ben.pk)): 0, (Kind.FOR, str(ben.pk)): 0}
    assert rows(Session.objects.earliest("start_at"), Kind.LATER, Kind.FOR) == later
    before = {one.pk: rows(one) for one in Session.objects.all()}
    place(first.conversation_id)
    assert {one.pk: rows(one) for one in Session.objects.all()} == before


@pytest.mark.parametrize("force", [False, True])
def test_undo_says_so_when_nothing_is_left_of_what_was_done(session: Session, ben: User, force: bool) -> None:
    marking.note(by(ben), session.pk, "before")
    marking.tag(by(ben), session.pk, value="kept")
    kept = TagUse.objects.get().tag
    marking.tag(by(ben), session.pk, value="gone")
    vocabulary.merge_tags(by(ben), TagUse.objects.exclude(tag=kept).get().tag, kept)
    with pytest.raises(Refused, match="nothing left"):
        undo(by(ben), force=force)
    assert TagUse.objects.standing().get().tag == kept
    assert undo(by(ben)).said == "Tag taken off again."  # on to the one before
    assert not TagUse.objects.standing().exists()


def test_nobody_undoes_anothers_deed(session: Session, ben: User, ana: User) -> None:
    done = marking.tag(by(ben), session.pk, value="x")
    assert done.deed
    with pytest.raises(Refused):
        undo(by(ana), deed_id=done.deed.pk)
    assert told(session, ben)["tags"]


# --- what moves --------------------------------------------------------------------------------------


def opine(session: Session, person: User) -> None:
    """Every kind of opinion; those of turns on each of them."""
    request = by(person)
    for number, turn in enumerate(turns(session)):
        marking.flag(request, session.pk, turn.pk)
        marking.note(request, session.pk, f"note {number} @ana", turn=turn.pk)
        marking.tag(request, session.pk, value=f"turn {number}", turn=turn.pk)
        marking.correct(request, session.pk, turn.pk, f"intent_{number}")
    marking.tag(request, session.pk, value="whole")
    marking.note(request, session.pk, "on the whole")
    reviewing.review(request, session.pk, "broke", newest(session), turn=turns(session)[-1].pk)
    reviewing.assign(request, session.pk, "me")
    reviewing.later(request, session.pk)


def said(model: type[Any]) -> list[tuple[Any, ...]]:
    """Of each opinion what nobody may lose."""
    names = [field.attname for field in model._meta.concrete_fields if field.name != "session"]
    return [
        tuple(bytes(value) if isinstance(value, memoryview) else value for value in row)
        for row in model.objects.order_by("pk").values_list(*names)
    ]


def placed() -> dict[str, list[int | None]]:
    return {
        model.__name__: list(model._default_manager.order_by("pk").values_list("session_id", flat=True))
        for model in ANCHORED
    }


def test_a_rebuild_changes_nothing_of_what_was_said(session: Session, ben: User, ana: User) -> None:
    opine(session, ben)
    before = ([said(model) for model in ANCHORED], placed(), rows(session), told(session, ben))
    rebuild.rebuild_conversation(session.conversation_id)
    assert before == ([said(model) for model in ANCHORED], placed(), rows(session), told(session, ben))
    SessionValue.objects.all().delete()
    Session.objects.update(watermark=None, verdict=0)
    Flag.objects.update(session=None)
    rebuild.rebuild_conversation(session.conversation_id)
    assert before == ([said(model) for model in ANCHORED], placed(), rows(session), told(session, ben))
    place(session.conversation_id)
    assert before[2] == rows(session)


def test_a_late_boundary_takes_turns_with_what_was_said_of_them(
    session: Session, ben: User, ana: User
) -> None:
    opine(session, ben)
    before = [said(model) for model in ANCHORED]
    put(*begin("ada", NOW + 2.5))  # before the third turn
    assert [said(model) for model in ANCHORED] == before
    first, second = Session.objects.filter(conversation=session.conversation).order_by("start_at")
    assert told(first, ben)["flagged"] == [turn.pk for turn in turns(first)]
    assert told(second, ben)["flagged"] == [turn.pk for turn in turns(second)]
    assert len(turns(second)) == 1
    assert rows(first, Kind.MARK) == {(Kind.MARK, name): 0b110 for name in ("flagged", "corrected")} | {
        (Kind.MARK, "noted"): 0b110
    }
    assert rows(second, Kind.MARK) == {(Kind.MARK, name): 0b10 for name in ("flagged", "corrected", "noted")}
    assert {one["value"] for one in told(first, ben)["tags"]} == {"turn 0", "turn 1", "whole"}
    # It broke in the second: nobody has said yet how the first went.
    assert (told(first, ben)["status"], told(second, ben)["status"]) == ("unread", "reviewed")
    # And undo goes where it stands now.
    undone = [undo(by(ben)) for _ in range(3)]
    assert [done.session.pk for done in undone] == [first.pk, first.pk, second.pk]
    assert told(second, ben)["status"] == "unread"


def test_sessions_that_become_one_keep_both_and_owe_what_nobody_read(ben: User, ana: User) -> None:
    # Without marks of the bot, silence separates; a late message in between joins what it separated.
    put(user("ada", NOW, "one"), user("ada", NOW + 5_000, "two"))
    first, second = Session.objects.order_by("start_at")
    marking.tag(by(ben), first.pk, value="x")
    marking.tag(by(ana), second.pk, value="x")
    reviewing.review(by(ben), second.pk, "well", newest(second))
    put(user("ada", NOW + 2_500, "between"))
    joined = Session.objects.get()
    now = told(joined, ben)
    assert (now["status"], now["verdict"]) == ("changed", "well")
    assert len(now["tags"]) == 2
    marking.untag(by(ben), joined.pk, now["tags"][0]["use"])
    assert told(joined, ben)["tags"] == []
    reviewing.review(by(ana), joined.pk, "well", newest(joined))
    assert told(joined, ben)["status"] == "reviewed"


def test_what_joins_in_front_of_a_review_was_on_no_screen(ben: User) -> None:
    put(*begin("ada", NOW), user("ada", NOW + 1, "before"))
    put(*begin("ada", NOW + 100), user("ada", NOW + 101, "after"))
    first, second = Session.objects.order_by("start_at")
    reviewing.review(by(ben), second.pk, "well", newest(second))
    # A restart before the second beginning makes it a retry: part of the first.
    put(*[_restart("ada", NOW + 99.9995)])
    joined = Session.objects.get()
    assert told(joined, ben)["status"] == "changed"
    assert joined.pk in (first.pk, second.pk)
    reviewing.review(by(ben), joined.pk, "well", newest(joined))
    assert told(joined, ben)["status"] == "reviewed"


def _restart(sender: str, at: float) -> Any:
    from tests.test_session_pages import envelope

    return envelope(sender, at, event="restart")


def test_a_conversation_that_goes_takes_its_opinions(session: Session, ben: User, ana: User) -> None:
    opine(session, ben)
    reviewing.mark_seen(ben, session, 1)
    reviewing.claim(ben, session)
    Conversation.objects.filter(pk=session.conversation_id).delete()
    gone: list[Any] = [*ANCHORED, Claim, Mention]
    assert not any(model._default_manager.exists() for model in gone)


def test_others_hear_of_it_by_the_revision(session: Session, ben: User) -> None:
    before = session.revision
    marking.tag(by(ben), session.pk, value="x")
    session.refresh_from_db()
    assert session.revision == before + 1
    assert Conversation.objects.get().revision == session.revision
    put(user("ada", NOW + 20, "one more"))
    session.refresh_from_db()
    assert session.revision == before + 2


# --- choices -----------------------------------------------------------------------------------------


def test_choices_offer_the_likely_first(session: Session, ben: User, ana: User, tom: User) -> None:
    for value in ("rare", "often", "often"):
        marking.tag(by(ben), session.pk, value=value, turn=turns(session)[Deed.objects.count()].pk)
    found = choices("tag", session, ben)
    assert found is not None
    assert [(one["label"], one["key"]) for one in found] == [("often", "1"), ("rare", "2")]
    reasons = choices("reason", session, ben)
    assert reasons is not None
    assert [one["label"] for one in reasons][:2] == ["not understood", "wrong intent"]
    people = choices("assign", session, ben)
    assert people is not None
    assert [(one["label"], one["key"]) for one in people] == [("ben", "1"), ("ana", "2")]
    ranking = [
        {"name": "nlu_fallback", "confidence": 0.4},
        {"name": "ask_card", "confidence": 0.35},
        {"name": "bye", "confidence": 0.2},
    ]
    put(user("ada", NOW + 30, "hm", "nlu_fallback", 0.4, ranking=ranking))
    marking.correct(by(ben), session.pk, turns(session)[0].pk, "ask_refund")
    session.refresh_from_db()
    intents = choices("intent", session, ben, turn=turns(session)[-1].pk)
    assert intents is not None
    assert [one["label"] for one in intents] == ["ask_card", "bye", "ask_refund", "greet"]
    assert [one["hint"] for one in intents][:3] == ["35 %", "20 %", ""]
    assert choices("nothing", session, ben) is None


# --- the endpoints -----------------------------------------------------------------------------------


@pytest.fixture
def client(ben: User, signed_in: Callable[[User], Client]) -> Client:
    return signed_in(ben)


def test_answers_carry_the_sentence_and_the_session(session: Session, client: Client) -> None:
    base, turn = f"/sessions/{session.pk}/judge/", turns(session)[0].pk
    answer = client.post(
        f"{base}review/", {"verdict": "broke", "watermark": newest(session), "turn": turn, "reason": ""}
    )
    assert answer.status_code == 200
    body = answer.json()
    assert body["deed"]
    assert body["said"] == "Broke here."
    assert {
        "id",
        "status",
        "verdict",
        "by",
        "at",
        "tags",
        "assigned",
        "later",
        "flagged",
        "corrected",
    } <= body["session"].keys()
    assert (body["session"]["verdict"], body["session"]["reviews"][0]["turn"]) == ("broke", turn)
    assert client.post(f"{base}flag/", {"turn": turn}).json()["session"]["flagged"] == [turn]
    assert client.post(f"{base}seen/", {"watermark": turn}).json() == {"seen": turn}
    assert client.post(f"{base}claim/").json() == {"by": []}
    assert client.get(f"/sessions/{session.pk}/choices/?for=reason").json()["items"][0]["key"] == "1"
    assert client.post("/undo/").json()["session"]["flagged"] == []
    assert client.post("/undo/").json()["session"]["status"] == "unread"
    assert client.post("/undo/").status_code == 400


@pytest.mark.parametrize(
    ("name", "data"),
    [("review", {"verdict": "well"}), ("review", {"verdict": "well", "watermark": "x"}), ("review", {"verdict": "", "watermark": "1"}),
     ("review", {"verdict": "broke", "watermark": "1", "reason": "²"}), ("tag", {}), ("tag", {"tag": "9" * 30}), ("untag", {}),
     ("flag", {"turn": ""}), ("note", {}), ("correct", {"turn": "1"}), ("assign", {"user": "-1"}), ("seen", {}), ("note-edit", {})],
)  # fmt: skip
def test_bad_input_is_answered_with_a_sentence(
    session: Session, client: Client, name: str, data: dict[str, str]
) -> None:
    answer = client.post(f"/sessions/{session.pk}/judge/{name}/", data)
    assert answer.status_code == 400
    assert answer.json()["said"]
    assert not Deed.objects.exists()


def test_a_conflict_is_answered_with_who_and_what(session: Session, client: Client, ana: User) -> None:
    turn = turns(session)[0].pk
    client.post(f"/sessions/{session.pk}/judge/correct/", {"turn": turn, "intent": "one"})
    marking.correct(by(ana), session.pk, turn, "two")
    answer = client.post("/undo/")
    assert answer.status_code == 409
    assert answer.json()["conflict"]["by"] == "ana"
    assert client.post("/undo/", {"force": "1"}).json()["session"]["corrected"] == {}


def test_queries_do_not_grow_with_what_was_said(
    session: Session, client: Client, ben: User, ana: User, django_assert_num_queries: Any
) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    url = f"/sessions/{session.pk}/judge/"

    def count() -> int:
        client.post(f"{url}review/", {"verdict": "well", "watermark": turns(session)[0].pk})
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert (
                client.post(f"{url}review/", {"verdict": "well", "watermark": newest(session)}).status_code
                == 200
            )
        client.post("/undo/")
        return len(queries)

    marking.flag(by(ben), session.pk, turns(session)[0].pk)
    few = count()
    opine(session, ana)
    for number in range(10):
        marking.tag(by(ana), session.pk, value=f"more {number}", turn=turns(session)[1].pk)
        reviewing.review(by(ana), session.pk, ("well", "reviewed")[number % 2], newest(session))
    assert count() <= few + 2  # the events of anchors, the older reviews
