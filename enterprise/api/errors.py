"""Exceptions of API views as the error envelope."""

from collections.abc import Iterator
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import InterfaceError, OperationalError
from django.http import Http404
from django.utils.translation import gettext as _
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from enterprise.api.shape import failure
from enterprise.schema import NotReady


class Failure(exceptions.APIException):
    """What a view raises to say no: `raise Failure(409, "ModelExists", "There is a model of that name.")`."""

    def __init__(
        self, code: int, reason: str, message: str, details: Any = None, *, wait: int | None = None
    ) -> None:
        super().__init__(message, reason)
        self.status_code = code
        self.reason = reason
        self.details = details
        self.wait = wait  # seconds, for Retry-After


def envelope(error: Exception, _context: dict[str, Any]) -> Response | None:
    """REST framework's EXCEPTION_HANDLER. None lets Django's handler500 answer what nobody expected."""
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    elif isinstance(error, OperationalError | InterfaceError | NotReady):
        set_rollback()
        message = _("The database does not answer right now.")
        return Response(
            failure(503, "DatabaseUnavailable", message), status=503, headers={"Retry-After": "2"}
        )
    if not isinstance(error, exceptions.APIException):
        return None
    set_rollback()
    code = error.status_code
    reason = error.reason if isinstance(error, Failure) else type(error).__name__
    messages = list(_sentences(error.detail))
    details = error.details if isinstance(error, Failure) else None
    if details is None and isinstance(error.detail, dict):
        details = error.detail
    body = failure(code, reason, " ".join(messages), details)
    headers: dict[str, str] = {}
    if code == 401:
        body |= {"reasons": messages, "exception": reason}
        headers["WWW-Authenticate"] = getattr(error, "auth_header", 'Bearer realm="api"')
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(int(wait))
    return Response(body, status=code, headers=headers)


def _sentences(detail: Any, field: str = "") -> Iterator[str]:
    if isinstance(detail, dict):
        for name, inner in detail.items():
            yield from _sentences(inner, "" if name == "non_field_errors" else str(name))
    elif isinstance(detail, list):
        for inner in detail:
            yield from _sentences(inner, field)
    else:
        yield f"{field}: {detail}" if field else str(detail)
