"""The pages of sessions: list, query bar, transcript, side, polling, links. Their queries do not grow with rows."""

import json
import re
from collections.abc import Callable
from html import unescape
from typing import Any
from urllib.parse import quote

import pytest
import yaml
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from conversations.envelope import Envelope
from conversations.identity import parse
from conversations.models import Conversation, Event, Session
from conversations.reading import read
from conversations.store import store
from conversations.views.sessions import waiting_above
from enterprise.models import User

pytestmark = pytest.mark.django_db
NOW = 1_795_000_000.0
SAID = r'class="bubble" dir="auto">(message \d+)<'


def envelope(sender: str, at: float, assistant: str = "default", **event: Any) -> Envelope:
    body = json.dumps({"sender_id": sender, "timestamp": at, **event})
    return Envelope(assistant, sender, read(parse(body)), body, "production")


def user(
    sender: str, at: float, text: str, intent: str = "greet", confidence: float = 0.9, **more: Any
) -> Envelope:
    ranking = more.pop("ranking", [{"name": intent, "confidence": confidence}])
    data = {"intent": {"name": intent, "confidence": confidence}, "entities": more.pop("entities", [])}
    data["intent_ranking"] = ranking
    return envelope(sender, at, event="user", text=text, parse_data=data, input_channel="rest", **more)


def bot(sender: str, at: float, text: str | None, **data: Any) -> Envelope:
    return envelope(sender, at, event="bot", text=text, data=data, metadata={"utter_action": "utter_it"})


def action(sender: str, at: float, name: str, assistant: str = "default") -> Envelope:
    return envelope(sender, at, assistant, event="action", name=name, policy="RulePolicy", confidence=1.0)


def begin(sender: str, at: float, assistant: str = "default") -> list[Envelope]:
    return [
        action(sender, at, "action_session_start", assistant),
        envelope(sender, at + 0.001, assistant, event="session_started"),
    ]


def talk(sender: str, at: float, n_turns: int = 3) -> list[Envelope]:
    """A session of `n_turns` turns of four events."""
    events = begin(sender, at)
    for number in range(n_turns):
        start = at + 1 + number
        events += [
            user(sender, start, f"message {number}"),
            envelope(sender, start + 0.1, event="slot", name="count", value=number),
            action(sender, start + 0.2, "utter_it"),
            bot(sender, start + 0.3, f"answer {number}"),
        ]
    return events


def put(*envelopes: Envelope) -> None:
    for start in range(0, len(envelopes), 500):
        assert store(envelopes[start : start + 500]).refused == []


def the(sender: str) -> Session:
    return Session.objects.filter(conversation__sender_id=sender).order_by("-start_at")[0]


@pytest.fixture(autouse=True)
def _forget_ids() -> None:
    """Ids of conversations that another test rolled back may be given out again."""
    from conversations.store import _known

    _known.clear()


@pytest.fixture
def get(ben: User, signed_in: Callable[[User], Client]) -> Callable[..., Any]:
    """`get(url, target="session")` as a reviewer; `target`: what a script would replace."""
    client = signed_in(ben)

    def ask(url: str, target: str = "", **options: Any) -> Any:
        headers = {"HX-Request": "true", "HX-Target": target} if target else {}
        return client.get(url, headers=headers, **options)

    return ask


def text_of(response: Any) -> str:
    assert response.status_code == 200, response
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())


def html(response: Any) -> str:
    assert response.status_code == 200, response
    return str(response.content.decode())


def detail(session: Session, **query: str) -> str:
    asked = "&".join(f"{name}={quote(value)}" for name, value in query.items())
    return reverse("conversations:session-detail", args=[session.pk]) + (f"?{asked}" if asked else "")


