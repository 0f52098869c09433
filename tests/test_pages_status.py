"""System status: what is said of sources, and resuming them."""

import time

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from enterprise.models import AuditLine
from enterprise.pages.status import source_state
from events.models import RejectedMessage, Source

NOW = 1_800_000_000.0


def row(**fields) -> Source:
    return Source(
        **{
            "key": "k",
            "kind": "rabbitmq",
            "label": "amqp://rabbit",
            "connected": True,
            "heartbeat_at": NOW,
            "created_at": NOW,
            **fields,
        }
    )


@pytest.mark.parametrize(
    ("fields", "level", "word"),
    [
        ({}, "good", "Listening"),
        ({"heartbeat_at": NOW - 60}, "bad", "Not running"),
        ({"heartbeat_at": None}, "bad", "Not running"),
        ({"connected": False}, "bad", "Not connected"),
        ({"problem": "refused"}, "bad", "Not connected"),
        ({"state": "stopped", "reason": "why"}, "bad", "Stopped"),
        ({"state": "paused"}, "warn", "Paused"),
        ({"kind": "demo", "heartbeat_at": None}, "idle", "Loaded once"),
    ],
)
def test_a_source_has_a_level_and_a_word(fields, level, word):
    state = source_state(row(**fields), now=NOW)
    assert (state.level, str(state.word)) == (level, word)


def test_why_a_source_stands_still_is_said():
    assert source_state(row(state="stopped", reason="why"), now=NOW).says == "why"
    assert source_state(row(problem="refused"), now=NOW).says == "refused"
    assert "is not there yet" in source_state(row(kind="sql", facts={"waiting_for": "file"}), now=NOW).says


def test_lag_is_the_time_between_happening_and_arriving_and_never_negative():
    assert source_state(row(last_event_at=NOW - 5, last_received_at=NOW - 2), now=NOW).lag == 3
    assert source_state(row(last_event_at=NOW + 5, last_received_at=NOW), now=NOW).lag == 0
    assert source_state(row(), now=NOW).lag is None


def test_who_made_the_exchange_and_who_else_takes_is_said():
    facts = {
        "exchange": "bot",
        "exchange_made_by_us": True,
        "other_consumers": 2,
        "queue_warning": "a quorum queue",
    }
    warnings = source_state(row(facts=facts), now=NOW).warnings
    assert "We made the exchange “bot” ourselves" in warnings[0]
    assert warnings[1].startswith("2 other consumers")
    assert warnings[2] == "a quorum queue"
    quiet = {"exchange": "bot", "exchange_made_by_us": False, "other_consumers": 0, "queue_warning": ""}
    assert source_state(row(facts=quiet), now=NOW).warnings == []


@pytest.mark.django_db
def test_the_page_shows_every_role_and_that_there_is_no_source_yet(signed_in, ana):
    text = signed_in(ana).get(reverse("status")).content.decode()
    for word in ("Event service", "Schema", "Cache", "Up to date", "No source yet", "Versions"):
        assert word in text


@pytest.mark.django_db
def test_what_needs_somebody_is_counted(signed_in, ana):
    row(key="1", heartbeat_at=time.time() + 60).save()
    client = signed_in(ana)
    assert "All is well" in client.get(reverse("status")).content.decode()
    row(key="2", heartbeat_at=time.time() + 60, state="stopped", reason="too much was rejected").save()
    text = client.get(reverse("status")).content.decode()
    assert "1 thing needs somebody" in text
    assert "too much was rejected" in text


@pytest.mark.django_db
def test_queries_do_not_grow_with_the_sources(signed_in, ana):
    client = signed_in(ana)
    row(key="0").save()
    client.get(reverse("status"))
    with CaptureQueriesContext(connection) as few:
        client.get(reverse("status"))
    for number in range(1, 6):
        row(key=str(number)).save()
    with CaptureQueriesContext(connection) as many:
        client.get(reverse("status"))
    assert len(many) == len(few)


@pytest.mark.django_db
def test_htmx_gets_the_changing_part_alone(signed_in, ana):
    text = signed_in(ana).get(reverse("status"), headers={"HX-Request": "true"}).content.decode()
    assert 'id="status-body"' in text
    assert "<html" not in text


@pytest.mark.django_db
def test_a_stopped_source_is_resumed_by_an_admin_with_a_post(signed_in, ana, ben):
    source = row(state="stopped", reason="x")
    source.save()
    path = reverse("source-resume", args=[source.pk])
    assert signed_in(ben).post(path).status_code == 403
    assert signed_in(ana).get(path).status_code == 405
    source.refresh_from_db()
    assert source.state == "stopped"
    assert signed_in(ana).post(path).url == reverse("status")
    source.refresh_from_db()
    assert (source.state, source.reason) == ("running", "")
    assert AuditLine.objects.get(action="source.resume").target == "amqp://rabbit"


@pytest.mark.django_db
def test_open_rejected_messages_are_counted_up_to_a_thousand(signed_in, ana):
    source = row()
    source.save()
    RejectedMessage.objects.bulk_create(
        RejectedMessage(
            source=source,
            body_hash=number.to_bytes(16),
            body=b"",
            size=0,
            reason="r",
            first_at=NOW,
            last_at=NOW,
        )
        for number in range(1001)
    )
    assert signed_in(ana).get(reverse("status")).context["n_rejected"] == "1,000+"


@pytest.mark.django_db
def test_only_who_runs_the_installation_sees_it(signed_in, ben, tom):
    assert signed_in(ben).get(reverse("status")).status_code == 403
    assert signed_in(tom).get(reverse("status")).status_code == 403
