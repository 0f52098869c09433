"""The API's shape: tokens, the error envelope, JSON in and out, health, version, its own description."""

import json
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import Client, RequestFactory
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.request import Request
from rest_framework.views import APIView

from enterprise import sign_in
from enterprise.access import CATEGORIES, may
from enterprise.api import pagination, renderers
from enterprise.api.authentication import LIFETIME, access_token, has_service_token
from enterprise.api.errors import Failure
from enterprise.api.permissions import SIGNED_IN, ByCategory
from enterprise.models import User
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db

ENVELOPE = {"version", "status", "code", "reason", "message", "details"}


@pytest.fixture
def api() -> Client:
    return Client(raise_request_exception=False)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize(
    "content_type", ["application/json", "text/plain", "", "application/x-www-form-urlencoded"]
)
def test_name_and_password_give_a_token_whatever_the_content_type(
    api: Client, ben: User, content_type: str
) -> None:
    body = json.dumps({"username": "ben", "password": PASSWORD})
    answer = api.post("/api/auth", body, content_type=content_type)
    assert answer.status_code == 200
    me = api.get("/api/user", headers=bearer(answer.json()["access_token"]))
    assert (me.status_code, me.json()["username"], me.json()["roles"]) == (200, "ben", ["reviewer"])
    assert "conversations.view" in me.json()["permissions"]


def test_the_published_key_verifies_the_token_that_rasa_reads(api: Client, ana: User) -> None:
    key = api.get("/api/version").json()["keys"][0]
    claims = jwt.decode(access_token(ana), key["key"], algorithms=[key["alg"]])
    assert (key["alg"], claims["username"], claims["scopes"]) == ("RS256", "ana", ["clientEvents:create"])
    assert "aud" not in claims
    assert 0 < claims["exp"] - time.time() <= LIFETIME


def test_a_tester_may_not_post_into_named_conversations(tom: User) -> None:
    assert jwt.decode(access_token(tom), options={"verify_signature": False})["scopes"] == []


def forged(user: User) -> str:
    from cryptography.hazmat.primitives.asymmetric import rsa

    claims = jwt.decode(access_token(user), options={"verify_signature": False})
    return jwt.encode(claims, rsa.generate_private_key(65537, 2048), algorithm="RS256")


def expired(user: User) -> str:
    from enterprise.api.keys import keys

    claims = jwt.decode(access_token(user), options={"verify_signature": False})
    return jwt.encode({**claims, "exp": int(time.time()) - 1}, keys().private, algorithm="RS256")


def symmetric(user: User) -> str:
    claims = jwt.decode(access_token(user), options={"verify_signature": False})
    return jwt.encode(claims, "the public key is no secret, so this must not do", algorithm="HS256")


@pytest.mark.parametrize("make", [forged, expired, symmetric, lambda _user: "no.token", lambda _user: "é"])
def test_a_bad_token_is_refused_in_the_shape_of_authentication_failures(
    api: Client, ben: User, make: Callable[[User], str]
) -> None:
    answer = api.get("/api/user", headers=bearer(make(ben)))
    assert answer.status_code == 401
    assert set(answer.json()) == ENVELOPE | {"reasons", "exception"}
    assert answer.json()["reasons"]
    assert answer["WWW-Authenticate"].startswith("Bearer")