def test_visitors_are_sent_to_sign_in_and_testers_see_nothing(
    client: Client, tom: User, signed_in: Callable[[User], Client]
) -> None:
    put(*talk("someone", NOW))
    session = the("someone")
    event = Event.objects.of_session(session).filter(type="user")[0]
    urls = [
        reverse("conversations:session-list"),
        reverse("conversations:session-list-poll"),
        reverse("conversations:session-detail", args=[session.pk]),
        reverse("conversations:session-events", args=[session.pk]),
        reverse("conversations:session-poll", args=[session.pk]),
        reverse("conversations:session-strip", args=[session.pk]),
        reverse("conversations:turn-detail", args=[session.pk, event.pk]),
        reverse("conversations:event-detail", args=[session.pk, event.pk]),
        reverse("conversations:conversation-link", args=["someone"]),
    ]
    tester = signed_in(tom)
    for url in urls:
        assert client.get(url).status_code == 302, url
        response = tester.get(url)
        assert response.status_code in (200, 204, 403, 404), url
        assert b"message 0" not in response.content, url
        assert b"someone" not in response.content, url
        assert tester.post(url).status_code == 405, url


def test_the_list_opens_its_first_session_at_the_turn_that_matters(get: Any) -> None:
    put(*talk("first-one", NOW), *talk("second-one", NOW + 100))
    content = html(get(reverse("conversations:session-list")))
    assert content.index("second-one") < content.index("first-one")
    assert 'id="sender"' in content
    assert content.count('aria-current="true"') >= 2  # a row and a turn
    assert content.count("<h1") == 1


def test_without_any_event_the_page_says_how_to_connect(get: Any, ana: User, signed_in: Any) -> None:
    assert "No conversation yet" in text_of(get(reverse("conversations:session-list")))
    assert "endpoints.yml" in text_of(signed_in(ana).get(reverse("conversations:session-list")))


def test_the_first_trouble_is_chosen_and_its_facts_stand_beside_it(get: Any) -> None:
    ranking = [
        {"name": "nlu_fallback", "confidence": 0.7},
        {"name": "reset", "confidence": 0.31},
        {"name": "unlock", "confidence": 0.28},
    ]
    put(
        *talk("u", NOW),
        user("u", NOW + 20, "locked out", "nlu_fallback", 0.7, ranking=ranking),
        action("u", NOW + 20.1, "action_default_fallback"),
        bot("u", NOW + 20.2, "Sorry?"),
        envelope("u", NOW + 20.3, event="rewind"),
    )
    trouble = Event.objects.get(predicted="nlu_fallback")
    content = html(get(detail(the("u"))))
    chosen = re.search(r'<article[^>]*id="turn-(\d+)"[^>]*aria-current="true"', content)
    assert chosen is not None
    assert int(chosen[1]) == trouble.pk
    side = content[content.index('id="side"') :]
    assert "unlock" in side
    assert "0.28" in side
    assert "action_default_fallback" in side


def test_the_first_turn_that_satisfies_the_query_is_chosen_instead(get: Any) -> None:
    put(
        *begin("u", NOW),
        user("u", NOW + 1, "hm", "nlu_fallback", 0.7),
        user("u", NOW + 2, "I want a Käse toast", "order", 0.9),
        user("u", NOW + 3, "more kase", "order", 0.9),
    )
    for query, said in (("kase", "I want a Käse toast"), ("intent:order", "I want a Käse toast"), ("", "hm")):
        content = html(get(detail(the("u"), q=query), "session"))
        chosen = re.search(r'aria-current="true">(.*?)</article>', content, re.DOTALL)
        assert chosen is not None
        said_there = " ".join(re.sub(r"<[^>]+>", "", chosen[1]).split())
        assert said in said_there, query
    assert "<mark>Käse</mark>" in html(get(detail(the("u"), q="kase"), "session"))


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</article></main>"]
)
def test_what_people_and_bots_write_is_never_markup(get: Any, text: str) -> None:
    entities = [{"entity": text, "value": text, "start": 0, "end": 4}]
    put(
        *begin(text, NOW),
        user(text, NOW + 1, text, intent=text, entities=entities),
        envelope(text, NOW + 1.1, event="slot", name=text, value={"a": text}),
        action(text, NOW + 1.2, text),
        bot(
            text, NOW + 1.3, text, buttons=[{"title": text, "payload": text}], custom={text: text}, image=text
        ),
        envelope(text, NOW + 1.4, event=text, what=text),
    )
    session = the(text)
    event = Event.objects.of_session(session).filter(type="user")[0]
    for url in (
        detail(session),
        reverse("conversations:session-list") + f"?q={quote(text)}",
        reverse("conversations:event-detail", args=[session.pk, event.pk]),
        reverse("conversations:session-strip", args=[session.pk]),
    ):
        content = html(get(url))
        assert text not in content, url
        assert "<script>" not in content, url


