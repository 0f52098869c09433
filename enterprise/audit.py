"""The audit log: every write of a person, with who, what, when and from where."""

from ipaddress import ip_address
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest

from enterprise.models import AuditLine, User


def record(
    by: HttpRequest | User | AnonymousUser | None, action: str, target: str = "", **details: Any
) -> AuditLine:
    """Write one line. `by` is the request, so that the address is kept, or just the person; None is the program itself.

    `action` is a short verb phrase such as `user.invite`; `details` must be JSON. Call it in the write's transaction.
    """
    request = by if hasattr(by, "META") else None
    user = getattr(by, "user", None) if request is not None else by
    person = user if isinstance(user, User) else None
    return AuditLine.objects.create(
        user=person,
        actor=person.get_username() if person else ("anonymous" if request is not None else "enterprise"),
        action=action,
        target=target.replace("\0", "\\u0000")[:200],  # PostgreSQL holds no NUL
        details=details,
        address=client_address(request) if request is not None else None,
    )


def client_address(request: Any) -> str | None:
    """The address of the client: the peer, or behind `PROXIES` trusted proxies what they said of it."""
    if settings.PROXIES:
        hops = [hop.strip() for hop in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if hop.strip()]
        if len(hops) >= settings.PROXIES:
            return _address(hops[-settings.PROXIES])
    return _address(request.META.get("REMOTE_ADDR", ""))


def _address(text: str) -> str | None:
    try:
        return str(ip_address(text))
    except ValueError:
        return None