def test_a_token_ends_with_its_password_and_with_its_person(api: Client, ben: User) -> None:
    token = access_token(ben)
    sign_in.set_password(ben, "another long walk")
    assert api.get("/api/user", headers=bearer(token)).status_code == 401
    token = access_token(ben)
    assert api.get("/api/user", headers=bearer(token)).status_code == 200
    sign_in.disable(ben)
    assert api.get("/api/user", headers=bearer(token)).status_code == 401


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"username": "ben", "password": "wrong"}', 401),
        (b'{"username": "ben"}', 401),
        (b'{"username": "b\\u0000n", "password": "\\ud800"}', 401),
        (b'{"username": "ben", "password": "\\ud800"}', 401),
        (b"[1]", 401),
        (b"", 401),
        (b"{", 400),
        (b'{"username": NaN}', 400),
        (b"\xff\xfe", 400),
        (b"[" * 100_000, 400),
        (b'"' + b"x" * 3_000_000 + b'"', 413),
    ],
)
def test_bad_credentials_and_bad_bodies_are_told_apart(
    api: Client, ben: User, body: bytes, code: int
) -> None:
    answer = api.post("/api/auth", body, content_type="application/json")
    assert answer.status_code == code
    assert set(answer.json()) >= ENVELOPE
    assert answer.json()["code"] == code


def test_guessing_through_the_api_is_stopped_with_a_time_to_wait(api: Client, ben: User) -> None:
    body = json.dumps({"username": "ben", "password": "wrong"})
    answers = [api.post("/api/auth", body, content_type="application/json") for _ in range(11)]
    assert [answer.status_code for answer in answers] == [401] * 10 + [429]
    assert int(answers[-1]["Retry-After"]) > 0


@pytest.mark.parametrize("path", ["/api/", "/api/nothing", "/api/health/deeper", "/api/usér/../x"])
@pytest.mark.parametrize("method", ["get", "post", "delete"])
def test_nothing_under_api_answers_with_a_page(path: str, method: str) -> None:
    answer = getattr(Client(enforce_csrf_checks=True), method)(path)
    assert answer.status_code == 404
    assert answer["Content-Type"] == "application/json"
    assert answer.json()["reason"] == "NotFound"


def test_a_wrong_method_is_refused_in_the_envelope(api: Client) -> None:
    answer = api.post("/api/health")
    assert (answer.status_code, answer.json()["reason"]) == (405, "MethodNotAllowed")