def test_a_session_in_which_nothing_was_said_shows_its_technical_events(get: Any) -> None:
    put(*begin("quiet", NOW))
    content = html(get(detail(the("quiet")), "session"))
    assert 'class="scroll script technical"' in content
    assert "action_session_start" in content


def test_links_of_a_bot_are_safe_and_images_wait_for_a_click(get: Any) -> None:
    image = "https://img.example/a.png"
    put(
        user("u", NOW, "hi"),
        bot("u", NOW + 1, "see https://a.example/x and javascript:alert(1)", image=image, attachment=image),
    )
    content = html(get(detail(the("u")), "session"))
    assert '<a href="https://a.example/x" rel="noopener noreferrer nofollow" target="_blank">' in content
    assert 'href="javascript' not in content
    assert "<img" not in content
    assert content.count(f'href="{image}"') == 1


def test_a_huge_message_is_cut_and_its_event_has_a_get(get: Any) -> None:
    put(user("u", NOW, "word " * 200_000))
    session = the("u")
    response = get(detail(session))
    assert len(response.content) < 100_000
    assert "show all" in text_of(response)
    event = Event.objects.get()
    assert len(get(reverse("conversations:event-detail", args=[session.pk, event.pk])).content) > 1_000_000
    raw = get(reverse("conversations:event-detail", args=[session.pk, event.pk]) + "?raw")
    assert raw.content.decode() == event.body
    assert raw["Content-Disposition"].startswith("attachment")


# --- the query bar ---------------------------------------------------------------------------------


def test_the_query_is_said_in_words_each_with_a_way_to_take_it_off(get: Any) -> None:
    put(*talk("u", NOW))
    content = html(get(reverse("conversations:session-list") + "?q=intent:greet+turns:>1"))
    words = re.findall(r'<li class="q[^"]*">(.*?)</li>', content, re.DOTALL)
    said = [" ".join(re.sub(r"<[^>]+>", " ", each).split()) for each in words]
    assert said == ["intent is greet anywhere in the session", "user turns above 1"]
    assert 'href="/sessions/?q=turns%3A%3E1"' in content
    assert 'href="/sessions/?q=intent%3Agreet"' in content
    assert 'value="intent:greet turns:&gt;1"' in content


def test_a_mistake_is_explained_where_it_stands_and_finds_nothing(get: Any) -> None:
    put(*talk("u", NOW))
    response = get(reverse("conversations:session-list") + "?q=hello+intnt:greet")
    content = html(response)
    assert "<em>intnt:</em>greet" in content
    assert "There is no field intnt: here" in content
    assert 'href="/sessions/?q=hello+intent%3Agreet"' in content
    assert response.context["rows"] == []
    assert "This query was not understood" in content


def test_when_nothing_is_found_the_condition_to_take_off_is_named(get: Any) -> None:
    put(*talk("u", NOW), *talk("v", NOW))
    content = text_of(get(reverse("conversations:session-list") + "?q=intent:greet+intent:nowhere"))
    assert "Nothing found" in content
    assert re.search(r"Take off a condition: intent is nowhere anywhere in the session 2", content)
    assert "never seen" in content


def test_a_row_quotes_the_words_that_were_searched(get: Any) -> None:
    put(*talk("u", NOW), user("u", NOW + 60, "by the way my parcel has not come, where may it be"))
    content = html(get(reverse("conversations:session-list") + "?q=parcel"))
    row = content[content.index('id="row-') :]
    assert "<mark>parcel</mark>" in row[: row.index("</a>")]


