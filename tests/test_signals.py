"""What counts as: definitions in the database, the page that tries and saves them, and what follows in queries."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.http import urlencode

from conversations import signals
from conversations.defining import NAMES, Definition
from conversations.models import Assistant, Session, Signal
from enterprise.models import AuditLine, User
from tests.test_session_pages import NOW, action, begin, envelope, put, the, user

pytestmark = [pytest.mark.django_db]


@pytest.fixture(autouse=True)
def _forget_ids() -> None:
    from conversations.store import _known

    _known.clear()


@pytest.fixture
def assistant() -> Assistant:
    """Four sessions: one handed over, one with a complaint, one in an open form, one plain."""
    put(
        *begin("handed", NOW), user("handed", NOW + 1, "a person", "speak_to_human"),
        action("handed", NOW + 2, "action_handoff"),
        *begin("angry", NOW + 10), user("angry", NOW + 11, "you are bad", "complain"),
        envelope("angry", NOW + 12, event="slot", name="mood", value="bad"),
        *begin("left", NOW + 20), user("left", NOW + 21, "top up", "top_up"),
        envelope("left", NOW + 22, event="active_loop", name="topup_form"),
        *begin("plain", NOW + 30), user("plain", NOW + 31, "hello", "greet"),
    )  # fmt: skip
    return Assistant.objects.get(name="default")


def opened(client: Client, url: str) -> Any:
    answer = client.get(url)
    assert answer.status_code == 200, answer
    return answer


def listed(client: Client, query: str) -> set[str]:
    rows = opened(client, f"/sessions/?{urlencode({'q': query})}").context["rows"]
    return {row.session.conversation.sender_id for row in rows}


@pytest.mark.both_databases
def test_until_somebody_defines_them_signals_are_guessed_from_what_occurs(assistant: Assistant) -> None:
    with CaptureQueriesContext(connection) as queries:
        found = signals.definitions(assistant)
        assert signals.definition(assistant, "handoff") is found["handoff"]
    assert len(queries) == 4
    assert found["handoff"] == Definition(actions=("action_handoff",), is_guess=True)
    assert found["complaint"] == Definition(intents=("complain",), is_guess=True)
    assert found["abandoned"] == Definition(loops=("topup_form",), is_guess=True)
    assert found["goal"] == Definition(is_guess=True)


@pytest.mark.both_databases
def test_a_definition_holds_at_once_and_can_be_let_go(assistant: Assistant, ana: User) -> None:
    wanted = Definition(intents=("greet", "complain"), slots=("mood=bad",))
    signals.definitions(assistant)
    assert signals.define(assistant, "goal", wanted, ana)
    assert signals.definition(assistant, "goal").same(
        Definition(("complain", "greet"), (), ("mood=bad",), ())
    )
    assert not signals.definition(assistant, "goal").is_guess
    assert not signals.define(
        assistant, "goal", Definition(("complain", "greet"), (), ("mood=bad",), ()), ana
    )
    assert signals.undefine(assistant, "goal")
    assert not signals.undefine(assistant, "goal")
    assert signals.definition(assistant, "goal").is_guess


def test_strange_definitions_are_refused(assistant: Assistant) -> None:
    with pytest.raises(ValueError, match="trouble"):
        signals.define(assistant, "trouble", Definition(), None)
    with pytest.raises(ValueError, match="goal"):
        signals.define(assistant, "goal", Definition(intents=tuple(map(str, range(501)))), None)
    assert not Signal.objects.exists()


@pytest.mark.both_databases
def test_sessions_know_their_signals_in_one_query(assistant: Assistant) -> None:
    wanted = {**signals.definitions(assistant), "goal": Definition(slots=("mood", "mood=bad"))}
    sessions = list(Session.objects.all())
    with CaptureQueriesContext(connection) as queries:
        found = signals.of_sessions(sessions, wanted)
    assert len(queries) == 1
    assert found == {
        the("handed").pk: ("handoff",),
        the("angry").pk: ("goal", "complaint"),
        the("left").pk: ("abandoned",),
    }
    assert signals.of_sessions([], wanted) == {}


@pytest.mark.both_databases
def test_the_page_shows_all_five_with_what_they_match(
    assistant: Assistant, ben: User, signed_in: Callable[[User], Client]
) -> None:
    client = signed_in(ben)
    shown = {signal.name: signal for signal in opened(client, "/signals/").context["signals"]}
    assert tuple(shown) == NAMES
    assert {name: signal.lately for name, signal in shown.items()} == {
        "fallback": 0, "handoff": 1, "goal": 0, "abandoned": 1, "complaint": 1,
    }  # fmt: skip
    for name, sender in (("handoff", "handed"), ("abandoned", "left"), ("complaint", "angry")):
        assert [session.conversation.sender_id for session in shown[name].examples] == [sender]
        assert listed(client, f"is:{name}") == {sender}


@pytest.mark.both_databases
def test_a_definition_is_tried_before_it_is_saved_and_then_counts_everywhere(
    assistant: Assistant, ben: User, signed_in: Callable[[User], Client]
) -> None:
    client = signed_in(ben)
    tried = urlencode(
        {"try": "1", "intents": ["greet", "speak_to_human"], "add-slots": "mood=bad, never"}, doseq=True
    )
    page = opened(client, f"/signals/goal/?{tried}")
    signal = page.context["signal"]
    assert signal.lately == 3
    assert {s.conversation.sender_id for s in signal.examples} == {"handed", "angry", "plain"}
    assert listed(client, signal.query) == {"handed", "angry", "plain"}
    assert [part.unseen for part in page.context["parts"]] == [[], [], ["never"], []]
    assert "tried, not saved" in page.content.decode()
    assert listed(client, "is:goal") == set()
    assert not Signal.objects.exists()

    names = {"intents": ["greet", "speak_to_human"], "slots": ["mood=bad"]}
    answer = client.post("/signals/goal/", names, follow=True)
    assert answer.redirect_chain == [("/signals/", 302)]
    assert listed(client, "is:goal") == {"handed", "angry", "plain"}
    line = AuditLine.objects.get(action="signal.define")
    assert (line.actor, line.target, line.details["slots"]) == ("ben", "default: goal", ["mood=bad"])

    client.post("/signals/goal/", {"guess": "1"})
    assert listed(client, "is:goal") == set()
    assert AuditLine.objects.filter(action="signal.undefine").count() == 1


def test_annotators_look_but_do_not_define(assistant: Assistant, signed_in: Callable[[User], Client]) -> None:
    annotator = User.objects.create_user("nora", role="annotator")
    client = signed_in(annotator)
    assert "not save" in opened(client, "/signals/goal/").content.decode()
    assert client.post("/signals/goal/", {"intents": "greet"}).status_code == 403
    assert not Signal.objects.exists()


@pytest.mark.parametrize(
    "query",
    [
        "try=1&intents=%00&add-intents=%00,%2C,",
        "try=1&intents=" + "x" * 5000,
        "try=1&add-slots=" + "%3D,a%3D,%3Db" * 200,
        "try=1&add-actions=%22%20OR%20%28%3C%3Cscript%3Ealert(1)%3C/script%3E",
        "try=1&" + "&".join(f"intents=i{n}" for n in range(700)),
        "try=1&loops=*",
        "try=",
    ],
)
def test_whatever_is_tried_is_no_error_and_no_markup(
    assistant: Assistant, ben: User, signed_in: Callable[[User], Client], query: str
) -> None:
    text = opened(signed_in(ben), f"/signals/goal/?{query}").content.decode()
    assert "<script>alert" not in text


def test_unknown_signals_and_empty_houses_have_clear_answers(
    ben: User, signed_in: Callable[[User], Client]
) -> None:
    client = signed_in(ben)
    assert "Nothing to define yet" in opened(client, "/signals/").content.decode()
    assert client.get("/signals/goal/").status_code == 404
    assert client.get("/signals/trouble/").status_code == 404


def test_the_pages_ask_as_much_for_many_sessions_as_for_few(
    assistant: Assistant, ben: User, signed_in: Callable[[User], Client]
) -> None:
    client = signed_in(ben)

    def asked(url: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            opened(client, url)
        return len(queries)

    urls = ("/signals/", "/signals/handoff/")
    asked("/signals/")
    few = [asked(url) for url in urls]
    for number in range(20):
        at = NOW + 100 + 10 * number
        put(*begin(f"more-{number}", at), user(f"more-{number}", at + 1, "no", f"intent_{number}"),
            action(f"more-{number}", at + 2, "action_handoff"))  # fmt: skip
    assert [asked(url) for url in urls] == few


@pytest.mark.both_databases
def test_scripts_are_told_the_signals_as_the_team_named_them(
    assistant: Assistant, ana: User, signed_in: Callable[[User], Client]
) -> None:
    client = signed_in(ana)
    signals.define(assistant, "fallback", Definition(intents=("complain",)), ana)

    def told(sender: str) -> list[str]:
        found: list[str] = client.get(f"/api/sessions/{the(sender).pk}").json()["signals"]
        return found

    assert [told(sender) for sender in ("handed", "angry", "left", "plain")] == [
        ["handoff"],
        ["complaint", "fallback"],
        ["abandoned"],
        [],
    ]
    assert [row["sender_id"] for row in client.get("/api/sessions?q=is:fallback").json()] == ["angry"]


def test_rows_and_the_open_session_wear_their_signals(
    assistant: Assistant, ben: User, signed_in: Callable[[User], Client]
) -> None:
    client = signed_in(ben)
    rows = {row.session.pk: row for row in opened(client, "/sessions/").context["rows"]}
    assert [chip.name for chip in rows[the("handed").pk].signals] == ["handoff"]
    assert [chip.name for chip in rows[the("angry").pk].signals] == ["complaint"]
    assert rows[the("plain").pk].signals == []
    assert (
        '<span class="chip warn">Abandoned form</span>'
        in opened(client, f"/sessions/{the('left').pk}/").content.decode()
    )