def test_a_mistake_of_ours_is_a_500_without_a_traceback(api: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise RuntimeError("the password is swordfish")

    monkeypatch.setattr("enterprise.api.views.health", broken)
    answer = api.get("/api/health")
    assert (answer.status_code, answer.json()["reason"]) == (500, "InternalServerError")
    assert b"swordfish" not in answer.content


def test_a_session_in_the_browser_needs_its_csrf_token_to_write(ana: User) -> None:
    class Write(APIView):
        category = "users.modify"

        def post(self, _request: Request) -> Any:
            from rest_framework.response import Response

            return Response({})

    request = RequestFactory(enforce_csrf_checks=True).post("/api/x", b"{}", content_type="application/json")
    request.user = ana
    answer = Write.as_view()(request)
    assert answer.status_code == 403
    assert answer.data["status"] == "failure"


def test_each_role_has_what_the_table_says(ana: User, ben: User, tom: User) -> None:
    allowed = {user.username: {name for name in CATEGORIES if may(user, name)} for user in (ana, ben, tom)}
    assert allowed["ana"] == set(CATEGORIES)
    assert allowed["ben"] == {"conversations.view", "conversations.judge", "conversations.define"}
    assert allowed["tom"] == set()


def routes(patterns: list[Any]) -> list[Any]:
    found: list[Any] = []
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            found += routes(pattern.url_patterns)
        elif isinstance(pattern, URLPattern) and hasattr(pattern.callback, "cls"):
            found.append(pattern.callback.cls)
    return found


def test_every_api_view_names_the_category_it_needs() -> None:
    views = {view for view in routes(get_resolver().url_patterns) if ByCategory in view.permission_classes}
    assert len(views) >= 1
    for view in views:
        methods = [
            name.upper() for name in view.http_method_names if hasattr(view, name) and name != "options"
        ]
        for method in methods:
            category = getattr(view, "categories", {}).get(method) or getattr(view, "category", None)
            assert category in {*CATEGORIES, SIGNED_IN}, f"{view.__name__}.{method}"


def test_a_view_without_a_category_answers_nobody(ana: User) -> None:
    request = RequestFactory().get("/")
    request.user = ana
    with pytest.raises(ImproperlyConfigured):
        ByCategory().has_permission(Request(request), APIView())


def test_health_says_what_ci_waits_for(api: Client) -> None:
    body = api.get("/api/health").json()
    assert body["database_migration"]["status"] == "completed"
    assert body["database_migration"]["progress_in_percent"] == 100
    assert body["database_migration"]["current_revision"] == body["database_migration"]["target_revision"]
    assert {"production", "worker", "event_service", "cache"} <= set(body)
    assert body["production"]["status"] in (200, 500)


def test_answers_are_json_whatever_they_hold() -> None:
    odd = {
        "nan": float("nan"),
        "infinite": [float("-inf")],
        "surrogate": "a\ud800b",
        "big": 10**5000,
        "é": "é",
    }
    text = renderers.dumps(odd).decode()
    assert json.loads(text, parse_constant=pytest.fail) == {
        **odd,
        "nan": None,
        "infinite": [None],
        "big": None,
    }
    assert renderers.dumps({"é": "é"}) == '{"é":"é"}'.encode()


def request_with(query: str) -> Request:
    return Request(RequestFactory().get("/api/things?" + query))


def test_lists_are_cut_by_limit_and_offset() -> None:
    rows = list(range(10))
    assert pagination.window(request_with("limit=3&offset=4")).of(rows) == [4, 5, 6]
    assert pagination.window(request_with("")).of(rows) == rows
    assert pagination.window(request_with("limit=0")).of(rows) == []
    assert pagination.window(request_with(""), default=2, maximum=5).of(rows) == [0, 1]
    assert pagination.window(request_with("limit=9"), default=2, maximum=5).limit == 5


@pytest.mark.parametrize(
    "query", ["limit=-1", "limit=ten", "offset=1.5", "limit=٣", "offset=99999999999999999999"]
)
def test_a_limit_that_is_no_number_is_refused(query: str) -> None:
    with pytest.raises(Failure) as caught:
        pagination.window(request_with(query))
    assert caught.value.status_code == 400


def test_lists_say_their_total_and_where_to_go_on(ana: User, ben: User) -> None:
    assert pagination.total(User.objects.filter(role="admin")) == 1
    assert pagination.total(User.objects.all()) == 2
    answer = pagination.respond(
        [1], request_with("q=a&offset=3"), total=7, next_cursor="n/1", previous_cursor="p"
    )
    assert answer["X-Total-Count"] == "7"
    assert answer["Link"] == (
        '<http://testserver/api/things?q=a&cursor=n%2F1>; rel="next", '
        '<http://testserver/api/things?q=a&cursor=p>; rel="prev"'
    )


def test_a_total_is_counted_once_for_each_filter(
    ana: User, django_assert_num_queries: Callable[[int], Any]
) -> None:
    with django_assert_num_queries(1):
        assert [pagination.total(User.objects.filter(username="ana").order_by("-id")) for _ in range(3)] == [
            1
        ] * 3


def test_a_rasa_server_is_known_by_the_shared_token(settings: Any) -> None:
    settings.RASA_X_TOKEN = ""
    assert not has_service_token(request_with("token="))
    settings.RASA_X_TOKEN = "shared"
    assert has_service_token(request_with("token=shared"))
    assert not has_service_token(request_with("token=sharedé"))


def test_the_api_describes_itself_and_its_page_needs_no_network(api: Client) -> None:
    document = api.get("/api/schema").json()
    assert {"/api/auth", "/api/user", "/api/health", "/api/version"} <= set(document["paths"])
    page = api.get("/api/docs")
    assert page.status_code == 200
    assert b"://" not in page.content
    assert b"<style" not in page.content
    assert b"<script>" not in page.content


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_the_docs_page_works_under_the_content_security_policy(live_server: Any, page: Any) -> None:
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(f"{live_server.url}/api/docs")
    page.get_by_text("/api/health").first.wait_for(timeout=20_000)
    assert said == []
