"""People: who may come in, and as what."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from enterprise.audit import record
from enterprise.models import User
from enterprise.pages.forms import InviteForm
from enterprise.pages.guards import needs
from enterprise.sign_in import (
    INVITATION_HOURS,
    LINK_HOURS,
    change_role,
    disable,
    enable,
    invite,
    link_path,
    make_link,
)

ROLES: dict[str, str | Promise] = {
    User.Role.ADMIN: gettext_lazy("Does everything: people, sources, settings, and all that is below."),
    User.Role.REVIEWER: gettext_lazy("Reads conversations and judges them."),
    User.Role.ANNOTATOR: gettext_lazy(
        "Reads and judges conversations, and prepares training data from them."
    ),
    User.Role.TESTER: gettext_lazy("Talks to the bot, and reads nobody’s conversations."),
}


def _roles() -> list[dict[str, Any]]:
    return [{"value": role.value, "label": role.label, "says": ROLES[role]} for role in User.Role]


@needs("users.modify")
@require_GET
def people(request: HttpRequest) -> HttpResponse:
    """Everybody who can sign in, or could."""
    everybody = User.objects.order_by("-is_active", "username")
    return render(request, "pages/people.html", {"people": everybody, "roles": _roles()})


@needs("users.modify")
@never_cache
@require_http_methods(["GET", "POST"])
def person_new(request: HttpRequest) -> HttpResponse:
    """Invite somebody. The link is shown in the answer and nowhere again: only its hash is kept."""
    form = InviteForm(request.POST or None)
    if form.is_valid():
        data = form.cleaned_data
        try:
            user, secret = invite(request, data["username"], data["role"], first_name=data["first_name"])
        except ValidationError as error:
            # A field that the form does not have would have no place to be shown.
            fields = error.message_dict if hasattr(error, "error_dict") else {}
            for name, reasons in (fields or {"": error.messages}).items():
                form.add_error(name if name in form.fields else None, reasons)
        else:
            return _show_link(request, user, secret, INVITATION_HOURS // 24)
    return render(
        request,
        "pages/person_new.html",
        {"form": form, "roles": _roles()},
        status=422 if form.is_bound else 200,
    )


def _show_link(request: HttpRequest, user: User, secret: str, days: int) -> HttpResponse:
    address = request.build_absolute_uri(link_path(secret))
    return render(request, "pages/person_link.html", {"person": user, "address": address, "days": days})


@needs("users.modify")
@never_cache
@require_POST
def person_link(request: HttpRequest, pk: int) -> HttpResponse:
    """A new link for somebody who lost the way in."""
    user = get_object_or_404(User, pk=pk, is_active=True)
    hours = LINK_HOURS if user.has_usable_password() else INVITATION_HOURS
    author = request.user if isinstance(request.user, User) else None
    secret = make_link(user, author, hours)
    record(request, "user.link", user.get_username())
    return _show_link(request, user, secret, hours // 24)


@needs("users.modify")
@require_POST
def person_role(request: HttpRequest, pk: int) -> HttpResponse:
    """Give somebody another role."""
    role = request.POST.get("role", "")
    return _change(request, pk, lambda user: change_role(user, role, request))


@needs("users.modify")
@require_POST
def person_disable(request: HttpRequest, pk: int) -> HttpResponse:
    """Let somebody in no more."""
    return _change(request, pk, lambda user: disable(user, request))


@needs("users.modify")
@require_POST
def person_enable(request: HttpRequest, pk: int) -> HttpResponse:
    """Let somebody in again."""
    return _change(request, pk, lambda user: enable(user, request))


def _change(request: HttpRequest, pk: int, change: Callable[[User], None]) -> HttpResponse:
    user = get_object_or_404(User, pk=pk)
    try:
        change(user)
    except ValidationError as error:
        for reason in error.messages:
            messages.error(request, reason)
    else:
        user.refresh_from_db()
        says = user.get_role_display() if user.is_active else _("disabled")
        messages.success(request, f"{user.first_name or user.username}: {says}")
    return redirect("people")
