"""How people come in: passwords with throttling, one-time links, invitations; and who may still come in.

Pages and the API call these services; nothing else writes people or links. Every write leaves an audit line.
"""

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth import authenticate
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from enterprise.audit import client_address, record
from enterprise.models import SignInFailure, SignInLink, User

LINK_HOURS, INVITATION_HOURS = 24, 7 * 24
WINDOW = timedelta(minutes=15)
# Refused passwords within WINDOW. An address alone must not shut a person out, nor one person a whole office.
LIMITS = {"person at address": 10, "address": 100, "person": 200}


class TooManyAttempts(Exception):
    """Too many refused passwords; `seconds` until the next one is looked at."""

    def __init__(self, seconds: int) -> None:
        super().__init__(seconds)
        self.seconds = seconds


def check_password(request: HttpRequest, username: str, password: str) -> User | None:
    """The active person with this name and password, or None. Raises TooManyAttempts. Does not sign in."""
    keys = _keys(client_address(request) or "", username)
    _raise_if_throttled(keys)
    try:
        user = authenticate(request, username=username, password=password) if _is_storable(username) else None
    except UnicodeEncodeError:  # a lone surrogate, which JSON can spell and no password holds
        user = None
    if isinstance(user, User):
        SignInFailure.objects.filter(key=keys["person at address"]).delete()
        return user
    SignInFailure.objects.bulk_create([SignInFailure(key=key) for key in keys.values()])
    SignInFailure.objects.filter(at__lt=timezone.now() - WINDOW).delete()
    return None


def _raise_if_throttled(keys: dict[str, str]) -> None:
    now = timezone.now()
    for kind, limit in LIMITS.items():
        failures = SignInFailure.objects.filter(key=keys[kind], at__gt=now - WINDOW).order_by("-at")
        # The limit-th newest failure holds the door shut until it leaves the window.
        blocking: list[datetime] = list(failures.values_list("at", flat=True)[limit - 1 : limit])
        if blocking:
            raise TooManyAttempts(max(1, int((blocking[0] + WINDOW - now).total_seconds()) + 1))


def _keys(address: str, username: str) -> dict[str, str]:
    def hashed(*parts: str) -> str:
        return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()

    name = username.casefold()
    return {
        "person at address": hashed("both", address, name),
        "address": hashed("address", address),
        "person": hashed("person", name),
    }


def _is_storable(text: str) -> bool:
    try:
        return "\0" not in text and len(text.encode()) <= 1000
    except UnicodeEncodeError:
        return False


def make_link(user: User, by: User | None = None, hours: float = LINK_HOURS) -> str:
    """The secret of a new link that signs `user` in once within `hours`. It is kept nowhere: show it now."""
    secret = secrets.token_urlsafe(24)
    SignInLink.objects.create(
        user=user,
        secret_hash=_hash(secret),
        created_by=by,
        expires_at=timezone.now() + timedelta(hours=hours),
    )
    return secret


def link_path(secret: str) -> str:
    """The path of the page that a link opens."""
    return reverse("sign-in-link", kwargs={"secret": secret})


def peek_link(secret: str) -> User | None:
    """Whose link this is, without using it up: mail scanners and previews open links too. None when it is no good."""
    link = (
        SignInLink.objects.filter(
            secret_hash=_hash(secret), used_at=None, expires_at__gt=timezone.now(), user__is_active=True
        )
        .select_related("user")
        .first()
    )
    return link.user if link else None


def use_link(secret: str) -> User | None:
    """The person this link signs in, and never again: of two who use it at once, one gets None."""
    now = timezone.now()
    # One statement on the link's own columns: a join would be decided on a snapshot, and both would win.
    used = SignInLink.objects.filter(secret_hash=_hash(secret), used_at=None, expires_at__gt=now).update(
        used_at=now
    )
    if not used:
        return None
    user = SignInLink.objects.select_related("user").get(secret_hash=_hash(secret)).user
    return user if user.is_active else None


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


@transaction.atomic
def invite(by: HttpRequest | User | None, username: str, role: str, **fields: Any) -> tuple[User, str]:
    """A new person without a password, and the secret of the link that lets the person in to choose one.

    Raises ValidationError (by field) for a name that is taken or not allowed and for an unknown role.
    """
    user = User(username=username, role=role, **fields)
    user.set_unusable_password()
    user.full_clean()
    user.save()
    record(by, "user.invite", username, role=role)
    author = by if isinstance(by, User) else getattr(by, "user", None)
    return user, make_link(user, author, INVITATION_HOURS)


@transaction.atomic
def set_password(user: User, password: str, by: HttpRequest | User | None = None) -> None:
    """Give `user` this password. Ends the person's other sessions and access tokens. Raises ValidationError."""
    validate_password(password, user)
    user.set_password(password)
    user.save(update_fields=["password"])
    record(by or user, "user.password", user.get_username())


@transaction.atomic
def change_role(user: User, role: str, by: HttpRequest | User | None = None) -> None:
    """Raises ValidationError for an unknown role and for the last admin who may still come in."""
    if role not in User.Role.values:
        raise ValidationError(_("“%(role)s” is not a role.") % {"role": role})
    _keep_an_admin(user, stays=role == User.Role.ADMIN and user.is_active)
    record(by, "user.role", user.get_username(), before=user.role, after=role)
    user.role = role
    user.save(update_fields=["role"])


@transaction.atomic
def disable(user: User, by: HttpRequest | User | None = None) -> None:
    """Let `user` in no more: sessions, tokens and links end at once. Raises ValidationError for the last admin."""
    _keep_an_admin(user, stays=False)
    user.is_active = False
    user.save(update_fields=["is_active"])
    SignInLink.objects.filter(user=user, used_at=None).delete()
    record(by, "user.disable", user.get_username())


@transaction.atomic
def enable(user: User, by: HttpRequest | User | None = None) -> None:
    """Let `user` in again, with the old password or a new link."""
    user.is_active = True
    user.save(update_fields=["is_active"])
    record(by, "user.enable", user.get_username())


def _keep_an_admin(user: User, *, stays: bool) -> None:
    # All admins are locked in one order: two admins who disable each other at once must not both succeed.
    admins = list(
        User.objects.select_for_update().filter(role=User.Role.ADMIN, is_active=True).order_by("pk")
    )
    if not stays and [admin.pk for admin in admins] == [user.pk]:
        raise ValidationError(_("Somebody must stay admin: make another person admin first."))


def ensure_first_admin() -> tuple[User, str] | None:
    """The admin made just now and the password, because nobody could come in; None when there was somebody."""
    if User.objects.exists():
        return None
    password = settings.ADMIN_PASSWORD or secrets.token_urlsafe(12)
    try:
        with transaction.atomic():
            user = User.objects.create_user(settings.ADMIN_USERNAME, password=password, role=User.Role.ADMIN)
            record(None, "user.first_admin", user.get_username())
    except IntegrityError:  # another process was faster, and has said the password
        return None
    return user, password
