"""Who may do what: every route and method that the product serves, and what each kind of person gets.

A new route without a line in TABLE fails the suite, and so does a line whose route is gone.
"""

import contextlib
import json
import time
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import quote

import pytest
from django.db import transaction
from django.test import Client
from django.urls import URLResolver, get_resolver
from django.utils import timezone

from conversations.models import Correction, Deed, Event, Note, Review, SavedView, Session, Tag, TagUse
from conversations.opinions.vocabulary import reasons
from conversations.tagging import Wanted, put_on
from enterprise.api.authentication import access_token
from enterprise.models import AuditLine, DemoState, SignInLink, User
from enterprise.sign_in import invite
from events.models import RejectedMessage, Source
from tests.test_session_pages import put, talk

pytestmark = pytest.mark.django_db

PEOPLE = ("anonymous", "disabled", "tester", "annotator", "reviewer", "admin")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")

# `in`: sent to sign in, and back afterwards. 302: to another page. Under /api every refusal is the error envelope.
# 404 keeps from testers even whether something exists.
TABLE = """
                                                                  anonymous  disabled    tester annotator  reviewer     admin
GET    /                                                                 in        in       302       302       302       302
GET    sign-in/                                                         200       200       302       302       302       302
POST   sign-in/                                                         302       302       302       302       302       302
POST   sign-out/                                                         in        in       302       302       302       302
GET    enter/<str:secret>/                                              200       200       200       200       200       200
POST   enter/<str:secret>/                                              302       302       302       302       302       302
GET    people/                                                           in        in       403       403       403       200
GET    people/new/                                                       in        in       403       403       403       200
POST   people/new/                                                       in        in       403       403       403       200
POST   people/<int:pk>/link/                                             in        in       403       403       403       200
POST   people/<int:pk>/role/                                             in        in       403       403       403       302
POST   people/<int:pk>/disable/                                          in        in       403       403       403       302
POST   people/<int:pk>/enable/                                           in        in       403       403       403       302
GET    connect/                                                          in        in       403       403       403       200
GET    connect/panel/                                                    in        in       403       403       403       200
GET    connect/live/                                                     in        in       403       403       403       200
GET    demo/card/                                                        in        in       403       403       403       200
POST   demo/play/                                                        in        in       403       403       403       302
POST   demo/remove/                                                      in        in       403       403       403       302
GET    status/                                                           in        in       403       403       403       200
POST   status/sources/<int:pk>/resume/                                   in        in       403       403       403       302
GET    status/rejected/                                                  in        in       403       403       403       200
POST   status/rejected/replay/                                           in        in       403       403       403       302
POST   status/rejected/<int:pk>/replay/                                  in        in       403       403       403       302
GET    status/rejected/<int:pk>/body/                                    in        in       403       403       403       200
GET    profile/                                                          in        in       200       200       200       200
POST   profile/person/                                                   in        in       302       302       302       302
POST   profile/password/                                                 in        in       302       302       302       302
POST   profile/theme/                                                    in        in       302       302       302       302
GET    sessions/                                                         in        in       200       200       200       200
GET    sessions/poll/                                                    in        in       204       200       200       200
GET    sessions/complete/                                                in        in       403       200       200       200
GET    sessions/facets/                                                  in        in       403       200       200       200
GET    sessions/<int:pk>/                                                in        in       404       200       200       200
GET    sessions/<int:pk>/poll/                                           in        in       404       200       200       200
GET    sessions/<int:pk>/strip/                                          in        in       404       200       200       200
GET    sessions/<int:pk>/events/                                         in        in       404       200       200       200
GET    sessions/<int:pk>/events/<int:event_id>/                          in        in       404       200       200       200
GET    sessions/<int:pk>/turns/<int:event_id>/                           in        in       404       200       200       200
GET    sessions/<int:pk>/turns/<int:event_id>/story/                     in        in       404       200       200       200
POST   sessions/<int:pk>/judge/review/                                    in        in       403       200       200       200
POST   sessions/<int:pk>/judge/unreview/                                  in        in       403       200       200       200
POST   sessions/<int:pk>/judge/later/                                     in        in       403       200       200       200
POST   sessions/<int:pk>/judge/assign/                                    in        in       403       200       200       200
POST   sessions/<int:pk>/judge/tag/                                       in        in       403       200       200       200
POST   sessions/<int:pk>/judge/untag/                                     in        in       403       200       200       200
POST   sessions/<int:pk>/judge/flag/                                      in        in       403       200       200       200
POST   sessions/<int:pk>/judge/note/                                      in        in       403       200       200       200
POST   sessions/<int:pk>/judge/note-edit/                                 in        in       403       403       200       403
POST   sessions/<int:pk>/judge/note-delete/                               in        in       403       403       200       200
POST   sessions/<int:pk>/judge/correct/                                   in        in       403       200       200       200
POST   sessions/<int:pk>/judge/uncorrect/                                 in        in       403       200       200       200
POST   sessions/<int:pk>/judge/seen/                                      in        in       403       200       200       200
POST   sessions/<int:pk>/judge/claim/                                     in        in       403       200       200       200
GET    sessions/<int:pk>/choices/                                         in        in       403       200       200       200
POST   undo/                                                              in        in       403       200       200       200
GET    tags/                                                                   in        in       403       200       200       200
POST   tags/new/                                                               in        in       403       302       302       302
POST   tags/<int:pk>/save/                                                     in        in       403       302       302       302
POST   tags/<int:pk>/merge/                                                    in        in       403       302       302       302
POST   tags/<int:pk>/delete/                                                   in        in       403       302       302       302
POST   reasons/new/                                                            in        in       403       302       302       302
POST   reasons/<int:pk>/save/                                                  in        in       403       302       302       302
POST   reasons/<int:pk>/delete/                                                in        in       403       302       302       302
GET    views/                                                            in        in       403       200       200       200
POST   views/                                                            in        in       403       302       302       302
GET    views/new/                                                        in        in       403       200       200       200
GET    views/counts/                                                     in        in       403       200       200       200
POST   views/<int:pk>/save/                                              in        in       403       302       302       302
POST   views/<int:pk>/change/                                            in        in       403       403       200       200
POST   views/<int:pk>/delete/                                            in        in       403       403       200       200
POST   views/<int:pk>/restore/                                           in        in       403       403       200       200
POST   views/<slug:key>/star/                                            in        in       403       200       200       200
GET    sessions/<int:pk>/example/                                        in        in       403       200       200       200
GET    week/                                                             in        in       403       200       200       200
GET    corrections/                                                      in        in       403       200       200       200
POST   corrections/<int:pk>/undo/                                        in        in       403       302       302       302
GET    corrections/export.<str:kind>                                     in        in       403       200       200       200
GET    signals/                                                          in        in       403       200       200       200
GET    signals/<slug:name>/                                              in        in       403       200       200       200
POST   signals/<slug:name>/                                              in        in       403       403       302       302
GET    conversations/                                                    in        in       302       302       302       302
GET    conversations/<sender:rest>                                       in        in       404       302       302       302
POST   api/auth                                                         200       200       200       200       200       200
GET    api/user                                                         401       401       200       200       200       200
GET    api/health                                                       200       200       200       200       200       200
GET    api/version                                                      200       200       200       200       200       200
GET    api/schema                                                       200       200       200       200       200       200
GET    api/docs                                                         200       200       200       200       200       200
GET    api/conversationIntents                                          401       401       403       200       200       200
GET    api/conversationActions                                          401       401       403       200       200       200
GET    api/conversationEntities                                         401       401       403       200       200       200
GET    api/conversationPolicies                                         401       401       403       200       200       200
GET    api/conversations/slotNames                                      401       401       403       200       200       200
GET    api/conversations/inputChannels                                  401       401       403       200       200       200
GET    api/conversations/slotValues                                     401       401       403       200       200       200
GET    api/statistics                                                   401       401       403       200       200       200
GET    api/conversations                                                401       401       403       200       200       200
GET    api/conversations/tags                                           401       401       403       200       200       200
DELETE api/conversations/tags/<int:tag_id>                              401       401       403       204       204       204
GET    api/conversations/<sender:sender_id>/tags                        401       401       403       200       200       200
POST   api/conversations/<sender:sender_id>/tags                        200       200       200       200       200       200
DELETE api/conversations/<sender:sender_id>/tags/<int:tag_id>           401       401       403       204       204       204
GET    api/conversations/data_tags                                      401       401       403       200       200       200
DELETE api/conversations/data_tags/<int:tag_id>                         401       401       403       204       204       204
GET    api/conversations/<sender:sender_id>/data_tags                   401       401       403       200       200       200
POST   api/conversations/<sender:sender_id>/data_tags                   200       200       200       200       200       200
DELETE api/conversations/<sender:sender_id>/data_tags/<int:tag_id>      401       401       403       204       204       204
GET    api/conversations/data-tags                                      401       401       403       200       200       200
DELETE api/conversations/data-tags/<int:tag_id>                         401       401       403       204       204       204
GET    api/conversations/<sender:sender_id>/data-tags                   401       401       403       200       200       200
POST   api/conversations/<sender:sender_id>/data-tags                   200       200       200       200       200       200
DELETE api/conversations/<sender:sender_id>/data-tags/<int:tag_id>      401       401       403       204       204       204
GET    api/conversations/<sender:sender_id>                             401       401       403       200       200       200
GET    api/sessions                                                     401       401       403       200       200       200
GET    api/sessions/<int:pk>                                            401       401       403       200       200       200
GET    api/sessions/<int:pk>/events                                     401       401       403       200       200       200
GET    api/views                                                        401       401       403       200       200       200
POST   api/views                                                        401       401       403       201       201       201
GET    api/views/<int:pk>                                               401       401       403       200       200       200
PATCH  api/views/<int:pk>                                               401       401       403       200       200       200
DELETE api/views/<int:pk>                                               401       401       403       403       204       204
PUT    api/conversations/<sender:sender_id>/reviewStatus                      401       401       403       204       204       204
GET    api/conversations/<sender:sender_id>/messages                          401       401       403       200       200       200
PUT    api/conversations/<sender:sender_id>/messages/<str:timestamp>/flag       401       401       403       204       204       204
DELETE api/conversations/<sender:sender_id>/messages/<str:timestamp>/flag       401       401       403       204       204       204
PUT    api/conversations/<sender:sender_id>/messages/<str:timestamp>/intent       401       401       403       204       204       204
DELETE api/conversations/<sender:sender_id>/messages/<str:timestamp>/intent       401       401       403       204       204       204
GET    api/sessions/<int:pk>/reviews                                          401       401       403       200       200       200
POST   api/sessions/<int:pk>/reviews                                          401       401       403       201       201       201
DELETE api/sessions/<int:pk>/reviews/<int:review_id>                          401       401       403       403       204       204
GET    api/sessions/<int:pk>/notes                                            401       401       403       200       200       200
POST   api/sessions/<int:pk>/notes                                            401       401       403       201       201       201
PUT    api/sessions/<int:pk>/notes/<int:note_id>                              401       401       403       403       200       403
DELETE api/sessions/<int:pk>/notes/<int:note_id>                              401       401       403       403       204       204
GET    api/sessions/<int:pk>/tags                                             401       401       403       200       200       200
POST   api/sessions/<int:pk>/tags                                             401       401       403       201       201       201
DELETE api/sessions/<int:pk>/tags/<int:use_id>                                401       401       403       204       204       204
GET    api/sessions/<int:pk>/corrections                                      401       401       403       200       200       200
POST   api/sessions/<int:pk>/corrections                                      401       401       403       201       201       201
DELETE api/sessions/<int:pk>/corrections/<int:turn>                           401       401       403       204       204       204
ANY    api/^.*$                                                         404       404       404       404       404       404
"""