def test_the_second_assistant_brings_the_switcher(get: Any) -> None:
    put(*talk("u", NOW))
    assert 'aria-label="Assistant"' not in html(get(reverse("conversations:session-list")))
    other = [*begin("w", NOW, "second"), action("w", NOW + 1, "utter_it", "second")]
    put(*other)
    content = html(get(reverse("conversations:session-list")))
    assert 'aria-label="Assistant"' in content
    assert "?assistant=second" in content
    assert [
        row.session.conversation.sender_id for row in get("/sessions/?assistant=second").context["rows"]
    ] == ["w"]
    assert get("/sessions/?assistant=nobody").status_code == 404
    # A session of the second one keeps its list, whatever the address says.
    content = html(get(detail(the("w"))))
    assert 'data-poll="/sessions/poll/?assistant=second"' in content
    assert re.findall(r'id="row-(\d+)"', content) == [str(the("w").pk)]


# --- pages -----------------------------------------------------------------------------------------


def test_the_list_goes_on_page_by_page_without_a_script(get: Any) -> None:
    put(*(event for n in range(120) for event in begin(f"s{n}", NOW + n)))
    url, seen = reverse("conversations:session-list"), []
    for _ in range(4):
        response = get(url)
        seen += [row.session.conversation.sender_id for row in response.context["rows"]]
        more = re.search(r'class="further" id="more" href="([^"]+)"', html(response))
        if more is None:
            break
        url = more[1].replace("&amp;", "&")
    assert seen == [f"s{n}" for n in reversed(range(120))]


def test_a_page_that_is_none_is_answered_with_a_reason(get: Any) -> None:
    put(*talk("u", NOW))
    assert get("/sessions/?cursor=nonsense").status_code == 400
    session = the("u")
    assert get(f"/sessions/{session.pk}/events/?before=nonsense").status_code == 400
    assert get(f"/sessions/{session.pk}/poll/?first=1~2").status_code == 400
    assert get("/sessions/999999/").status_code == 404
    assert get(f"/sessions/{2**70}/").status_code == 404
    assert get(f"/sessions/{session.pk}/turns/999999/").status_code == 404


def test_a_long_session_is_read_page_by_page_complete_and_in_order(get: Any) -> None:
    put(*talk("u", NOW, n_turns=150))
    session = the("u")
    shown = re.findall(SAID, html(get(detail(session), "session")))
    assert 10 < len(shown) < 30
    url = f"/sessions/{session.pk}/"
    content = html(get(url, "session"))
    while more := re.search(r'href="([^"]*after=[^"]*)"', content):
        content = html(get(more[1].replace("&amp;", "&"), "turns"))
        shown += re.findall(SAID, content)
    assert shown == [f"message {n}" for n in range(150)]
    last = Event.objects.of_session(session).filter(type="user").in_order().last()
    assert last is not None
    content = html(get(f"/sessions/{session.pk}/turns/{last.pk}/"))
    back: list[str] = re.findall(SAID, content)
    while more := re.search(r'href="([^"]*before=[^"]*)"', content):
        content = html(get(more[1].replace("&amp;", "&"), "turns"))
        back = re.findall(SAID, content) + back
    assert back == [f"message {n}" for n in range(150)]


def test_earlier_sessions_unfold_one_by_one(get: Any) -> None:
    put(*(event for n in range(4) for event in talk("u", NOW + 10_000 * n)))
    content = html(get(detail(the("u")), "session"))
    assert "3 earlier sessions since" in content
    assert "session 4 of 4" in content
    for left in ("2 earlier sessions since", "1 earlier session since", "session 1"):
        link = re.search(r'class="sep unfold" href="([^"]+)"', content)
        assert link is not None
        content = html(get(link[1].replace("&amp;", "&"), "turns"))
        assert left in content
        assert "message 2" in content
    assert "unfold" not in content


# --- what is new -----------------------------------------------------------------------------------


def poll(session: Session, **query: Any) -> str:
    first = Event.objects.of_session(session).in_order()[0]
    key = f"{first.timestamp!r}~{first.rank}~{bytes(first.hash).hex()}"
    asked = {"first": key, **query}
    return f"/sessions/{session.pk}/poll/?" + "&".join(f"{k}={quote(str(v))}" for k, v in asked.items())


