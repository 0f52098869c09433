"""Corrected messages: found, narrowed, paged, taken back, and exported so that training can use them."""

import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from ruamel.yaml import YAML

from conversations import corrections
from conversations.corrections import Wanted
from conversations.models import Assistant, Correction, Event, Session
from enterprise.models import AuditLine, User
from tests.test_session_pages import NOW, begin, put, the, user

pytestmark = [pytest.mark.django_db]

BERLIN = [{"start": 5, "end": 11, "entity": "city", "value": "Berlin"}]


@pytest.fixture(autouse=True)
def _forget_ids() -> None:
    from conversations.store import _known

    _known.clear()


def said(sender: str, text: str, intent: str = "nlu_fallback", **more: Any) -> None:
    put(*begin(sender, NOW), user(sender, NOW + 1, text, intent, **more))


def correct(client: Client, sender: str, intent: str, **more: str) -> Correction:
    """As a person does it in the transcript."""
    session = the(sender)
    turn = Event.objects.of_session(session).filter(type="user")[0]
    answer = client.post(
        f"/sessions/{session.pk}/judge/correct/", {"turn": turn.pk, "intent": intent, **more}
    )
    assert answer.status_code == 200, answer.content
    return Correction.objects.get(conversation=session.conversation_id)


def rows(client: Client, query: str = "") -> list[str]:
    answer: Any = client.get(f"/corrections/{query}")
    assert answer.status_code == 200
    return [row.text for row in answer.context["rows"]]


@pytest.fixture
def client_of_ben(ben: User, signed_in: Callable[[User], Client]) -> Client:
    return signed_in(ben)


@pytest.mark.both_databases
def test_the_table_says_what_it_was_what_it_is_and_where(client_of_ben: Client) -> None:
    said("one", "from Berlin <b>", "greet", confidence=0.4, entities=BERLIN)
    given = correct(client_of_ben, "one", "travel")
    answer = client_of_ben.get("/corrections/")
    text = answer.content.decode()
    event = Event.objects.get(type="user")
    assert f'href="/sessions/{the("one").pk}/turns/{event.pk}/"' in text
    for part in (
        "from Berlin &lt;b&gt;",
        "from [Berlin](city) &lt;b&gt;",
        ">greet<",
        "0.40",
        ">travel<",
        "Ben",
    ):
        assert part in text, part
    assert given.user is not None
    assert "<b></bdi>" not in text


@pytest.mark.both_databases
def test_it_is_narrowed_by_intent_person_and_day(client_of_ben: Client, ana: User, signed_in: Any) -> None:
    now = datetime.now(UTC)
    for number, (client, intent) in enumerate(
        ((client_of_ben, "a"), (signed_in(ana), "a"), (client_of_ben, "b"))
    ):
        said(f"s{number}", f"message {number}")
        given = correct(client, f"s{number}", intent)
        Correction.objects.filter(pk=given.pk).update(at=now - timedelta(days=number))
    day = [(now - timedelta(days=number)).date().isoformat() for number in range(3)]
    assert rows(client_of_ben) == ["message 0", "message 1", "message 2"]
    assert rows(client_of_ben, "?intent=a") == ["message 0", "message 1"]
    assert rows(client_of_ben, "?intent=a&person=ana") == ["message 1"]
    assert rows(client_of_ben, f"?until={day[1]}") == ["message 1", "message 2"]
    assert rows(client_of_ben, f"?since={day[1]}&until={day[1]}") == ["message 1"]
    assert rows(client_of_ben, "?intent=none-of-it") == []
    answer: Any = client_of_ben.get("/corrections/?intent=none-of-it")
    assert "None of these" in answer.content.decode()


@pytest.mark.parametrize(
    "query",
    ["?since=2026-13-45", "?until=9999-12-31", "?after=x~y", "?after=2026-99~1", "?intent=%00&person=%00"],
)
def test_strange_addresses_are_no_error(client_of_ben: Client, query: str) -> None:
    said("one", "hello")
    correct(client_of_ben, "one", "greet")
    assert client_of_ben.get(f"/corrections/{query}").status_code == 200