# Why anybody may come here.
OPEN = {
    "sign-in/": "the way in",
    "enter/<str:secret>/": "the way in: who has the secret is the invited person",
    "api/auth": "the way in for scripts",
    "api/health": "probes have no login, and it answers during a migration",
    "api/version": "Rasa's channel fetches the public key of access tokens",
    "api/schema": "describes the API, not what is in it",
    "api/docs": "the same for people",
    "api/conversations/<sender:sender_id>/tags": "bots tag from custom actions while OPEN_TAGS is on",
    "api/conversations/<sender:sender_id>/data_tags": "upstream's spelling of it",
    "api/conversations/<sender:sender_id>/data-tags": "upstream's other spelling",
    "api/^.*$": "no route: nothing but the error envelope",
}

SENDER = "them/1"
# Said, tagged and rejected: nobody below a reader of conversations gets to see these words.
SECRETS = ("message 1", "answer 1", "hush-hush", "psst")
PASSWORD = "three boats under one sky"


class Line(NamedTuple):
    """What each of PEOPLE gets from a method of a route."""

    method: str
    route: str
    expected: tuple[str, ...]

    @property
    def is_api(self) -> bool:
        return self.route.startswith("api/")


def _line(text: str) -> Line:
    method, route, *expected = text.split()
    return Line(method, "" if route == "/" else route, tuple(expected))