def test_an_open_transcript_is_told_by_revision_what_changed(get: Any) -> None:
    put(*talk("u", NOW))
    session = the("u")
    seen = Event.objects.order_by("-id")[0].pk
    assert get(poll(session, revision=session.revision, seen=seen), "script").status_code == 204
    put(user("u", NOW + 50, "one more"))
    content = html(get(poll(session, revision=session.revision, seen=seen), "script"))
    assert "one more" in content
    assert "message 0" not in content
    session.refresh_from_db()
    assert f'data-revision="{session.revision}"' in content


def test_a_late_event_appears_in_its_place_and_a_rewind_redraws_the_turn(get: Any) -> None:
    put(*talk("u", NOW))
    session = the("u")
    seen = Event.objects.order_by("-id")[0].pk
    put(bot("u", NOW + 2.5, "late answer"))
    content = html(get(poll(session, revision=session.revision, seen=seen), "script"))
    assert re.findall(r"(message \d|late answer)", re.sub(r'title="[^"]*"', "", content)) == [
        "message 1",
        "late answer",
        "message 2",
    ]
    seen = Event.objects.order_by("-id")[0].pk
    put(envelope("u", NOW + 60, event="rewind"))
    content = html(get(poll(session, revision=0, seen=seen), "script"))
    assert "message 2" in content
    assert "reverted" in content


def test_a_late_boundary_that_splits_the_session_has_the_page_loaded_anew(get: Any) -> None:
    put(*talk("u", NOW))
    session = the("u")
    seen = Event.objects.order_by("-id")[0].pk
    put(*begin("u", NOW + 2.9))
    assert Session.objects.count() == 2
    session = Session.objects.order_by("start_at")[0]
    content = html(get(poll(session, revision=0, seen=seen), "script"))
    assert "data-other" in content


def test_an_open_list_is_told_of_changed_rows_and_new_sessions(get: Any) -> None:
    put(*talk("a", NOW), *talk("b", NOW + 1))
    rows = {name: the(name) for name in "ab"}
    known = ",".join(f"{s.pk}.{s.revision}" for s in rows.values())
    assert get(f"/sessions/poll/?rows={known}&news=0", "rows").status_code == 204
    put(*talk("c", NOW + 200), user("a", NOW + 300, "again"))
    content = html(get(f"/sessions/poll/?rows={known}&news=0", "rows"))
    assert "1 new session" in content
    assert f'id="row-{rows["a"].pk}"' in content
    assert f'id="row-{rows["b"].pk}"' not in content
    assert "4 turns" in content
    changed = ",".join(f"{s.pk}.{s.revision}" for s in (the("a"), the("b")))
    assert get(f"/sessions/poll/?rows={changed}&news=1", "rows").status_code == 204


def test_nothing_in_an_address_breaks_the_page(get: Any) -> None:
    put(*talk("a", NOW))
    pk = the("a").pk
    for odd in ("%00", "%FF%FE", "%ED%A0%80", "(" * 500, "%22", "x" * 20_000, "intent:%00"):
        for url in (
            f"/sessions/?q={odd}",
            f"/sessions/{pk}/?q={odd}&technical={odd}",
            f"/conversations/a?project={odd}",
        ):
            assert get(url).status_code in (200, 302, 404), url
        assert get(f"/sessions/?assistant={odd}").status_code in (200, 404), odd
        assert get(f"/sessions/?cursor={odd}").status_code in (200, 400), odd
        assert get(f"/sessions/{pk}/poll/?revision={odd}&seen={odd}&first={odd}").status_code == 400, odd


@pytest.mark.parametrize("rows", ["", ",", "1", "x.y", "1.x", "-1.2", "9" * 30 + ".1", "1.2.3"])
def test_a_poll_survives_any_list_of_rows(get: Any, rows: str) -> None:
    put(*talk("a", NOW))
    assert get(f"/sessions/poll/?rows={rows}").status_code in (200, 204)


def test_only_what_stands_above_a_known_row_is_new() -> None:
    assert waiting_above([9, 8, 3, 2, 1], {3, 2, 1}) == 2
    assert waiting_above([3, 1, 7], {3, 2, 1}) == 0  # 2 does not match any more, 7 moved up
    assert waiting_above([9, 8], {1}) == 2
    assert waiting_above([9, 8], set()) == 2
    assert waiting_above([], {1}) == 0