@pytest.mark.both_databases
def test_pages_hold_each_once_and_cost_the_same(client_of_ben: Client, ben: User) -> None:
    def asked(url: str) -> tuple[Any, int]:
        with CaptureQueriesContext(connection) as queries:
            answer = client_of_ben.get(url)
        return answer, len(queries)

    said("one", "hello")
    correct(client_of_ben, "one", "greet")
    asked("/corrections/")
    _answer, few = asked("/corrections/")
    put(
        *[
            envelope
            for n in range(70)
            for envelope in (*begin(f"x{n}", NOW + n), user(f"x{n}", NOW + n + 1, f"m{n}"))
        ]
    )
    at = datetime.now(UTC)
    for event in Event.objects.filter(type="user", text__startswith="m"):
        Correction.objects.create(
            conversation_id=event.conversation_id, session=Session.objects.get(conversation=event.conversation_id),
            anchor_at=event.timestamp, anchor_rank=event.rank, anchor_hash=event.hash, is_turn=True,
            user=ben, at=at, intent="x", was="y",
        )  # fmt: skip
    first, n_queries = asked("/corrections/")
    assert n_queries == few
    assert len(first.context["rows"]) == corrections.PAGE
    second, n_queries = asked(f"/corrections/?{first.context['next']}")
    assert n_queries == few
    shown = [row.correction.pk for page in (first, second) for row in page.context["rows"]]
    assert len(shown) == len(set(shown)) == 71
    assert second.context["next"] == ""


@pytest.mark.both_databases
def test_taking_one_back_is_a_deed_that_can_be_undone(client_of_ben: Client) -> None:
    said("one", "hello")
    given = correct(client_of_ben, "one", "greet")
    answer = client_of_ben.post(f"/corrections/{given.pk}/undo/", {"back": "/corrections/?intent=greet"})
    assert (answer.status_code, answer["Location"]) == (302, "/corrections/?intent=greet")
    assert rows(client_of_ben) == []
    assert client_of_ben.post(f"/corrections/{given.pk}/undo/").status_code == 404
    assert client_of_ben.post("/undo/").status_code == 200
    assert rows(client_of_ben) == ["hello"]
    answer = client_of_ben.post(f"/corrections/{given.pk}/undo/", {"back": "https://elsewhere.example/"})
    assert answer["Location"] == "/corrections/"


@pytest.mark.both_databases
@pytest.mark.parametrize(
    ("name", "header"),
    [
        ('a"b.exe', 'attachment; filename="corrections-a\\"b.exe-'),
        ("Zoë", "attachment; filename*=utf-8''corrections-Zo%C3%AB-"),
        ("two\nlines", 'attachment; filename="corrections-two_lines-'),
    ],
)
def test_any_assistants_name_is_a_files_name(client_of_ben: Client, name: str, header: str) -> None:
    said("one", "from Berlin")
    correct(client_of_ben, "one", "travel")
    Assistant.objects.update(name=name)
    for kind in ("yml", "csv"):
        answer = client_of_ben.get(f"/corrections/export.{kind}")
        assert answer["Content-Disposition"].startswith(header)


def test_the_yaml_holds_each_message_once_under_what_was_meant(client_of_ben: Client) -> None:
    said("one", "from Berlin", "greet", entities=BERLIN)
    said("two", "from Berlin")
    said("three", "/payload")
    said("four", "hello\nyou")
    said("old", "known words", "greet")
    for sender, intent in (
        ("one", "leave"),
        ("two", "travel"),
        ("three", "leave"),
        ("four", "faq/hello"),
        ("old", "greet"),
    ):
        correct(client_of_ben, sender, intent)
    Correction.objects.filter(intent="leave").update(at=datetime(2020, 1, 1, tzinfo=UTC))
    answer = client_of_ben.get("/corrections/export.yml")
    assert answer["Content-Disposition"].startswith('attachment; filename="corrections-default-')
    assert answer["X-Content-Type-Options"] == "nosniff"
    text = answer.content.decode()
    assert YAML(typ="safe").load(text) == {
        "version": "3.1",
        "nlu": [
            {"intent": "faq/hello", "examples": [{"text": "hello\nyou"}]},
            {"intent": "greet", "examples": "- known words\n"},
            {"intent": "travel", "examples": "- from Berlin\n"},
        ],
    }
    assert "# New intents, which the domain does not list yet: faq/hello, travel\n" in text
    assert "# Left out, because they are no words of a user: 1\n" in text
    assert AuditLine.objects.get(action="corrections.export").details == {"format": "yml", "rows": 3}
    narrow = client_of_ben.get("/corrections/export.yml?intent=leave").content.decode()
    assert "- from [Berlin](city)\n" in narrow
    assert "travel" not in narrow


