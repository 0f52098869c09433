"""Tags: bots set them from custom actions, without a login, before the first event; people have the last word."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from conversations.api.tags import Strangers
from conversations.models import Assistant, Conversation, Tag, TagUse
from enterprise.models import AuditLine, User
from tests.test_api_conversations import publish, user

pytestmark = pytest.mark.django_db


@pytest.fixture
def bot() -> Client:
    return Client(enforce_csrf_checks=True, raise_request_exception=False)


@pytest.fixture
def api(ben: User, signed_in: Callable[[User], Client]) -> Client:
    return signed_in(ben)


def post(
    client: Client,
    data: Any,
    *,
    sender: str = "ada",
    name: str = "tags",
    content_type: str = "",
    query: str = "",
) -> Any:
    body = data if isinstance(data, str) else json.dumps(data)
    return client.post(f"/api/conversations/{sender}/{name}{query}", body, content_type=content_type)


def values(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [tag["value"] for tag in answer.json()]


@pytest.mark.parametrize("name", ["tags", "data_tags", "data-tags"])
@pytest.mark.parametrize(
    "content_type", ["", "text/plain", "application/json", "application/x-www-form-urlencoded"]
)
def test_a_bot_sets_tags_without_login_before_the_first_event(
    bot: Client, name: str, content_type: str
) -> None:
    answer = post(
        bot, [{"value": "refund", "color": "ff0000"}, {"value": "vip"}], name=name, content_type=content_type
    )
    assert values(answer) == ["refund", "vip"]
    assert answer.json()[0].keys() == {"id", "value", "color"}
    assert answer.json()[0]["color"] == "FF0000"
    conversation = Conversation.objects.get(sender_id="ada")
    assert (conversation.n_events, conversation.assistant.name) == (0, "default")
    assert {row.source for row in TagUse.objects.all()} == {"bot"}
    publish("ada", user("hello"))
    assert Conversation.objects.get(sender_id="ada").pk == conversation.pk


def test_the_same_call_again_changes_nothing(bot: Client) -> None:
    first = post(bot, [{"value": "refund", "color": "00FF00"}])
    again = post(
        bot, [{"value": "refund", "color": "FF0000"}, {"value": " refund "}, {"id": first.json()[0]["id"]}]
    )
    assert again.json() == first.json()
    assert (Tag.objects.count(), TagUse.objects.count()) == (1, 1)
    assert values(post(bot, {"value": "alone"})) == ["refund", "alone"]
    assert values(post(bot, json.dumps(json.dumps([{"value": "twice"}])))) == ["refund", "alone", "twice"]
    assert values(post(bot, [])) == ["refund", "alone", "twice"]


def test_what_a_person_took_off_a_bot_does_not_put_back(bot: Client, api: Client, ben: User) -> None:
    tag = post(bot, [{"value": "refund"}]).json()[0]["id"]
    assert api.delete(f"/api/conversations/ada/tags/{tag}").status_code == 204
    assert api.delete(f"/api/conversations/ada/tags/{tag}").status_code == 404
    assert values(post(bot, [{"value": "refund"}, {"value": "vip"}])) == ["vip"]
    assert values(api.get("/api/conversations/ada/tags")) == ["vip"]
    assert values(post(api, [{"value": "refund"}])) == ["refund", "vip"]
    put_back = TagUse.objects.get(tag=tag)
    assert (put_back.source, put_back.user, put_back.is_removed) == ("person", ben, False)
    assert list(AuditLine.objects.order_by("id").values_list("action", flat=True)) == [
        "conversation.untag",
        "conversation.tag",
    ]


@pytest.mark.parametrize(
    "body",
    ["", "refund", '"refund"', "[1]", "[null]", '[{"value": ""}]', '[{"value": "  "}]', '[{"value": 5}]', '[{"color": "FF0000"}]',
     '[{"value": "x", "color": "red"}]', '[{"value": "x", "color": 5}]', '[{"id": 999}]', '[{"id": true}]', '[{"id": -1}]', '[{"id": 1e99}]',
     json.dumps([{"value": "x" * 121}]), json.dumps([{"value": str(n)} for n in range(101)]), '{"value": NaN}', "[" * 100_000],
)  # fmt: skip
def test_what_are_no_tags_is_refused_and_leaves_nothing(bot: Client, body: str) -> None:
    Assistant.objects.create(name="default")
    answer = post(bot, body)
    assert answer.status_code == 400
    assert answer.json()["status"] == "failure"
    assert answer.json()["message"]
    assert not Tag.objects.exists()
    assert not TagUse.objects.exists()


def test_any_text_is_a_tag(bot: Client) -> None:
    wanted = ["Ünï", "a\u0000b", "half \ud83d", "<script>", "x" * 120, "ü, 'y'", "😀"]
    shown = ["Ünï", "a\\u0000b", "half \\ud83d", *wanted[3:]]
    assert values(post(bot, [{"value": value} for value in wanted])) == shown
    assert values(post(bot, [{"value": "odd id"}], sender="a%2Fb%00%3F")) == ["odd id"]
    assert Conversation.objects.filter(sender_id="a/b\\u0000?").exists()


def test_a_closed_installation_asks_for_a_token(bot: Client, api: Client, settings: Any) -> None:
    settings.OPEN_TAGS = False
    settings.RASA_X_TOKEN = "s3cret"
    assert post(bot, [{"value": "x"}]).status_code == 401
    assert post(bot, [{"value": "x"}], query="?token=wrong").status_code == 401
    assert not Tag.objects.exists()
    assert values(post(bot, [{"value": "x"}], query="?token=s3cret")) == ["x"]
    assert values(post(api, [{"value": "y"}])) == ["x", "y"]


def test_a_stranger_is_slowed_down(bot: Client, monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    settings.RASA_X_TOKEN = "s3cret"
    monkeypatch.setattr(Strangers, "rate", "3/min")
    for _ in range(3):
        assert post(bot, [{"value": "x"}]).status_code == 200
    refused = post(bot, [{"value": "x"}])
    assert (refused.status_code, refused.json()["reason"]) == (429, "Throttled")
    assert int(refused.headers["Retry-After"]) > 0
    assert post(bot, [{"value": "x"}], query="?token=s3cret").status_code == 200


def test_reading_and_removing_ask_who_it_is(
    bot: Client, tom: User, signed_in: Callable[[User], Client]
) -> None:
    tag = post(bot, [{"value": "refund"}]).json()[0]["id"]
    for client, status in ((bot, 401), (signed_in(tom), 403)):
        assert client.get("/api/conversations/ada/tags").status_code == status
        assert client.get("/api/conversations/tags").status_code == status
        assert client.delete(f"/api/conversations/ada/tags/{tag}").status_code == status
        assert client.delete(f"/api/conversations/tags/{tag}").status_code == status
    assert TagUse.objects.filter(is_removed=False).count() == 1


def test_the_vocabulary_of_an_assistant(bot: Client, api: Client) -> None:
    publish("ada", user("hello"), assistant="another")
    post(bot, [{"value": "b"}, {"value": "a"}], query="?project=another")
    publish("ada", user("hello"))
    post(bot, [{"value": "c"}])
    for name in ("tags", "data_tags", "data-tags"):
        assert values(api.get(f"/api/conversations/{name}")) == ["c"]
        assert values(api.get(f"/api/conversations/{name}?project=another")) == ["a", "b"]
    other = Tag.objects.get(value="a").pk
    assert api.delete(f"/api/conversations/tags/{other}").status_code == 404
    assert api.delete(f"/api/conversations/data_tags/{other}?project=another").status_code == 204
    assert values(api.get("/api/conversations/ada/tags?project=another")) == ["b"]
    assert post(bot, [{"value": "x"}], query="?project=nobody").status_code == 404


@pytest.mark.both_databases
def test_ids_that_no_database_holds_are_no_mistake_of_ours(api: Client) -> None:
    answer = post(api, [{"value": "odd"}], sender="a%00b")
    assert values(answer) == ["odd"]
    assert AuditLine.objects.get(action="conversation.tag").target == "a\\u0000b"
    assert api.delete(f"/api/conversations/a%00b/tags/{10**30}").status_code == 404
