"""My profile: name, zone, password, theme, keys."""

import pytest
from django.test import Client
from django.urls import reverse

from enterprise.models import AuditLine
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db


def test_everybody_has_a_profile_whatever_the_role(signed_in, tom):
    assert signed_in(tom).get(reverse("profile")).status_code == 200


def test_name_and_zone_are_saved_however_the_zone_is_spelt(signed_in, ben):
    client = signed_in(ben)
    answer = client.post(
        reverse("profile-person"), {"first_name": "Benno", "time_zone": "america/new york"}, follow=True
    )
    ben.refresh_from_db()
    assert (ben.first_name, ben.time_zone) == ("Benno", "America/New_York")
    assert "Saved." in answer.content.decode()
    assert AuditLine.objects.get(action="user.profile").details == {"changed": ["first_name", "time_zone"]}


def test_an_unknown_zone_is_explained_and_changes_nothing(signed_in, ben):
    answer = signed_in(ben).post(reverse("profile-person"), {"first_name": "X", "time_zone": "Mars/Olympus"})
    ben.refresh_from_db()
    assert answer.status_code == 422
    assert "is not a known time zone" in answer.content.decode()
    assert ben.first_name == "Ben"


def test_a_profile_cannot_raise_its_own_role(signed_in, ben):
    signed_in(ben).post(reverse("profile-person"), {"first_name": "Ben", "role": "admin", "is_active": "1"})
    ben.refresh_from_db()
    assert ben.role == "reviewer"


def test_a_new_password_needs_the_old_one_and_ends_other_sessions(signed_in, ben):
    here, elsewhere = signed_in(ben), signed_in(ben)
    new = "another long walk"
    wrong = here.post(reverse("profile-password"), {"current": "no", "password": new, "again": new})
    assert wrong.status_code == 422
    assert "not your present password" in wrong.content.decode()
    right = here.post(reverse("profile-password"), {"current": PASSWORD, "password": new, "again": new})
    assert right.status_code == 302
    assert here.get(reverse("profile")).status_code == 200
    assert elsewhere.get(reverse("profile")).status_code == 302
    assert Client().post(reverse("sign-in"), {"username": "ben", "password": new}).status_code == 302


def test_a_weak_password_says_what_is_wrong_with_it(signed_in, ben):
    answer = signed_in(ben).post(
        reverse("profile-password"), {"current": PASSWORD, "password": "12345", "again": "12345"}
    )
    assert answer.status_code == 422
    assert "too short" in answer.content.decode()


@pytest.mark.parametrize(("asked", "shown"), [("dark", "dark"), ("light", "light"), ("auto", "auto")])
def test_the_theme_is_on_the_root_element_before_anything_is_drawn(signed_in, ben, asked, shown):
    client = signed_in(ben)
    client.post(reverse("profile-theme"), {"theme": asked})
    assert f'data-theme="{shown}"' in client.get(reverse("profile")).content.decode()


def test_an_invented_theme_is_ignored(signed_in, ben):
    client = signed_in(ben)
    client.cookies["theme"] = '"><script>'
    assert 'data-theme="auto"' in client.get(reverse("profile")).content.decode()
