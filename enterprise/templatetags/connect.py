"""`{% connect_panel %}`: how to connect a Rasa, wherever there is nothing to show yet."""

from typing import Any

from django import template

from enterprise.access import may
from enterprise.pages.connect import panel

register = template.Library()


@register.inclusion_tag("pages/connect/empty.html", takes_context=True)
def connect_panel(context: dict[str, Any]) -> dict[str, Any]:
    """The empty state of an installation: the whole panel for who may connect a Rasa, a word of patience for others."""
    request = context["request"]
    allowed = may(request.user, "operations.view")
    return {"request": request, "allowed": allowed, **(panel(request.GET.get("via", "")) if allowed else {})}
