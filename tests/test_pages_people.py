"""People: inviting, roles, disabling."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from enterprise.models import AuditLine, User
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db

WRITES = ["person-link", "person-role", "person-disable", "person-enable"]


def test_everybody_is_listed_with_role_and_the_four_roles_are_explained(signed_in, ana, ben, tom):
    text = signed_in(ana).get(reverse("people")).content.decode()
    for name in ("Ana", "Ben", "Tom"):
        assert f"<bdi>{name}</bdi>" in text
    for role in User.Role:
        assert f"<dt>{role.label}</dt>" in text
    assert "You are alone here" not in text


def test_who_is_alone_is_told_how_to_invite(signed_in, ana):
    assert "You are alone here" in signed_in(ana).get(reverse("people")).content.decode()


@pytest.mark.parametrize("person", ["ben", "tom"])
def test_only_admins_open_the_page_or_write(request, signed_in, person, ana):
    client = signed_in(request.getfixturevalue(person))
    assert client.get(reverse("people")).status_code == 403
    assert client.get(reverse("person-new")).status_code == 403
    for name in WRITES:
        assert client.post(reverse(name, args=[ana.pk]), {"role": "tester"}).status_code == 403
    ana.refresh_from_db()
    assert (ana.role, ana.is_active) == ("admin", True)


@pytest.mark.parametrize("name", WRITES)
def test_nothing_is_written_by_a_get(signed_in, ana, ben, name):
    assert signed_in(ana).get(reverse(name, args=[ben.pk])).status_code == 405


def test_an_invitation_shows_a_link_once_that_lets_the_person_in(signed_in, ana):
    answer = signed_in(ana).post(
        reverse("person-new"), {"username": "cleo", "first_name": "Cleo", "role": "annotator"}
    )
    link = re.search(r'value="(http://testserver/enter/[^"]+)"', answer.content.decode())
    assert "no-store" in answer.headers["Cache-Control"]
    assert link
    assert "Welcome, Cleo" in Client().get(link[1]).content.decode()
    assert User.objects.get(username="cleo").role == "annotator"
    line = AuditLine.objects.get(action="user.invite")
    assert (line.actor, line.target) == ("ana", "cleo")
    assert link[1].rsplit("/", 2)[1] not in str(line.details)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"username": "ben", "role": "reviewer"}, "username"),
        ({"username": "with space", "role": "reviewer"}, "username"),
        ({"username": "cleo", "role": "emperor"}, "role"),
        ({"username": "", "role": "reviewer"}, "username"),
    ],
)
def test_a_wrong_invitation_says_where_it_is_wrong(signed_in, ana, ben, fields, field):
    answer = signed_in(ana).post(reverse("person-new"), fields)
    assert answer.status_code == 422
    assert answer.context["form"].errors[field]
    assert User.objects.count() == 2


def test_a_role_is_changed_and_audited(signed_in, ana, ben):
    signed_in(ana).post(reverse("person-role", args=[ben.pk]), {"role": "annotator"})
    ben.refresh_from_db()
    assert ben.role == "annotator"
    assert AuditLine.objects.get(action="user.role").details == {"before": "reviewer", "after": "annotator"}


def test_the_last_admin_stays_and_is_told_why(signed_in, ana):
    client = signed_in(ana)
    for name, fields in (("person-role", {"role": "tester"}), ("person-disable", {})):
        answer = client.post(reverse(name, args=[ana.pk]), fields, follow=True)
        assert "Somebody must stay admin" in answer.content.decode()
    ana.refresh_from_db()
    assert (ana.role, ana.is_active) == ("admin", True)


def test_a_disabled_person_is_out_at_once_and_in_again_when_enabled(signed_in, ana, ben):
    bens = signed_in(ben)
    assert bens.get(reverse("profile")).status_code == 200
    client = signed_in(ana)
    client.post(reverse("person-disable", args=[ben.pk]))
    assert bens.get(reverse("profile")).status_code == 302
    assert "disabled" in client.get(reverse("people")).content.decode()
    client.post(reverse("person-enable", args=[ben.pk]))
    answer = Client().post(reverse("sign-in"), {"username": "ben", "password": PASSWORD})
    assert answer.status_code == 302


def test_a_name_cannot_smuggle_in_markup(signed_in, ana):
    User.objects.create_user("eve", first_name="<script>alert(1)</script>", role="tester")
    text = signed_in(ana).get(reverse("people")).content.decode()
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert" in text
