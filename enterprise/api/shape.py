"""The error envelope, used inside and outside REST framework's views."""

from typing import Any

from django.conf import settings


def failure(code: int, reason: str, message: str, details: Any = None) -> dict[str, Any]:
    """The body of every error under /api. `reason` is CamelCase for programs, `message` a sentence for people."""
    return {
        "version": settings.VERSION,
        "status": "failure",
        "code": code,
        "reason": reason,
        "message": message,
        "details": details or {},
    }
