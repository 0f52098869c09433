"""Rejected messages: shown safely, by keyset, tried again."""

import hashlib
import json

import pytest
from django.urls import reverse

from conversations.models import Event
from enterprise.models import AuditLine
from enterprise.pages.rejected import PAGE, readable
from events.models import RejectedMessage, Source

pytestmark = pytest.mark.django_db

NOW = 1_800_000_000.0
GOOD = json.dumps(
    {"sender_id": "s", "event": "user", "timestamp": NOW, "text": "hi", "parse_data": {}}
).encode()


def source(key: str = "k", **fields) -> Source:
    return Source.objects.create(
        key=key, kind="file", label=f"file:///{key}", created_at=NOW, n_rejected=1, **fields
    )


def message(where: Source, body: bytes, *, at: float = NOW, **fields) -> RejectedMessage:
    return RejectedMessage.objects.create(
        source=where,
        body_hash=hashlib.blake2b(body, digest_size=16).digest(),
        body=body,
        size=len(body),
        reason="not JSON",
        first_at=at,
        last_at=at,
        count=1,
        **fields,
    )


def test_pages_hold_every_message_once_newest_first(signed_in, ana):
    first, second = source("one"), source("two")
    for number in range(PAGE + 20):
        message(first if number % 2 else second, str(number).encode(), at=NOW - number // 3)
    client = signed_in(ana)
    seen, after = [], None
    for _ in range(3):
        answer = client.get(reverse("rejected-list"), {"after": after} if after else {})
        seen += [row["message"] for row in answer.context["rows"]]
        after = answer.context["after"]
        if not after:
            break
    assert len({row.pk for row in seen}) == len(seen) == PAGE + 20
    keys = [(row.last_at, row.pk) for row in seen]
    assert keys == sorted(keys, reverse=True)


def test_one_source_can_be_chosen(signed_in, ana):
    one, two = source("one"), source("two")
    message(one, b"1")
    message(two, b"2")
    rows = signed_in(ana).get(reverse("rejected-list"), {"source": two.pk}).context["rows"]
    assert [row["text"] for row in rows] == ["2"]


@pytest.mark.parametrize("after", ["x", "1~", "~1", "nan~1", "1~x", "~"])
def test_a_strange_cursor_is_no_error(signed_in, ana, after):
    message(source(), b"1")
    assert signed_in(ana).get(reverse("rejected-list"), {"after": after}).status_code == 200


def test_a_body_is_shown_as_text_and_never_as_markup(signed_in, ana):
    message(source(), b"<script>alert(1)</script>")
    text = signed_in(ana).get(reverse("rejected-list")).content.decode()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "<script>alert" not in text


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b"\xff\xfe", "\\xff\\xfe"),
        (b"a\x1b[31mb", "a\\u001b[31mb"),
        ("a\u202eb".encode(), "a\\u202eb"),
        (b"a\x00b", "a\\u0000b"),
        ("ünïcode 👋".encode(), "ünïcode 👋"),
        (b"two\nlines\t.", "two\nlines\t."),
    ],
)
def test_what_cannot_be_seen_is_escaped(body, shown):
    assert readable(body) == shown


def test_a_long_body_is_cut_on_the_page_and_whole_in_the_download(signed_in, ana):
    body = b"x" * 5000
    row = message(source(), body)
    client = signed_in(ana)
    shown = client.get(reverse("rejected-list")).context["rows"][0]
    assert (shown["text"], shown["is_cut"]) == ("x" * 2000, True)
    answer = client.get(reverse("rejected-body", args=[row.pk]))
    assert answer.content == body
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_body_whose_file_is_gone_is_a_404(signed_in, ana):
    row = message(source(), b"")
    RejectedMessage.objects.update(file="rejected/gone.body", size=20_000_000, body=None)
    client = signed_in(ana)
    assert client.get(reverse("rejected-body", args=[row.pk])).status_code == 404
    assert "Too large to be shown" in client.get(reverse("rejected-list")).content.decode()


def test_what_can_be_read_now_becomes_an_event_and_leaves_the_list(signed_in, ana):
    row = message(source(), GOOD)
    client = signed_in(ana)
    answer = client.post(reverse("rejected-replay", args=[row.pk]), follow=True)
    assert Event.objects.count() == 1
    assert "Became events: 1" in answer.content.decode()
    assert answer.context["rows"] == []
    assert "Nothing is open" in answer.content.decode()
    kept = client.get(reverse("rejected-list"), {"show": "all"}).context["rows"]
    assert [each["message"].pk for each in kept] == [row.pk]
    assert AuditLine.objects.get(action="rejected.replay").details["stored"] == 1


def test_all_of_one_source_are_tried_and_the_hopeless_stay_with_todays_reason(signed_in, ana):
    one, two = source("one"), source("two")
    message(one, GOOD)
    hopeless = message(one, b"nonsense")
    other = message(two, GOOD + b" ")
    signed_in(ana).post(reverse("rejected-replay-all"), {"source": one.pk})
    hopeless.refresh_from_db()
    other.refresh_from_db()
    assert Event.objects.count() == 1
    assert hopeless.replayed_at is None
    assert hopeless.reason != "not JSON"
    assert other.replayed_at is None


def test_trying_again_is_for_admins_and_a_post(signed_in, ana, ben):
    row = message(source(), GOOD)
    for name, args in (("rejected-replay", [row.pk]), ("rejected-replay-all", [])):
        assert signed_in(ben).post(reverse(name, args=args)).status_code == 403
        assert signed_in(ana).get(reverse(name, args=args)).status_code == 405
    assert signed_in(ben).get(reverse("rejected-body", args=[row.pk])).status_code == 403
    assert Event.objects.count() == 0


def test_an_installation_without_rejections_says_so(signed_in, ana):
    assert "Nothing was ever rejected" in signed_in(ana).get(reverse("rejected-list")).content.decode()
