"""Signing in, who am I, health, version, and the API's own description."""

from typing import Any, cast

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import CharField, Serializer
from rest_framework.views import APIView

from enterprise import sign_in
from enterprise.access import CATEGORIES, may
from enterprise.api.authentication import ALGORITHM, access_token
from enterprise.api.errors import Failure
from enterprise.api.keys import keys
from enterprise.api.permissions import SIGNED_IN, Open
from enterprise.audit import record
from enterprise.health import health
from enterprise.models import User


class Credentials(Serializer):
    """Body of `POST /api/auth`."""

    username = CharField()
    password = CharField()


class Token(Serializer):
    """Answer of `POST /api/auth`."""

    access_token = CharField()


class Auth(APIView):
    """A person's script signs in."""

    authentication_classes: list[Any] = []
    permission_classes = [Open]

    @extend_schema(request=Credentials, responses=Token)
    def post(self, request: Request) -> Response:
        """A name and a password for an access token. Too many refused passwords: 429."""
        body = request.data if isinstance(request.data, dict) else {}
        username, password = body.get("username"), body.get("password")
        if not isinstance(username, str) or not isinstance(password, str):
            raise _refused(_("Send username and password."))
        try:
            user = sign_in.check_password(request._request, username, password)
        except sign_in.TooManyAttempts as error:
            message = _("Too many refused passwords: wait a while.")
            raise Failure(429, "TooManyAttempts", message, wait=error.seconds) from None
        if user is None:
            raise _refused(_("There is no such person, or the password is another."))
        record(user, "user.token", user.get_username())
        return Response({"access_token": access_token(user)})


def _refused(message: str) -> Failure:
    # Not AuthenticationFailed: a view that asks for no authentication would turn that into 403.
    return Failure(401, "AuthenticationFailed", message)


class Me(APIView):
    """The person that calls."""

    category = SIGNED_IN

    @extend_schema(responses={200: dict})
    def get(self, request: Request) -> Response:
        """Name, role, and what it allows."""
        user = cast("User", request.user)
        return Response(
            {
                "username": user.get_username(),
                "name": user.get_full_name(),
                "email": user.email,
                "roles": [user.role],
                "permissions": [category for category in CATEGORIES if may(user, category)],
                "time_zone": user.time_zone,
                "project": "default",
                "created": user.date_joined.timestamp(),
            }
        )


class Health(APIView):
    """For probes and CI; open, and answers during a migration."""

    authentication_classes: list[Any] = []
    permission_classes = [Open]

    @extend_schema(responses={200: dict})
    def get(self, _request: Request) -> Response:
        """Always 200: what is wrong stands inside."""
        return Response(health(), headers={"Cache-Control": "no-store"})


class Version(APIView):
    """Versions, and the public key of access tokens, which Rasa's `rasa` channel fetches."""

    authentication_classes: list[Any] = []
    permission_classes = [Open]

    @extend_schema(responses={200: dict})
    def get(self, _request: Request) -> Response:
        """Open, as upstream."""
        return Response(
            {
                "rasa": {"production": None, "worker": None},
                "rasa-x": settings.VERSION,
                "enterprise": True,
                "keys": [{"alg": ALGORITHM, "key": keys().public}],
            }
        )


class Description(SpectacularAPIView):
    """The OpenAPI document; JSON unless YAML is asked for."""

    renderer_classes: list[type[BaseRenderer]] = SpectacularAPIView.renderer_classes[::-1]


@require_GET
def docs(request: HttpRequest) -> HttpResponse:
    """The API's documentation for people: works without a network and under the content security policy."""
    return render(request, "api/docs.html")
