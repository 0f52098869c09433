"""Two people at once, and people beside events: nothing is overwritten, and everybody sees both. On PostgreSQL."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.db.models import Model

from conversations import rebuild
from conversations.models import Correction, Deed, Flag, Review, Session, SessionValue, Tag, TagUse
from conversations.opinions import marking, reviewing, vocabulary
from conversations.opinions.deeds import Conflict, undo
from conversations.opinions.placing import refresh
from conversations.opinions.state import state
from conversations.tagging import Wanted, put_on
from enterprise.models import User
from tests.test_opinions import by, newest, rows, turns
from tests.test_session_pages import NOW, put, talk, the, user

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite has one writer at a time"),
]
Kind = SessionValue.Kind


def at_once(*works: Callable[[], Any]) -> list[Any]:
    """Run all in threads of their own, begun together; their results or exceptions."""
    start, results = threading.Barrier(len(works)), [None] * len(works)

    def run(place: int, work: Callable[[], Any]) -> None:
        try:
            start.wait(30)
            results[place] = work()
        except Exception as error:
            results[place] = error  # type: ignore[call-overload]
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair, daemon=True) for pair in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not [thread for thread in threads if thread.is_alive()], "somebody still waits for a lock"
    return results


@pytest.fixture
def session(db: None) -> Session:
    from conversations.store import _known

    _known.clear()
    put(*talk("ada", NOW))
    return the("ada")


def no_errors(results: list[Any]) -> None:
    assert not [one for one in results if isinstance(one, Exception)], results


def consistent(session: Session) -> None:
    """What is stored is what a refresh would write."""
    session.refresh_from_db()
    before = (rows(session), session.watermark, session.verdict)
    refresh([session])
    session.refresh_from_db()
    assert before == (rows(session), session.watermark, session.verdict)


def test_two_reviews_at_once_both_stand(session: Session, ben: User, ana: User) -> None:
    seen = newest(session)
    results = at_once(
        lambda: reviewing.review(by(ben), session.pk, "well", seen),
        lambda: reviewing.review(by(ana), session.pk, "broke", seen, turn=turns(session)[0].pk),
    )
    no_errors(results)
    assert Review.objects.count() == 2
    assert sorted("reviewed it too" in done.said for done in results) == [False, True]
    session.refresh_from_db()
    for person in (ben, ana):
        assert {one["by"] for one in state(session, person)["reviews"]} == {"ana", "ben"}
    assert set(rows(session, Kind.REVIEWER)) == {(Kind.REVIEWER, str(ben.pk)), (Kind.REVIEWER, str(ana.pk))}
    consistent(session)


def test_the_same_key_from_many_tabs_makes_one_row(session: Session, ben: User, ana: User) -> None:
    turn = turns(session)[0]
    works: list[Callable[[], Any]] = []
    for person in (ben, ana):
        for _ in range(3):
            works += [
                lambda person=person: marking.tag(by(person), session.pk, value="new"),  # type: ignore[misc]
                lambda person=person: marking.flag(by(person), session.pk, turn.pk, on=True),  # type: ignore[misc]
                lambda person=person: marking.correct(by(person), session.pk, turn.pk, "same"),  # type: ignore[misc]
                lambda person=person: reviewing.assign(by(person), session.pk, str(ben.pk)),  # type: ignore[misc]
                lambda person=person: reviewing.claim(person, session),  # type: ignore[misc]
                lambda person=person: reviewing.mark_seen(person, session, turn.pk),  # type: ignore[misc]
            ]
    no_errors(at_once(*works))
    counted: list[type[Model]] = [Tag, TagUse, Flag, Correction]
    assert [model._default_manager.count() for model in counted] == [1, 1, 1, 1]
    assert Deed.objects.count() == 4
    consistent(session)


def test_of_two_corrections_the_second_is_asked(session: Session, ben: User, ana: User) -> None:
    turn = turns(session)[0]
    results = at_once(
        lambda: marking.correct(by(ben), session.pk, turn.pk, "one", seen=""),
        lambda: marking.correct(by(ana), session.pk, turn.pk, "two", seen=""),
    )
    assert len([one for one in results if isinstance(one, Conflict)]) == 1
    (given,) = Correction.objects.all()
    assert given.intent == ("one" if isinstance(results[1], Conflict) else "two")


def test_turns_that_arrive_while_one_reviews_are_not_reviewed(session: Session, ben: User) -> None:
    for number in range(8):
        seen = newest(session)
        results = at_once(
            lambda seen=seen: reviewing.review(by(ben), session.pk, "well", seen),  # type: ignore[misc]
            lambda number=number: put(user("ada", NOW + 100 + number, "one more")),  # type: ignore[misc]
            lambda number=number: put(user("ada", NOW + 1.5 + number / 100, "late")),  # type: ignore[misc]
        )
        no_errors(results)
        session.refresh_from_db()
        assert session.watermark == seen
        assert rows(session, Kind.REVIEW) == {(Kind.REVIEW, "changed"): 0}
    consistent(session)


def test_people_bots_events_and_rebuilds_together(session: Session, ben: User, ana: User) -> None:
    first, second, third = turns(session)

    def judge(person: User) -> None:
        for number in range(4):
            marking.tag(by(person), session.pk, value=f"tag {number}")
            marking.flag(by(person), session.pk, (first, second, third)[number % 3].pk)
            marking.note(by(person), session.pk, "@ben @ana", turn=second.pk)
            reviewing.review(by(person), session.pk, "well", newest(session))
            undo(by(person), force=True)

    def bot() -> None:
        for number in range(8):
            put_on("default", "ada", [Wanted(value=f"tag {number}")])

    def events() -> None:
        for number in range(6):
            put(user("ada", NOW + 50 + number, "on"), user("ada", NOW + 1.2 + number / 50, "late"))

    def again() -> None:
        for _ in range(4):
            rebuild.rebuild_conversation(session.conversation_id)

    no_errors(at_once(lambda: judge(ben), lambda: judge(ana), bot, events, again))
    assert TagUse.objects.count() == 8
    assert Tag.objects.count() == 8
    consistent(session)
    rebuild.rebuild_conversation(session.conversation_id)
    consistent(session)


def test_a_tag_that_is_set_while_it_is_merged_or_written_otherwise(session: Session, ben: User) -> None:
    put(*talk("bob", NOW))
    other = the("bob")
    for number in range(5):
        marking.tag(by(ben), session.pk, value="new")
        marking.tag(by(ben), session.pk, value="old")
        new, old = Tag.objects.get(value="new"), Tag.objects.get(value="old")
        results = at_once(
            lambda old=old, new=new: vocabulary.merge_tags(by(ben), old, new),  # type: ignore[misc]
            lambda: marking.tag(by(ben), other.pk, value="old"),
            lambda number=number: put_on("default", "ada", [Wanted(value=f"Mixed {number}")]),  # type: ignore[misc]
            lambda number=number: marking.tag(by(ben), other.pk, value=f"mixed {number}"),  # type: ignore[misc]
        )
        no_errors(results)
        assert {use.tag.value for use in TagUse.objects.filter(session=other)} & {"old", "new"}
        assert Tag.objects.filter(value__iexact=f"mixed {number}").count() == 1
        Tag.objects.filter(value="old").delete()
        TagUse.objects.filter(session=other).delete()


def test_a_tag_that_goes_while_it_is_set(session: Session, ben: User) -> None:
    for _ in range(5):
        marking.tag(by(ben), session.pk, value="x")
        tag = Tag.objects.get(value="x")
        results = at_once(
            lambda tag=tag: vocabulary.delete_tag(by(ben), tag),  # type: ignore[misc]
            lambda: put_on("default", "ada", [Wanted(value="x")]),
            lambda: marking.tag(by(ben), session.pk, value="x", turn=turns(session)[0].pk),
        )
        no_errors(results)
    Tag.objects.exclude(value="x").delete()
    for use in TagUse.objects.all():
        assert use.tag.value == "x"
