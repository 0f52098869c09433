"""What every request passes through: content security, the schema gate, the person's time zone."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.utils import timezone

from enterprise import schema
from enterprise.middleware import PersonTimeZone, content_security_policy
from enterprise.models import User

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _fresh_look() -> Iterator[None]:
    schema.is_ready.forget()
    yield
    schema.is_ready.forget()


@pytest.fixture
def older_schema(db: None) -> None:
    MigrationRecorder.Migration.objects.filter(app="enterprise").latest("id").delete()


def test_no_answer_allows_inline_scripts_or_foreign_ones(client: Client) -> None:
    for path in ("/api/health", "/api/nothing", "/nothing", "/"):
        policy = dict(part.split(" ", 1) for part in client.get(path)["Content-Security-Policy"].split("; "))
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
        assert policy["frame-ancestors"] == "'none'"
        assert "unsafe" not in " ".join(policy.values())


def test_images_of_bot_messages_can_be_forbidden(settings: Any) -> None:
    assert "img-src 'self' data: https:" in content_security_policy()
    settings.MESSAGE_IMAGES = "never"
    assert "img-src 'self' data:;" in content_security_policy()


def test_on_an_older_schema_pages_and_api_wait_while_health_answers(
    client: Client, older_schema: None
) -> None:
    page = client.get("/")
    assert page.status_code == 503
    assert int(page["Retry-After"]) > 0
    assert re.search(r'aria-label="[\d.]+ %"', page.content.decode())
    refused = client.get("/api/user")
    assert (refused.status_code, refused.json()["reason"]) == (503, "Migrating")
    health = client.get("/api/health")
    assert health.status_code == 200
    assert health.json()["database_migration"]["status"] == "pending"
    assert 0 < health.json()["database_migration"]["progress_in_percent"] < 100
    assert client.get("/api/version").status_code == 200


def test_work_begins_when_the_schema_is_done_without_a_restart(client: Client, older_schema: None) -> None:
    assert client.get("/api/user").status_code == 503
    missing = schema.compare(schema.applied(connection)).missing
    for app, name in missing:
        MigrationRecorder(connection).record_applied(app, name)
    schema.is_ready.forget()  # half a second later
    assert client.get("/api/user").status_code == 401


def test_on_a_newer_schema_nobody_works(client: Client, db: None) -> None:
    MigrationRecorder(connection).record_applied("enterprise", "9999_jet_packs")
    assert "newer" in client.get("/").content.decode()
    assert client.get("/api/health").json()["database_migration"]["status"] == "pending"


def test_ready_is_asked_of_the_database_only_now_and_then(
    client: Client, django_assert_num_queries: Any
) -> None:
    client.get("/api/nothing")
    with django_assert_num_queries(0):
        client.get("/api/nothing")


def test_a_database_that_is_away_is_a_503_that_names_the_setting(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_arguments: Any) -> Any:
        raise OperationalError("connection to 10.1.2.3 refused: password=hidden")

    monkeypatch.setattr(schema, "applied", away)
    page = client.get("/")
    assert page.status_code == 503
    assert "DATABASE_URL" in page.content.decode()
    assert "hidden" not in page.content.decode()
    answer = client.get("/api/user")
    assert (answer.status_code, answer.json()["reason"]) == (503, "DatabaseUnavailable")
    health = client.get("/api/health")
    assert health.status_code == 200
    assert "DATABASE_URL" in health.json()["database_migration"]["message"]


def test_a_database_that_goes_away_in_the_middle_is_a_503(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_arguments: Any) -> Any:
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr("enterprise.sign_in.check_password", away)
    client = Client(raise_request_exception=False)
    answer = client.post("/api/auth", {"username": "a", "password": "b"}, content_type="application/json")
    assert (answer.status_code, answer.json()["reason"]) == (503, "DatabaseUnavailable")


def zone_seen(user: Any = None, cookies: dict[str, str] | None = None, path: str = "/") -> str:
    seen: list[str] = []

    def view(_request: HttpRequest) -> HttpResponse:
        seen.append(timezone.get_current_timezone_name())
        return HttpResponse()

    request = RequestFactory().get(path)
    request.COOKIES.update(cookies or {})
    if user is not None:
        request.user = user
        request.COOKIES["enterprise_session"] = "x"
    PersonTimeZone(view)(request)
    return seen[0]


def test_times_are_in_the_zone_of_the_person_then_of_the_browser(ben: User) -> None:
    assert zone_seen() == "UTC"
    assert zone_seen(cookies={"zone": "Asia/Kathmandu"}) == "Asia/Kathmandu"
    assert zone_seen(cookies={"zone": "America%2FNew_York"}) == "America/New_York"
    assert zone_seen(cookies={"zone": "../../etc/passwd"}) == "UTC"
    ben.time_zone = "Europe/Lisbon"
    assert zone_seen(ben, {"zone": "Asia/Kathmandu"}) == "Europe/Lisbon"
    assert timezone.get_current_timezone_name() == "UTC"


def test_the_api_speaks_utc() -> None:
    assert zone_seen(cookies={"zone": "Asia/Kathmandu"}, path="/api/user") == "UTC"
