"""What every template may use."""

from typing import Any

from django.http import HttpRequest


def house(_request: HttpRequest) -> dict[str, Any]:
    """Names for the shell around every page."""
    return {}