# --- what people said ------------------------------------------------------------------------------


@pytest.fixture
def judge(ben: User, signed_in: Callable[[User], Client]) -> Callable[..., Any]:
    """`judge(session, "review", verdict="well")` as a reviewer."""
    client = signed_in(ben)

    def post(session: Session, deed: str, **data: Any) -> Any:
        newest = Event.objects.of_session(session).order_by("-id")[0].pk
        response = client.post(f"/sessions/{session.pk}/judge/{deed}/", {"watermark": newest, **data})
        assert response.status_code == 200, response.content
        return response.json()

    return post


def messages_of(session: Session) -> list[Event]:
    return list(Event.objects.of_session(session).filter(type="user").in_order())


def chosen_in(page: str) -> str:
    turn = page[page.index("data-turn") :].partition('aria-current="true">')[2]
    found = re.search(r'class="bubble[^"]*" dir="auto">(.*?)</p>', turn)
    assert found, page
    return re.sub(r"<[^>]+>", "", found[1])


def test_a_review_shows_who_and_what_in_row_head_and_history(get: Any, judge: Any) -> None:
    put(*talk("a", NOW))
    session = the("a")
    said = messages_of(session)
    judge(session, "review", verdict="broke", turn=said[1].pk)
    judge(session, "tag", value="angry")
    judge(session, "tag", value="slow", turn=said[2].pk)
    judge(session, "note", text="ask @ben <b>now</b>")
    judge(session, "correct", turn=said[0].pk, intent="refund")
    judge(session, "flag", turn=said[0].pk)
    judge(session, "assign", user="me")
    page = html(get(detail(session)))
    row, head, side = (
        page[page.index(f'id="row-{session.pk}"') :].partition("</a>")[0],
        page[page.index('id="judged"') :].partition("</header>")[0],
        page[page.index('id="history"') :].partition("</section>")[0],
    )
    for part in (row, head):
        assert "broke" in part
        assert "<bdi>ben</bdi>" in part
        assert "<bdi>angry</bdi>" in part
    for said_of_it in (
        "broke",
        "angry",
        "slow",
        "<strong>@ben</strong>",
        "&lt;b&gt;now",
        "refund",
        "flagged a turn",
        "assigned to",
    ):
        assert said_of_it in side, said_of_it
    assert side.count("<small><bdi>ben</bdi>") == 7
    turn = page[page.index(f'id="turn-{said[0].pk}"') :].partition("</article>")[0]
    assert "flagged by ben" in turn
    assert 'data-intent="refund"' in turn
    broken = page[page.index(f'id="turn-{said[1].pk}"') :].partition("</article>")[0]
    assert "broke here" in broken


def test_new_turns_in_a_reviewed_session_are_counted_and_opened(get: Any, judge: Any) -> None:
    lost = [{"name": "nlu_fallback", "confidence": 0.7}, {"name": "greet", "confidence": 0.3}]
    put(*talk("a", NOW), user("a", NOW + 10, "old trouble", "nlu_fallback", 0.7, ranking=lost))
    assert chosen_in(html(get(detail(the("a"))))) == "old trouble"
    judge(the("a"), "review", verdict="reviewed")
    put(user("a", NOW + 20, "first new one"), user("a", NOW + 21, "second new one"))
    page = html(get("/sessions/?q=review:changed"))
    assert "2 new turns" in page
    assert chosen_in(page) == "first new one"
    assert '<p dir="auto">first new one</p>' in page
    put(user("a", NOW + 22, "new trouble", "nlu_fallback", 0.7, ranking=lost))
    assert chosen_in(html(get(detail(the("a"))))) == "new trouble"


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("is:flagged", "message 1"),
        ("turn-tag:slow", "message 2"),
        ("tag:slow", "message 2"),
        ("verdict:broke", "message 3"),
        ("(is:corrected intent:greet)", "message 4"),
        ("slot:count=5", "message 5"),
        ("message then<3 text:7", "message 5"),
    ],
)
def test_whatever_is_asked_the_row_quotes_the_turn_that_it_is_about(
    get: Any, judge: Any, query: str, said: str
) -> None:
    put(*talk("a", NOW, n_turns=8))
    session = the("a")
    turns = messages_of(session)
    judge(session, "flag", turn=turns[1].pk)
    judge(session, "tag", value="slow", turn=turns[2].pk)
    judge(session, "review", verdict="broke", turn=turns[3].pk)
    judge(session, "correct", turn=turns[4].pk, intent="refund")
    page = html(get(f"/sessions/?q={quote(query)}"))
    assert chosen_in(page) == said
    row = page[page.index(f'id="row-{session.pk}"') :].partition("</a>")[0]
    assert said in re.sub(r"<[^>]+>", "", row)