LINES = [_line(text) for text in TABLE.strip().splitlines()[1:]]
SERVED = [line for line in LINES if line.method != "ANY"]
# api/auth takes name and password from the body, and never looks at a browser's cookie.
WRITES = [line for line in SERVED if line.method != "GET" and line.route != "api/auth"]


def _name(line: Line) -> str:
    return f"{line.method} /{line.route}"


class Stage(NamedTuple):
    """Rows for the addresses."""

    values: dict[str, Any]
    people: dict[str, User]

    def address(self, route: str) -> str:
        for place, value in self.values.items():
            route = route.replace(place, str(value))
        assert "<" not in route, route
        return f"/{route}"


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    from conversations.store import _known

    _known.clear()
    monkeypatch.setattr("events.demo.play.start", lambda: True)
    people = {
        name: User.objects.create_user(name, password=PASSWORD, role="admin" if name == "disabled" else name)
        for name in PEOPLE[1:]
    }
    _person, secret = invite(None, "new", "reviewer")
    at = time.time() - 3600
    put(*talk(SENDER, at))
    (tag,) = put_on("default", SENDER, [Wanted(value="hush-hush")])
    source = Source.objects.create(
        key="k", kind="file", label="file:///k", created_at=1.8e9, n_rejected=1, state="stopped"
    )
    rejected = RejectedMessage.objects.create(
        source=source,
        body_hash=b"1" * 16,
        body=b"psst",
        size=4,
        reason="not JSON",
        first_at=1.8e9,
        last_at=1.8e9,
    )
    DemoState.objects.create(pk=1, state="done", position=9, total=9, paced_to=1.8e9)
    session = Session.objects.get()
    said = Event.objects.filter(type="user")[0]
    correction = Correction.objects.create(
        conversation=session.conversation, session=session, intent="psst", was="", user=people["reviewer"],
        anchor_at=said.timestamp, anchor_rank=said.rank, anchor_hash=said.hash,
    )  # fmt: skip
    note = Note.objects.create(
        conversation=session.conversation, session=session, text="psst", words=" psst ", user=people["reviewer"],
        anchor_at=said.timestamp, anchor_rank=said.rank, anchor_hash=said.hash,
    )  # fmt: skip
    review = Review.objects.create(
        conversation=session.conversation, session=session, verdict=2, watermark=1, user=people["reviewer"],
        anchor_at=at, covers_from=at,
    )  # fmt: skip
    TagUse.objects.update(session=session)
    for person in people.values():  # something to undo
        Deed.objects.create(
            conversation=session.conversation,
            session=session,
            anchor_at=at,
            user=person,
            kind="flag",
            topic=person.username,
        )
    mine = {
        "assistant": session.assistant,
        "owner": people["reviewer"],
        "query": "hush-hush",
        "is_shared": True,
    }
    view = SavedView.objects.create(name="psst", **mine)
    gone = SavedView.objects.create(name="gone", deleted_at=timezone.now(), **mine)
    return Stage(
        {
            "views/<int:pk>/restore": f"views/{gone.pk}/restore",
            "views/<int:pk>": f"views/{view.pk}",
            "views/<slug:key>": "views/trouble",
            "people/<int:pk>": f"people/{people['reviewer'].pk}",
            "sources/<int:pk>": f"sources/{source.pk}",
            "rejected/<int:pk>": f"rejected/{rejected.pk}",
            "sessions/<int:pk>/example/": f"sessions/{session.pk}/example/?turn={said.pk}",
            "corrections/<int:pk>": f"corrections/{correction.pk}",
            "<str:kind>": "yml",
            "<slug:name>": "handoff",
            "conversations/slotValues": "conversations/slotValues?slot=count",
            "sessions/<int:pk>/choices/": f"sessions/{session.pk}/choices/?for=tag",
            "sessions/<int:pk>/poll/": f"sessions/{session.pk}/poll/?first={at!r}~1~00",
            "sessions/<int:pk>": f"sessions/{session.pk}",
            "<int:event_id>": Event.objects.filter(type="user")[0].pk,
            "<int:tag_id>": tag.pk,
            "<use>": TagUse.objects.get().pk,
            "tags/<int:pk>/": f"tags/{tag.pk}/",
            "reasons/<int:pk>/": f"reasons/{reasons(session.assistant)[0].pk}/",
            "<other>": Tag.objects.create(assistant=session.assistant, value="mild").pk,
            "<note>": note.pk,
            "notes/<int:note_id>": f"notes/{note.pk}",
            "reviews/<int:review_id>": f"reviews/{review.pk}",
            "tags/<int:use_id>": f"tags/{TagUse.objects.get().pk}",
            "corrections/<int:turn>": f"corrections/{said.pk}",
            "<str:timestamp>": repr(said.timestamp),
            "<sender:sender_id>": quote(SENDER),
            "<sender:rest>": quote(SENDER),
            "<str:secret>": secret,
            "^.*$": "nothing/of/the/kind",
        },
        people,
    )


