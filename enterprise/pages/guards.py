"""Who may open a page."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse

from enterprise.access import may

View = Callable[..., HttpResponse]


def needs(category: str) -> Callable[[View], View]:
    """Answer 403 to signed-in people whose role does not allow `category`; the others were sent to sign in."""

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not may(request.user, category):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        return guarded

    return decorate