def test_a_story_tells_the_session_up_to_the_turn(get: Any) -> None:
    put(
        *begin("a", NOW),
        user("a", NOW + 1, 'say "hi": now', "greet", entities=[{"entity": "city", "value": "Paris"}]),
        envelope("a", NOW + 1.1, event="slot", name="city", value="Paris"),
        action("a", NOW + 1.2, "utter_greet"),
        action("a", NOW + 1.3, "action_listen"),
        user("a", NOW + 2, "lost", "nlu_fallback", 0.7),
        envelope("a", NOW + 2.1, event="rewind"),
        user("a", NOW + 3, "/affirm", "affirm"),
        envelope("a", NOW + 3.1, event="active_loop", name="form"),
        user("a", NOW + 4, "later", "bye"),
    )
    third = messages_of(the("a"))[2]
    page = html(get(f"/sessions/{the('a').pk}/turns/{third.pk}/story/", "side"))
    text = unescape(page.partition('id="story-text">')[2].partition("</pre>")[0])
    assert '# say "hi": now' in text
    (story,) = yaml.safe_load(text)["stories"]
    assert story == {
        "story": "a",
        "steps": [
            {"intent": "greet", "entities": [{"city": "Paris"}]},
            {"slot_was_set": [{"city": "Paris"}]},
            {"action": "utter_greet"},
            {"intent": "affirm"},
            {"active_loop": "form"},
        ],
    }


def test_an_open_page_is_told_who_else_is_there_and_what_they_said(
    get: Any, judge: Any, ana: User, signed_in: Callable[[User], Client]
) -> None:
    put(*talk("a", NOW))
    session = the("a")
    first = Event.objects.of_session(session).in_order()[0]
    at = f"/sessions/{session.pk}/poll/?first={first.timestamp!r}~{first.rank}~{bytes(first.hash).hex()}"
    quiet = f"&revision={session.revision}&stamp=0.0&open=-"
    assert get(at + quiet, "script").status_code == 204
    signed_in(ana).post(f"/sessions/{session.pk}/judge/claim/")
    told = html(get(at + quiet, "script"))
    assert "ana has it open" in told
    assert "data-turn=" not in told  # nothing of it changed
    rows = f"/sessions/poll/?rows={session.pk}.{session.revision}"
    assert f'data-session="{session.pk}">ana' in html(get(rows, "rows"))
    assert get(f"{rows}&claims={session.pk}:ana", "rows").status_code == 204
    judge(session, "flag", turn=messages_of(session)[1].pk)
    told = html(get(f"{at}&revision={the('a').revision}&stamp=0.0&open=ana", "script"))
    assert "flagged by ben" in told


# --- upstream's addresses --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sender", ["plain", "a/b c", "ü😀", "1795000000.5", "x/1795000001", "a?b#c%d", "+49 1", "//", "."]
)
def test_an_address_of_upstream_finds_the_turn_for_any_sender_id(get: Any, sender: str) -> None:
    put(*talk(sender, NOW))
    session = the(sender)
    event = Event.objects.of_session(session).filter(type="user")[1]
    link = "/conversations/" + quote(sender, safe="")
    assert get(link).headers["Location"] == f"/sessions/{session.pk}/"
    found = get(f"{link}/{event.timestamp + 0.0004!r}")
    assert found.headers["Location"] == f"/sessions/{session.pk}/turns/{event.pk}/"
    assert get(f"{link}/{event.timestamp + 0.05!r}").headers["Location"] == f"/sessions/{session.pk}/"


