"""Who calls the API: a person with an access token (below), or the browser with its session and CSRF."""

# ruff: noqa: ARG002 - the signatures are those of REST framework

import hashlib
import secrets
import time
from typing import Any

import jwt
from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from enterprise.api.keys import keys
from enterprise.models import User

ALGORITHM = "RS256"
LIFETIME = 24 * 3600  # seconds
# What Rasa's `rasa` channel looks for before it lets somebody post into a named conversation.
SCOPES = {"admin": ["clientEvents:create"], "reviewer": ["clientEvents:create"]}


def access_token(user: User) -> str:
    """A token for `Authorization: Bearer`. No `aud`: Rasa's channel refuses tokens that have one."""
    now = int(time.time())
    claims = {
        "username": user.get_username(),
        "sub": str(user.pk),
        "iat": now,
        "exp": now + LIFETIME,
        "scopes": SCOPES.get(user.role, []),
        "session": _session(user),
    }
    return jwt.encode(claims, keys().private, algorithm=ALGORITHM)


def _session(user: User) -> str:
    """Changes with the password, so that a changed password ends all tokens."""
    return hashlib.sha256(user.get_session_auth_hash().encode()).hexdigest()[:16]


class AccessToken(BaseAuthentication):
    """`Authorization: Bearer <token of POST /api/auth>`. Asked on every call: a disabled person is out at once."""

    def authenticate(self, request: Request) -> tuple[User, dict[str, Any]] | None:
        """The person and the token's claims; None without the header. Raises AuthenticationFailed (401)."""
        scheme, _space, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        try:
            claims = jwt.decode(
                token.strip(), keys().public, algorithms=[ALGORITHM], options={"require": ["exp", "sub"]}
            )
        except jwt.ExpiredSignatureError as error:
            raise AuthenticationFailed(_("The access token has expired.")) from error
        except (jwt.InvalidTokenError, ValueError) as error:
            raise AuthenticationFailed(_("This is not an access token of this server.")) from error
        user = (
            User.objects.filter(pk=claims["sub"], is_active=True).first() if claims["sub"].isdigit() else None
        )
        if user is None or not secrets.compare_digest(str(claims.get("session")), _session(user)):
            raise AuthenticationFailed(_("The access token is no longer valid."))
        return user, claims

    def authenticate_header(self, request: Request) -> str:
        """What a 401 says about how to come in."""
        return 'Bearer realm="api"'


def has_service_token(request: HttpRequest | Request) -> bool:
    """Whether a Rasa server calls: `?token=` is RASA_X_TOKEN."""
    given = request.GET.get("token", "")
    expected = settings.RASA_X_TOKEN
    return bool(expected) and secrets.compare_digest(
        given.encode("utf-8", "surrogatepass"), expected.encode()
    )


class AccessTokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """What the OpenAPI document says of access tokens."""

    target_class = AccessToken
    name = "accessToken"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """HTTP bearer."""
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