BODIES: dict[str, Any] = {
    "sign-in/": {"username": "admin", "password": PASSWORD},
    "enter/<str:secret>/": {"password": "a fourth boat then", "again": "a fourth boat then"},
    "people/new/": {"username": "somebody", "role": "tester"},
    "people/<int:pk>/role/": {"role": "tester"},
    "profile/person/": {"first_name": "Somebody", "time_zone": ""},
    "profile/password/": {
        "current": PASSWORD,
        "password": "a fourth boat then",
        "again": "a fourth boat then",
    },
    "profile/theme/": {"theme": "dark"},
    "sessions/<int:pk>/judge/unreview/": {"force": "1"},
    "sessions/<int:pk>/judge/review/": {"verdict": "well", "watermark": "1"},
    "sessions/<int:pk>/judge/assign/": {"user": "me"},
    "sessions/<int:pk>/judge/tag/": {"value": "hush-hush"},
    "sessions/<int:pk>/judge/untag/": {"use": "<use>"},
    "sessions/<int:pk>/judge/note/": {"text": "hush-hush"},
    "sessions/<int:pk>/judge/note-edit/": {"note": "<note>", "text": "hush-hush!"},
    "sessions/<int:pk>/judge/note-delete/": {"note": "<note>"},
    "sessions/<int:pk>/judge/seen/": {"watermark": "1"},
    **{
        f"sessions/<int:pk>/judge/{name}/": {"turn": "<int:event_id>", "intent": "other"}
        for name in ("flag", "correct", "uncorrect")
    },
    "api/conversations/<sender:sender_id>/reviewStatus": {"review_status": "reviewed"},
    "api/conversations/<sender:sender_id>/messages/<str:timestamp>/intent": {"intent": "other"},
    "api/sessions/<int:pk>/reviews": {"verdict": "well"},
    "api/sessions/<int:pk>/notes": {"text": "hush-hush"},
    "api/sessions/<int:pk>/notes/<int:note_id>": {"text": "hush-hush!"},
    "api/sessions/<int:pk>/tags": {"value": "hush-hush"},
    "api/sessions/<int:pk>/corrections": {"turn": "<int:event_id>", "intent": "other"},
    "tags/new/": {"assistant": "default", "value": "other"},
    "tags/<int:pk>/save/": {"value": "other", "color": "#112233"},
    "tags/<int:pk>/merge/": {"into": "<other>"},
    "reasons/new/": {"assistant": "default", "text": "other"},
    "reasons/<int:pk>/save/": {"text": "other"},
    "views/": {"name": "mine", "q": "hello"},
    "views/<int:pk>/save/": {"q": "hello"},
    "views/<int:pk>/change/": {"name": "other", "shared": "on"},
    "views/<slug:key>/star/": {"on": "1"},
    "api/views": {"name": "mine", "query": "hello"},
    "api/views/<int:pk>": {"name": "other"},
    "api/auth": {"username": "admin", "password": PASSWORD},
    **{
        f"api/conversations/<sender:sender_id>/{name}": [{"value": "hush-hush"}]
        for name in ("tags", "data_tags", "data-tags")
    },
}


