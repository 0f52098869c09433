"""Every API view names the category of `enterprise.access` that it needs; one that names none answers nobody."""

# ruff: noqa: ARG002 - the signatures are those of REST framework

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from enterprise.access import may

SIGNED_IN = "signed in"  # any person, whatever the role


class Open(BasePermission):
    """For anybody."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """True."""
        return True


class ByCategory(BasePermission):
    """Asks for the view's `category`, or where methods differ for `categories[method]`.

    class Tags(APIView):
        category = "conversations.view"
        categories = {"POST": "conversations.judge"}
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        """Whether this person may. Raises ImproperlyConfigured for a view that names nothing."""
        category = getattr(view, "categories", {}).get(request.method) or getattr(view, "category", None)
        if not category:
            raise ImproperlyConfigured(f"{type(view).__name__} names no category for {request.method}.")
        if category == SIGNED_IN:
            return bool(request.user and request.user.is_authenticated)
        return may(request.user, category)