def test_an_unknown_conversation_is_not_found(get: Any) -> None:
    assert get("/conversations/nobody").status_code == 404
    assert get("/conversations/nobody/1795000000.0").status_code == 404
    assert get("/conversations/").headers["Location"] == "/sessions/"


# --- cost ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("/sessions/", ""),
        ("/sessions/?q=intent:greet", ""),
        ("/sessions/?q=message", ""),
        ("/sessions/{pk}/", ""),
        ("/sessions/{pk}/", "session"),
        ("/sessions/{pk}/events/", "turns"),
        ("/sessions/{pk}/strip/", "strip"),
        ("/sessions/{pk}/turns/{event}/", "side"),
        ("/sessions/{pk}/poll/?revision=0&first=0.0~0~", "script"),
        ("/sessions/poll/?rows={known}", "rows"),
    ],
)
def test_the_number_of_queries_does_not_grow(get: Any, url: str, target: str) -> None:
    """With 5 and with 50 rows (and turns), and never more than 36, a third of them what people said."""

    counts = []
    for n in (5, 50):
        put(
            *(event for each in range(n) for event in talk(f"s{each}", NOW + each, n_turns=2)),
            *talk("u", NOW + 500, n),
        )
        session = the("u")
        event = Event.objects.of_session(session).filter(type="user")[1]
        known = ",".join(f"{s.pk}.0" for s in Session.objects.all()[:n])
        address = url.format(pk=session.pk, event=event.pk, known=known)
        get(address, target)  # what is cached by the first request is cached
        with CaptureQueriesContext(connection) as captured:
            response = get(address, target)
        assert response.status_code == 200
        # The gate looks at the schema now and then, whatever the page.
        counts.append(sum("django_migrations" not in query["sql"] for query in captured))
    assert counts[0] == counts[1]
    assert counts[1] <= 36


def test_opening_a_session_of_5000_events_asks_and_shows_no_more_than_one_of_100(get: Any) -> None:
    """What it costs in time is a figure of `bin/bench reading`."""
    put(*talk("short", NOW, n_turns=25), *talk("long", NOW, n_turns=1250))
    asked: dict[str, int] = {}
    shown: dict[str, int] = {}
    for name in ("short", "long"):
        # At the last turn, where slots and older events have most behind them.
        last = Event.objects.of_session(the(name)).filter(type="user").in_order().last()
        assert last is not None
        url = f"/sessions/{the(name).pk}/turns/{last.pk}/"
        get(url)
        with CaptureQueriesContext(connection) as captured:
            response = get(url)
        asked[name] = sum("django_migrations" not in query["sql"] for query in captured)
        shown[name] = response.content.count(b"data-turn=")
    assert asked["long"] <= asked["short"] + 2  # there are older events to know of
    assert 0 < shown["long"] <= shown["short"] + 1


def test_the_list_says_when_many_conversations_wait_to_be_computed_anew(
    get: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    put(*talk("ada", NOW), *talk("bob", NOW), *talk("cyd", NOW))
    monkeypatch.setattr("conversations.views.asking.MANY_STALE", 3)
    assert 'id="stale"' not in get("/sessions/").content.decode()
    Conversation.objects.exclude(sender_id="ada").update(is_stale=True)
    assert 'id="stale"' not in get("/sessions/").content.decode()  # as late events make them
    Conversation.objects.update(is_stale=True)
    assert "3 conversations are still being computed anew" in get("/sessions/").content.decode()
    monkeypatch.setattr("conversations.views.asking.COUNT_CAP", 2)
    assert "2+ conversations are still being computed anew" in get("/sessions/").content.decode()


def test_a_sample_stays_what_was_drawn(get: Any) -> None:
    put(*talk("first", NOW), *talk("second", NOW + 10))
    poll = reverse("conversations:session-list-poll")
    rows = f"{the('first').pk}.{the('first').revision}"
    assert get(f"{poll}?rows={rows}").status_code == 200  # the other one waits
    assert get(f"{poll}?rows={rows}&q=sample:2").status_code == 204