def person(stage: Stage, name: str, *, by_token: bool = False, **options: Any) -> Client:
    """A browser or script in which somebody has come in; whoever is disabled was disabled afterwards."""
    client = Client(raise_request_exception=False, **options)
    if name == "anonymous":
        return client
    user = stage.people[name]
    if by_token:
        client.defaults["HTTP_AUTHORIZATION"] = f"Bearer {access_token(user)}"
    else:
        client.force_login(user)
    if name == "disabled":
        User.objects.filter(pk=user.pk).update(is_active=False)
    return client


@contextlib.contextmanager
def undone() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def ask(client: Client, stage: Stage, method: str, route: str, **options: Any) -> Any:
    body, kind = BODIES.get(route, {}), "application/json"
    if isinstance(body, dict):
        body = {name: stage.values.get(value, value) for name, value in body.items()}
    if method == "POST" and not route.startswith("api/"):
        return client.post(stage.address(route), body, **options)
    return client.generic(
        method, stage.address(route), json.dumps(body) if method != "GET" else "", kind, **options
    )


def outcome(answer: Any) -> str:
    """The word of TABLE for an answer."""
    to_sign_in = answer.status_code == 302 and answer["Location"].startswith("/sign-in/?next=")
    return "in" if to_sign_in else str(answer.status_code)


