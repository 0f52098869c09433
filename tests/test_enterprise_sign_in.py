"""How people come in: passwords, one-time links, invitations, roles."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import connection, connections
from django.test import RequestFactory
from django.utils import timezone

from enterprise import sign_in
from enterprise.models import AuditLine, SignInFailure, SignInLink, User
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db


def request_from(address: str = "192.0.2.1", **extra: Any) -> Any:
    return RequestFactory().get("/", REMOTE_ADDR=address, **extra)


def test_the_right_password_lets_a_person_in_and_a_wrong_one_does_not(ben: User) -> None:
    assert sign_in.check_password(request_from(), "ben", PASSWORD) == ben
    assert sign_in.check_password(request_from(), "ben", "wrong") is None
    assert sign_in.check_password(request_from(), "nobody", PASSWORD) is None


@pytest.mark.parametrize("name", ["be\0n", "be\ud800n", "", "x" * 100_000])
def test_any_name_is_answered(name: str, db: None) -> None:
    assert sign_in.check_password(request_from(), name, "wrong") is None


def test_a_disabled_person_stays_out(ben: User) -> None:
    sign_in.disable(ben)
    assert sign_in.check_password(request_from(), "ben", PASSWORD) is None


def test_guessing_is_stopped_for_the_address_but_not_for_the_person(ben: User) -> None:
    for _ in range(sign_in.LIMITS["person at address"]):
        sign_in.check_password(request_from(), "ben", "wrong")
    with pytest.raises(sign_in.TooManyAttempts) as caught:
        sign_in.check_password(request_from(), "BEN", PASSWORD)
    assert 0 < caught.value.seconds <= sign_in.WINDOW.total_seconds() + 1
    assert sign_in.check_password(request_from("192.0.2.2"), "ben", PASSWORD) == ben


def test_an_address_that_tries_many_names_is_stopped(ben: User) -> None:
    for number in range(sign_in.LIMITS["address"]):
        sign_in.check_password(request_from(), f"name{number}", "wrong")
    with pytest.raises(sign_in.TooManyAttempts):
        sign_in.check_password(request_from(), "ben", PASSWORD)


def test_the_door_opens_again_after_the_window(ben: User) -> None:
    for _ in range(sign_in.LIMITS["person at address"]):
        sign_in.check_password(request_from(), "ben", "wrong")
    SignInFailure.objects.update(at=timezone.now() - sign_in.WINDOW)
    assert sign_in.check_password(request_from(), "ben", PASSWORD) == ben


def test_a_link_signs_in_once(ben: User) -> None:
    secret = sign_in.make_link(ben)
    assert sign_in.peek_link(secret) == ben
    assert sign_in.use_link(secret) == ben
    assert sign_in.use_link(secret) is None
    assert sign_in.peek_link(secret) is None


def test_the_database_does_not_hold_the_secret(ben: User) -> None:
    secret = sign_in.make_link(ben)
    link = SignInLink.objects.get()
    assert secret not in {str(getattr(link, field.attname)) for field in SignInLink._meta.concrete_fields}


def test_expired_foreign_and_disabled_links_are_no_good(ben: User) -> None:
    secret = sign_in.make_link(ben)
    SignInLink.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert sign_in.use_link(secret) is None
    assert sign_in.use_link("never\ud800made") is None
    fresh = sign_in.make_link(ben)
    User.objects.filter(pk=ben.pk).update(is_active=False)
    assert sign_in.use_link(fresh) is None


@pytest.mark.django_db(transaction=True)
@pytest.mark.both_databases
def test_of_many_who_use_a_link_at_once_one_gets_in() -> None:
    secret = sign_in.make_link(User.objects.create_user("ben"))
    barrier = threading.Barrier(8)
    winners: list[User | None] = []

    def use() -> None:
        connection.ensure_connection()
        barrier.wait(10)
        winners.append(sign_in.use_link(secret))
        connections.close_all()

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(winners) == 8
    assert sum(winner is not None for winner in winners) == 1


def test_an_invited_person_comes_in_by_the_link_and_sets_a_password(ana: User) -> None:
    user, secret = sign_in.invite(ana, "carla", "annotator")
    assert not user.has_usable_password()
    assert sign_in.use_link(secret) == user
    with pytest.raises(ValidationError):
        sign_in.set_password(user, "1234")
    sign_in.set_password(user, "green apples fall")
    assert sign_in.check_password(request_from(), "carla", "green apples fall") == user
    assert list(AuditLine.objects.order_by("id").values_list("actor", "action", "target")) == [
        ("ana", "user.invite", "carla"),
        ("carla", "user.password", "carla"),
    ]


@pytest.mark.parametrize(("name", "role"), [("ana", "reviewer"), ("new", "emperor"), ("no spaces", "tester")])
def test_an_impossible_invitation_is_refused(ana: User, name: str, role: str) -> None:
    with pytest.raises(ValidationError):
        sign_in.invite(ana, name, role)
    assert User.objects.count() == 1


def test_somebody_stays_admin(ana: User, ben: User) -> None:
    with pytest.raises(ValidationError):
        sign_in.disable(ana)
    with pytest.raises(ValidationError):
        sign_in.change_role(ana, "reviewer")
    sign_in.change_role(ben, "admin", ana)
    sign_in.disable(ana, ben)
    assert User.objects.get(pk=ana.pk).is_active is False


@pytest.mark.django_db(transaction=True)
@pytest.mark.both_databases
def test_two_admins_who_disable_each_other_at_once_do_not_both_succeed() -> None:
    admins = [User.objects.create_user(name, role="admin") for name in ("ana", "eva")]
    refused: list[ValidationError] = []

    def shut_out(victim: User) -> None:
        try:
            sign_in.disable(victim)
        except ValidationError as error:
            refused.append(error)
        connections.close_all()

    threads = [threading.Thread(target=shut_out, args=[admin]) for admin in admins]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(refused) == 1
    assert User.objects.filter(is_active=True).count() == 1


def test_the_first_admin_is_made_once(settings: Any, db: None) -> None:
    made = sign_in.ensure_first_admin()
    assert made is not None
    user, password = made
    assert (user.role, sign_in.check_password(request_from(), "admin", password)) == ("admin", user)
    assert sign_in.ensure_first_admin() is None


def test_the_first_admin_takes_the_name_and_password_of_the_settings(settings: Any, db: None) -> None:
    settings.ADMIN_USERNAME, settings.ADMIN_PASSWORD = "chief", "from a secret file"
    assert sign_in.ensure_first_admin() is not None
    assert sign_in.check_password(request_from(), "chief", "from a secret file") is not None


def test_the_command_makes_a_person_and_a_link(capsys: pytest.CaptureFixture[str], db: None) -> None:
    call_command("create_user", "dora", "--role", "annotator")
    password = capsys.readouterr().out.strip().split()[-1]
    dora = sign_in.check_password(request_from(), "dora", password)
    assert dora is not None
    assert dora.role == "annotator"
    call_command("sign_in_link", "dora", "--address", "https://bots.example.com/")
    link = capsys.readouterr().out.strip()
    assert link.startswith("https://bots.example.com/")
    assert sign_in.use_link(link.rstrip("/").rpartition("/")[2]) == dora


def test_commands_say_why_they_cannot(ben: User) -> None:
    with pytest.raises(CommandError, match="already exists"):
        call_command("create_user", "ben")
    with pytest.raises(CommandError, match="no nobody"):
        call_command("sign_in_link", "nobody")
    sign_in.disable(ben)
    with pytest.raises(CommandError, match="disabled"):
        call_command("sign_in_link", "ben")


def test_the_audit_log_takes_the_address_that_a_trusted_proxy_says(settings: Any, ana: User) -> None:
    from enterprise.audit import client_address

    forged = request_from("10.0.0.1", HTTP_X_FORWARDED_FOR="203.0.113.9, 198.51.100.7")
    assert client_address(forged) == "10.0.0.1"
    settings.PROXIES = 1
    assert client_address(forged) == "198.51.100.7"
    assert client_address(request_from("10.0.0.1", HTTP_X_FORWARDED_FOR="x")) is None