def test_the_csv_opens_in_a_spreadsheet_without_running_anything(client_of_ben: Client) -> None:
    texts = [
        '=HYPERLINK("http://x")',
        "+1",
        "-5 degrees",
        "@SUM(1)",
        "\tx",
        'plain, with "quotes"\nand lines',
        "＝1",
        "größe 💶",
    ]
    for number, text in enumerate(texts):
        said(f"s{number}", text, confidence=0.25)
        correct(client_of_ben, f"s{number}", "travel")
    answer = client_of_ben.get("/corrections/export.csv")
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.content.startswith(b"\xef\xbb\xbf")
    read = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))
    assert {row["text"].removeprefix("'") for row in read} == set(texts)
    for row in read:
        assert not any(str(cell).startswith(("=", "+", "-", "@", "\t", "＝")) for cell in row.values()), row
        assert (row["intent"], row["was"], row["person"]) == ("travel", "nlu_fallback", "ben")
        assert datetime.fromisoformat(row["corrected_at"]).utcoffset() == timedelta(0)
        assert datetime.fromisoformat(row["said_at"]).timestamp() == NOW + 1
        assert row["session"].startswith("http://testserver/sessions/")
        assert client_of_ben.get(row["session"].removeprefix("http://testserver")).status_code == 200


def test_one_message_is_copied_as_an_example(client_of_ben: Client) -> None:
    said("one", "from Berlin\nor so", "greet", entities=BERLIN)
    session, event = the("one"), Event.objects.get(type="user")
    address = f"/sessions/{session.pk}/example/?turn={event.pk}"
    answer = client_of_ben.get(address)
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.content.decode() == "- from [Berlin](city) or so\n"
    correct(
        client_of_ben, "one", "travel", entities='[{"start": 5, "end": 11, "entity": "town", "role": "from"}]'
    )
    assert client_of_ben.get(address).content.decode() == (
        '- from [Berlin]{"entity": "town", "role": "from"} or so\n'
    )
    other = Event.objects.exclude(type="user")[0]
    for turn in (other.pk, "", "x", 10**25):
        assert client_of_ben.get(f"/sessions/{session.pk}/example/?turn={turn}").status_code == 404


def test_without_corrections_the_page_says_how_to_make_one(client_of_ben: Client) -> None:
    for _ in range(2):
        text = client_of_ben.get("/corrections/").content.decode()
        assert "No correction yet" in text
        said("one", "hello")
    assert client_of_ben.get("/corrections/export.json").status_code == 404


def test_days_are_the_assistants(ben: User) -> None:
    said("one", "hello")
    assistant = Assistant.objects.get()
    assistant.time_zone = "Pacific/Auckland"
    session = the("one")
    event = Event.objects.get(type="user")
    Correction.objects.create(
        conversation=session.conversation, session=session, anchor_at=event.timestamp, anchor_rank=event.rank,
        anchor_hash=event.hash, user=ben, at=datetime(2026, 11, 15, 20, tzinfo=UTC), intent="x", was="y",
    )  # fmt: skip
    monday = datetime(2026, 11, 16, tzinfo=UTC).date()
    everything = Session.objects.all()
    assert corrections.found(assistant, everything, Wanted(since=monday, until=monday)).count() == 1
    assert corrections.found(assistant, everything, Wanted(until=monday - timedelta(days=1))).count() == 0


def test_hostile_and_endless_messages_are_shown_short_and_exported_whole(client_of_ben: Client) -> None:
    endless = "[x](y) \u202e<script>alert(1)</script>\x00 " + "la " * 100_000
    said("one", endless, entities=[{"start": 7, "end": 8, "entity": "<b>", "value": "x"}])
    correct(client_of_ben, "one", "travel")
    page = client_of_ben.get("/corrections/").content.decode()
    assert "<script>alert" not in page
    assert len(page) < 60_000
    exported = client_of_ben.get("/corrections/export.yml").content.decode()
    assert exported.count("la ") >= 99_999
    assert "[[][]x](y)" in exported
    assert client_of_ben.get("/corrections/export.csv").status_code == 200