def routes(resolver: URLResolver, before: str = "") -> Iterator[str]:
    for entry in resolver.url_patterns:
        route = before + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from routes(entry, route)
        else:
            yield route


def test_the_table_has_a_line_for_every_route_and_method(stage: Stage) -> None:
    served = set()
    for route in routes(get_resolver()):
        answered = set()
        for method in METHODS:
            with undone():
                if ask(person(stage, "admin"), stage, method, route).status_code != 405:
                    answered.add(method)
        assert answered, f"{route} serves nothing"
        served |= {("ANY", route)} if answered == set(METHODS) else {(method, route) for method in answered}
    assert served == {(line.method, line.route) for line in LINES}
    assert len(LINES) == len(served), "a line stands there twice"


def test_what_is_open_is_open_for_a_reason() -> None:
    private = {"in", "401", "403"}
    assert {line.route for line in LINES if line.expected[0] not in private} == set(OPEN)
    for line in LINES:
        assert line.expected[1] == line.expected[0], f"{_name(line)}: who is disabled is a stranger"


@pytest.mark.parametrize("line", LINES, ids=_name)
def test_everybody_gets_what_the_table_says(stage: Stage, line: Line) -> None:
    found = []
    for name in PEOPLE:
        with undone():
            answer = ask(
                person(stage, name), stage, "GET" if line.method == "ANY" else line.method, line.route
            )
        found.append(outcome(answer))
        _is_well_formed(answer, line)
        if name in ("anonymous", "disabled", "tester") and line.method == "GET":
            text = answer.content.decode()
            assert not [secret for secret in SECRETS if secret in text], name
    assert tuple(found) == line.expected


@pytest.mark.parametrize("line", [line for line in SERVED if line.is_api], ids=_name)
def test_a_token_opens_what_a_browser_session_opens(stage: Stage, line: Line) -> None:
    asks_nobody = line.route in OPEN and not line.route.endswith("tags")
    for name, expected in zip(PEOPLE[1:], line.expected[1:], strict=True):
        with undone():
            answer = ask(person(stage, name, by_token=True), stage, line.method, line.route)
        # A token that is good no longer is refused even where none is needed: its owner should hear of it.
        assert outcome(answer) == ("401" if name == "disabled" and not asks_nobody else expected), name
        _is_well_formed(answer, line)


