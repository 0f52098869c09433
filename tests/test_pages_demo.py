"""The demo's card."""

import pytest
from django.urls import reverse

from conversations.models import Assistant
from enterprise.models import AuditLine, DemoState
from enterprise.pages.demo import demo_card
from events.demo import load, play

pytestmark = pytest.mark.django_db


def loaded(state: str, position: int = 0, total: int = 0) -> None:
    DemoState.objects.create(pk=1, state=state, position=position, total=total, paced_to=0)


def test_there_is_no_card_without_a_demo(signed_in, ana):
    assert demo_card() is None
    assert "Remove demo data" not in signed_in(ana).get(reverse("connect")).content.decode()


def test_the_card_counts_up_while_the_demo_is_loaded(signed_in, ana):
    loaded("loading", 300, 900)
    card = demo_card()
    assert card
    assert (card.is_loading, card.percent) == (True, 33)
    text = signed_in(ana).get(reverse("demo-card")).content.decode()
    assert "33 % loaded" in text
    assert "hx-trigger" in text


def test_a_loaded_demo_can_be_played_and_asks_for_nothing_more(signed_in, ana, monkeypatch):
    loaded("done", 900, 900)
    started = []

    def start() -> bool:
        started.append(1)
        return True

    monkeypatch.setattr(play, "start", start)
    client = signed_in(ana)
    assert "hx-trigger" not in client.get(reverse("demo-card")).content.decode()
    assert client.post(reverse("demo-play")).url == reverse("conversations:session-list")
    assert started == [1]
    assert AuditLine.objects.filter(action="demo.play").count() == 1


def test_a_demo_that_cannot_be_played_says_why_and_stays_on_the_page(signed_in, ana, monkeypatch):
    monkeypatch.setattr(play, "start", lambda: False)
    client = signed_in(ana)
    assert client.post(reverse("demo-play"), {"back": reverse("connect")}).url == reverse("connect")
    assert client.post(reverse("demo-play"), {"back": "//evil.example"}).url == reverse("status")


def test_removing_deletes_the_assistant_and_the_card_for_good(signed_in, ana):
    loaded("done", 900, 900)
    Assistant.objects.create(name=load.ASSISTANT)
    client = signed_in(ana)
    assert client.get(reverse("demo-remove")).status_code == 405
    answer = client.post(reverse("demo-remove"), {"back": reverse("connect")}, follow=True)
    assert "The demo is gone" in answer.content.decode()
    assert not Assistant.objects.filter(name=load.ASSISTANT).exists()
    assert demo_card() is None


def test_reviewers_do_not_remove_it(signed_in, ben):
    loaded("done", 1, 1)
    assert signed_in(ben).post(reverse("demo-remove")).status_code == 403
    assert demo_card() is not None
