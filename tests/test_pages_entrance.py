"""Sign-in by password and by link, sign-out, and what strangers learn."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from enterprise.models import AuditLine, SignInLink, User
from enterprise.sign_in import invite, link_path, make_link
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db


def sign_in(client: Client, username: str, password: str, **more):
    return client.post(reverse("sign-in"), {"username": username, "password": password, **more})


def test_a_right_password_opens_the_page_that_was_asked_for(client, ana):
    answer = client.get(reverse("people"))
    assert answer.status_code == 302
    assert answer.url == f"{reverse('sign-in')}?next={reverse('people')}"
    answer = sign_in(client, "ana", PASSWORD, next=reverse("people"))
    assert (answer.status_code, answer.url) == (302, reverse("people"))
    assert client.get(reverse("people")).status_code == 200
    assert AuditLine.objects.get(action="user.sign_in").actor == "ana"


def test_nobody_is_sent_to_another_site_after_signing_in(client, ana):
    answer = sign_in(client, "ana", PASSWORD, next="https://elsewhere.example/")
    assert answer.url == reverse("conversations:session-list")


def test_a_tester_who_may_not_read_lands_on_the_profile(client, tom):
    assert sign_in(client, "tom", PASSWORD).url == reverse("profile")


def test_wrong_name_wrong_password_and_disabled_person_look_the_same(client, ana, ben):
    User.objects.filter(pk=ben.pk).update(is_active=False)
    answers = [
        sign_in(client, "ana", "wrong"),
        sign_in(client, "nobody", "wrong"),
        sign_in(client, "ben", PASSWORD),
    ]
    texts = {answer.content.decode().split("<main")[1].split("csrfmiddlewaretoken")[0] for answer in answers}
    errors = [list(answer.context["form"].non_field_errors()) for answer in answers]
    assert {answer.status_code for answer in answers} == {422}
    assert errors == [["Name or password is not right."]] * 3
    assert len(texts) == 1


def test_too_many_attempts_are_told_how_long_to_wait(client, ana):
    for _ in range(10):
        assert sign_in(client, "ana", "wrong").status_code == 422
    answer = sign_in(client, "ana", PASSWORD)
    assert answer.status_code == 429
    assert "Too many attempts. Try again in 15 minutes." in answer.content.decode()


def test_a_part_of_a_page_asked_without_a_session_sends_the_whole_page_to_sign_in(client):
    here = "http://testserver/status/?a=b"
    answer = client.get(reverse("sign-in"), headers={"HX-Request": "true", "HX-Current-URL": here})
    assert answer.headers["HX-Redirect"] == f"{reverse('sign-in')}?next=%2Fstatus%2F%3Fa%3Db"
    assert answer.content == b""


def test_looking_at_a_link_does_not_use_it_up(client, ana):
    path = link_path(make_link(ana))
    for _ in range(3):
        answer = client.get(path)
        assert answer.status_code == 200
        assert "Sign in as Ana" in answer.content.decode()
    assert SignInLink.objects.get().used_at is None
    assert client.get(reverse("people")).status_code == 302


def test_pressing_the_button_signs_in_and_uses_the_link_up(client, ana):
    path = link_path(make_link(ana))
    assert client.post(path).status_code == 302
    assert client.get(reverse("people")).status_code == 200
    other = Client()
    assert other.post(path).status_code == 410
    assert other.get(reverse("people")).status_code == 302


def test_an_invitation_asks_for_a_password_and_lets_in_with_it(client, ana):
    user, secret = invite(ana, "cleo", "reviewer")
    path = link_path(secret)
    assert "Choose a password" in client.get(path).content.decode()
    answer = client.post(path, {"password": "12345678", "again": "12345678"})
    assert answer.status_code == 422
    assert SignInLink.objects.get().used_at is None
    answer = client.post(path, {"password": "quite a good one", "again": "quite another one"})
    assert answer.status_code == 422
    answer = client.post(path, {"password": "quite a good one", "again": "quite a good one"})
    assert answer.status_code == 302
    user.refresh_from_db()
    assert user.check_password("quite a good one")
    assert sign_in(Client(), "cleo", "quite a good one").status_code == 302


def test_an_invented_link_is_gone_and_says_what_to_do(client, db):
    answer = client.get(link_path("invented"))
    assert answer.status_code == 410
    assert "Ask an admin for a new one" in answer.content.decode()


def test_signing_out_is_a_post_and_ends_the_session(signed_in, ana):
    client = signed_in(ana)
    assert client.get(reverse("sign-out")).status_code == 405
    assert client.post(reverse("sign-out")).url == reverse("sign-in")
    assert client.get(reverse("people")).status_code == 302


def test_forms_of_the_entrance_are_guarded_against_forgery(ana):
    client = Client(enforce_csrf_checks=True)
    answer = sign_in(client, "ana", PASSWORD)
    assert answer.status_code == 403
    assert "This page was too old" in answer.content.decode()


def test_the_root_leads_everybody_to_a_page_that_is_theirs(signed_in: Any, ana: User, tom: User) -> None:
    assert signed_in(ana).get("/").headers["Location"] == "/sessions/"
    assert signed_in(tom).get("/").headers["Location"] == "/profile/"
