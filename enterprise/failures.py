"""Answers when something is wrong: JSON in the API's envelope under /api, a page elsewhere, never a bare traceback."""

import sys
from typing import Any

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views import defaults

from enterprise.api.shape import failure
from enterprise.schema import NotReady, Progress, first_line

RETRY_SECONDS = 2


def migrating(request: HttpRequest, progress: Progress) -> HttpResponse:
    """503: the schema is not this version's (yet)."""
    if progress.is_newer:
        message = _("The database belongs to a newer version of Enterprise: start that version.")
    elif progress.status == "in_progress":
        message = _("The database is being brought to this version: %(percent)d %% done.") % {
            "percent": progress.percent
        }
    else:
        message = _("The database waits for its migration: run “manage.py migrate”.")
    return _unavailable(request, "Migrating", _("One moment"), message, progress.percent)


def database_away(request: HttpRequest, error: Exception) -> HttpResponse:
    """503: the database does not answer, or not in time."""
    message = _("The database does not answer (setting DATABASE_URL).")
    # What the database said goes to the log, not to strangers.
    sys.stderr.write(f"The database does not answer: {first_line(error)}\n")
    return _unavailable(request, "DatabaseUnavailable", _("The database is away"), message, None)


def _unavailable(
    request: HttpRequest, reason: str, title: str, message: str, percent: float | None
) -> HttpResponse:
    response: HttpResponse
    if _is_api(request):
        details = {} if percent is None else {"progress_in_percent": percent}
        response = JsonResponse(failure(503, reason, message, details), status=503)
    else:
        # Without the shell around it: that would ask the database who is there.
        context = {"title": title, "message": message, "percent": percent, "retry": RETRY_SECONDS}
        response = render(None, "unavailable.html", context, status=503)
    response["Retry-After"] = str(RETRY_SECONDS)
    response["Cache-Control"] = "no-store"
    return response


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """handler400."""
    if _is_api(request):
        return JsonResponse(
            failure(400, "BadRequest", _("This is not a request that can be read.")), status=400
        )
    return defaults.bad_request(request, exception)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """handler403."""
    if _is_api(request):
        return JsonResponse(failure(403, "PermissionDenied", _("You may not do that.")), status=403)
    return defaults.permission_denied(request, exception)


def not_found(request: HttpRequest, exception: Exception | None = None, **_path: Any) -> HttpResponse:
    """handler404, and the last resort of the API's routes."""
    if _is_api(request):
        return JsonResponse(failure(404, "NotFound", _("There is nothing here.")), status=404)
    return defaults.page_not_found(request, exception or Exception())


def server_error(request: HttpRequest) -> HttpResponse:
    """handler500; a database that went away in the middle is a 503."""
    error = sys.exc_info()[1]
    if isinstance(error, OperationalError | InterfaceError | NotReady):
        return database_away(request, error)
    if _is_api(request):
        message = _("Something went wrong here; the server's log says what.")
        return JsonResponse(failure(500, "InternalServerError", message), status=500)
    return defaults.server_error(request)


def _is_api(request: HttpRequest) -> bool:
    return request.path_info.startswith("/api/")
