"""Connect: what endpoints.yml says, what our setting says, and the live line."""

import time
from pathlib import Path

import pytest
import yaml
from django.urls import reverse

from enterprise.pages.connect import SILENCE, listening
from enterprise.pages.recipes import Recipe, recipes
from events.models import Source
from events.sources import from_url

NOW = 1_800_000_000.0
EMBEDDED = Path("/srv/enterprise/var/rasa-events.db")
BUILT_IN = f"sql+sqlite://{EMBEDDED}"


def recipe(kind: str, *urls: str, embedded: Path = EMBEDDED) -> Recipe:
    known = recipes(urls, embedded=embedded, folder=embedded.parent)
    return next(each for each in known if each.kind == kind)


def broker(text: str) -> dict:
    return dict(yaml.safe_load(text)["event_broker"])


def test_the_same_machine_needs_nothing_but_the_path():
    built_in = recipe("sql", BUILT_IN)
    assert broker(built_in.endpoints) == {"type": "sql", "dialect": "sqlite", "db": str(EMBEDDED)}
    assert built_in.is_built_in
    assert from_url(built_in.setting).path == str(EMBEDDED)


@pytest.mark.parametrize("name", ["a b", "a: b", "a #b", "ünïcode", "it's", 'say "x"', "{x}", "100%"])
def test_paths_with_anything_in_them_survive_yaml_and_the_url(name):
    embedded = Path(f"/srv/{name}/rasa-events.db")
    each = recipe("sql", embedded=embedded)
    assert broker(each.endpoints)["db"] == str(embedded)
    assert from_url(each.setting).path == str(embedded)


def test_rabbitmq_is_shown_as_it_is_set_here_without_the_password():
    url = "amqp://rasa:s%40cret@rabbit.internal:5673/?exchange=bot&queue=ours"
    each = recipe("rabbitmq", url)
    assert broker(each.endpoints) == {
        "type": "pika",
        "url": "rabbit.internal",
        "port": 5673,
        "username": "rasa",
        "password": "${RABBITMQ_PASSWORD}",
        "exchange_name": "bot",
        "queues": ["ours"],
    }
    assert "cret" not in each.endpoints + each.setting
    assert each.address == from_url(url)


def test_a_virtual_host_and_tls_are_spelt_as_rasa_takes_them():
    each = recipe("rabbitmq", "amqps://rasa:x@rabbit/my%2Fhost")
    assert broker(each.endpoints)["url"] == "amqps://rasa:${RABBITMQ_PASSWORD}@rabbit:5671/my%2Fhost"
    again = from_url(each.setting.replace("PASSWORD", "x"))
    assert (again.path, again.port, again.queue) == ("my/host", 5671, "enterprise_events")


def test_what_is_not_set_yet_comes_with_the_setting_to_copy():
    for kind in ("rabbitmq", "file"):
        each = recipe(kind)
        assert each.address is None
        assert from_url(each.setting).kind == kind
    assert broker(recipe("rabbitmq").endpoints)["queues"] == ["enterprise_events"]


def test_a_table_on_postgresql_is_offered_with_its_server():
    each = recipe("sql", "sql+postgresql://rasa:x@db.internal/events")
    assert not each.is_built_in
    assert broker(each.endpoints) | {"password": ""} == {
        "type": "sql",
        "dialect": "postgresql",
        "url": "db.internal",
        "port": 5432,
        "db": "events",
        "username": "rasa",
        "password": "",
    }


def test_an_address_that_cannot_be_read_takes_nothing_else_away():
    assert recipe("file", "nonsense", "file:///srv/log").address == from_url("file:///srv/log")


def source(**fields) -> Source:
    address = from_url(BUILT_IN)
    return Source.objects.create(
        **{
            "key": address.key,
            "kind": "sql",
            "label": address.label,
            "created_at": NOW,
            "connected": True,
            "heartbeat_at": NOW,
            **fields,
        }
    )


def line(*, opened: float = NOW, now: float = NOW) -> str:
    return listening(recipe("sql", BUILT_IN), opened=opened, now=now).state


@pytest.mark.django_db
def test_the_line_tells_one_state_after_the_other():
    assert line() == "away"
    row = source()
    assert line() == "waiting"
    Source.objects.update(heartbeat_at=NOW + SILENCE + 1)
    assert line(now=NOW + SILENCE) == "waiting"
    assert line(now=NOW + SILENCE + 1) == "quiet"
    Source.objects.update(last_received_at=NOW + SILENCE + 1)
    arrived = listening(recipe("sql", BUILT_IN), opened=NOW, now=NOW + SILENCE + 2)
    assert (arrived.state, arrived.is_first, arrived.arrived_at) == ("arrived", True, NOW + SILENCE + 1)
    assert arrived.source == row


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({"heartbeat_at": NOW - 60}, "away"),
        ({"heartbeat_at": None}, "away"),
        ({"connected": False}, "problem"),
        ({"problem": "no such table"}, "problem"),
        ({"state": "stopped", "reason": "too much"}, "stopped"),
        ({"state": "paused"}, "stopped"),
    ],
)
def test_a_source_in_trouble_is_never_called_listening(fields, state):
    source(**fields)
    assert line() == state


@pytest.mark.django_db
def test_old_events_are_no_first_event():
    source(last_received_at=NOW - 10)
    assert listening(recipe("sql", BUILT_IN), opened=NOW, now=NOW).is_first is False


@pytest.mark.django_db
def test_the_page_has_three_ways_and_works_without_scripts(signed_in, ana, settings):
    settings.EVENT_BROKER_URLS = []
    client = signed_in(ana)
    for kind in ("sql", "rabbitmq", "file"):
        text = client.get(reverse("connect"), {"via": kind}).content.decode()
        assert f'id="via-{kind}" data-action="connect-{kind}"' in text
        assert 'aria-current="true"' in text
        assert "event_broker:" in text
    assert client.get(reverse("connect"), {"via": "pigeon"}).context["recipe"].kind == "sql"


@pytest.mark.django_db
def test_after_a_minute_of_silence_the_causes_are_listed_in_order(signed_in, ana, settings):
    settings.EVENT_BROKER_URLS = []
    settings.EMBEDDED_EVENTS_DB = EMBEDDED
    now = time.time()
    source(heartbeat_at=now + 60)
    client = signed_in(ana)
    early = client.get(reverse("connect-live"), {"via": "sql", "opened": f"{now:.0f}"}).content.decode()
    late = client.get(reverse("connect-live"), {"via": "sql", "opened": f"{now - 90:.0f}"}).content.decode()
    assert "Listening, nothing yet" in early
    assert "<ol>" not in early
    assert "Listening, still nothing" in late
    assert late.index("has it been restarted") < late.index("container") < late.index("tracker store")


@pytest.mark.django_db
@pytest.mark.parametrize("opened", ["", "x", "1e400", "99999999999999999999", "-1"])
def test_a_strange_opening_time_is_taken_as_now(signed_in, ana, opened):
    assert signed_in(ana).get(reverse("connect-live"), {"opened": opened}).status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["connect", "connect-panel", "connect-live"])
def test_only_who_runs_the_installation_sees_its_addresses(signed_in, ben, name):
    assert signed_in(ben).get(reverse(name)).status_code == 403