def _is_well_formed(answer: Any, line: Line) -> None:
    if answer.status_code < 400:
        return
    if line.is_api:
        body = answer.json()
        assert (body["status"], body["code"]) == ("failure", answer.status_code)
        assert body["message"]
        assert ("WWW-Authenticate" in answer.headers) == (answer.status_code == 401)
    else:
        assert answer["Content-Type"].startswith("text/html")
        assert "<h1" in answer.content.decode()


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "TRACE"])
def test_other_methods_open_no_other_door(stage: Stage, method: str) -> None:
    for line in LINES:
        if line.route in OPEN:
            continue
        for name in ("anonymous", "disabled"):
            with undone():
                answer = person(stage, name).generic(method, stage.address(line.route))
            assert outcome(answer) == ("401" if line.is_api else "in"), _name(line)


def test_whoever_is_sent_to_sign_in_comes_back_to_the_page(stage: Stage) -> None:
    client = Client()
    answer = client.get("/status/rejected/?show=all")
    assert answer["Location"] == "/sign-in/?next=/status/rejected/%3Fshow%3Dall"
    answer = client.post(answer["Location"], {"username": "admin", "password": PASSWORD})
    assert answer["Location"] == "/status/rejected/?show=all"


@pytest.mark.parametrize("line", WRITES, ids=_name)
def test_a_write_from_another_site_is_refused(stage: Stage, line: Line) -> None:
    client = person(stage, "admin", enforce_csrf_checks=True)
    before = _everything()
    refused = ask(client, stage, line.method, line.route)
    assert refused.status_code == 403
    _is_well_formed(refused, line)
    assert _everything() == before
    client.get("/profile/")  # any page brings the token
    token = {"HTTP_X_CSRFTOKEN": client.cookies["csrftoken"].value}
    foreign = ask(client, stage, line.method, line.route, **token, HTTP_ORIGIN="https://elsewhere.example")
    assert foreign.status_code == 403
    assert _everything() == before
    own = ask(client, stage, line.method, line.route, **token, HTTP_ORIGIN="http://testserver")
    assert outcome(own) == line.expected[-1]


def _everything() -> list[Any]:
    """All that a page can write."""
    models = (
        User,
        SignInLink,
        AuditLine,
        DemoState,
        Source,
        RejectedMessage,
        Event,
        Tag,
        TagUse,
        Deed,
        Note,
        Review,
    )
    return [list(model._default_manager.order_by("pk").values_list()) for model in models]


def test_tags_ask_bots_for_the_service_token_when_they_are_not_open(stage: Stage, settings: Any) -> None:
    settings.OPEN_TAGS, settings.RASA_X_TOKEN = False, "between-servers"
    for spelling in ("tags", "data_tags", "data-tags"):
        route = f"api/conversations/<sender:sender_id>/{spelling}"
        found = []
        for name in PEOPLE:
            with undone():
                found.append(outcome(ask(person(stage, name), stage, "POST", route)))
        assert found == ["401", "401", "403", "200", "200", "200"]
        for token, expected in (("between-servers", 200), ("between", 401), ("", 401)):
            address = f"{stage.address(route)}?token={token}"
            with undone():
                answer = Client().post(address, BODIES[route], "application/json")
            assert answer.status_code == expected, token
    # It is for tags alone.
    assert Client().get("/api/sessions?token=between-servers").status_code == 401


def test_what_pages_are_drawn_with_is_open() -> None:
    for path in ("css/tokens.css", "js/app.js", "icons.svg", "favicon.svg"):
        answer: Any = Client().get(f"/static/{path}")
        assert (answer.status_code, bool(answer.getvalue())) == (200, True)
        answer.close()
    for path in ("../manage.py", "..%2fmanage.py", "../enterprise/settings.py", "%2e%2e/manage.py"):
        assert Client(raise_request_exception=False).get(f"/static/{path}").status_code in (302, 404)


def test_another_role_counts_from_the_next_click_on(stage: Stage) -> None:
    client, script = person(stage, "reviewer"), person(stage, "reviewer", by_token=True)
    page, api = stage.address("sessions/<int:pk>/"), "/api/sessions"
    assert (client.get(page).status_code, script.get(api).status_code) == (200, 200)
    User.objects.filter(username="reviewer").update(role="tester")
    assert (client.get(page).status_code, script.get(api).status_code) == (404, 403)
    User.objects.filter(username="reviewer").update(role="reviewer", is_active=False)
    assert (outcome(client.get(page)), script.get(api).status_code) == ("in", 401)
