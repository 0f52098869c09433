"""What every request passes through."""

import zoneinfo
from collections.abc import Callable
from urllib.parse import unquote

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from enterprise import failures, schema
from enterprise.models import time_zones

GetResponse = Callable[[HttpRequest], HttpResponse]

ZONE_COOKIE = "zone"  # set by static/js/zone.js


class ContentSecurityPolicy:
    """No inline script or style, nothing from elsewhere, except images of bot messages where MESSAGE_IMAGES lets them."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        self.policy = content_security_policy()

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", self.policy)
        return response


def content_security_policy() -> str:
    """The policy of every answer; the same for all, so that no page can forget it."""
    images = ["'self'", "data:"]
    if settings.MESSAGE_IMAGES != "never":
        images += ["https:"] if settings.HTTPS else ["https:", "http:"]
    return "; ".join(
        [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            f"img-src {' '.join(images)}",
            "font-src 'self'",
            "connect-src 'self'",
            "manifest-src 'self'",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        ]
    )


class SchemaGate:
    """While the database's schema is not this version's, everybody but health and version gets 503 with the progress.

    It opens by itself: each look at the schema is believed for some seconds only.
    """

    open_paths = ("/api/health", "/api/version")

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info.rstrip("/") in self.open_paths:
            return self.get_response(request)
        try:
            if not schema.is_ready():
                return failures.migrating(request, schema.progress())
        except DatabaseError as error:
            return failures.database_away(request, error)
        return self.get_response(request)


class PersonTimeZone:
    """Times on pages are in the person's zone: the chosen one, else the browser's, else UTC. The API speaks UTC."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        zone = None if request.path_info.startswith("/api/") else _zone(request)
        if zone is None:
            return self.get_response(request)
        with timezone.override(zone):
            return self.get_response(request)


def _zone(request: HttpRequest) -> zoneinfo.ZoneInfo | None:
    chosen = ""
    if (
        settings.SESSION_COOKIE_NAME in request.COOKIES
    ):  # else there is no need to ask the database who this is
        chosen = getattr(request.user, "time_zone", "")
    for name in (chosen, unquote(request.COOKIES.get(ZONE_COOKIE, ""))):
        if name in time_zones():
            return zoneinfo.ZoneInfo(name)
    return None
