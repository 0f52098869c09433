"""My profile: name, time zone, password, theme, keys."""

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_POST

from enterprise.audit import record
from enterprise.context import THEME_COOKIE, THEMES
from enterprise.models import User, time_zones
from enterprise.pages.actions import ACTIONS
from enterprise.pages.forms import ChangePasswordForm, PersonForm
from enterprise.sign_in import set_password

YEAR = 365 * 24 * 3600  # seconds


def _me(request: HttpRequest) -> User:
    # Always the user's own row, and never the request's lazy object, which a form would change in place.
    return User.objects.get(username=request.user.get_username())


def _page(
    request: HttpRequest,
    *,
    person: PersonForm | None = None,
    password: ChangePasswordForm | None = None,
) -> HttpResponse:
    me = _me(request)
    return render(
        request,
        "pages/profile.html",
        {
            "me": me,
            "person_form": person or PersonForm(instance=me),
            "password_form": password or ChangePasswordForm(me),
            "zones": sorted(zone for zone in time_zones() if "/" in zone or zone == "UTC"),
            "actions": ACTIONS,
            "now_here": timezone.now(),
        },
        status=422 if person or password else 200,
    )


@require_GET
def profile(request: HttpRequest) -> HttpResponse:
    """Everything about me on one page."""
    return _page(request)


@require_POST
def profile_person(request: HttpRequest) -> HttpResponse:
    """Change name and time zone."""
    form = PersonForm(request.POST, instance=_me(request))
    if not form.is_valid():
        return _page(request, person=form)
    form.save()
    record(request, "user.profile", form.instance.get_username(), changed=form.changed_data)
    messages.success(request, _("Saved."))
    return redirect("profile")


@sensitive_post_parameters()
@require_POST
def profile_password(request: HttpRequest) -> HttpResponse:
    """Change my password; my other sessions end."""
    me = _me(request)
    form = ChangePasswordForm(me, request.POST)
    if form.is_valid():
        try:
            set_password(me, form.cleaned_data["password"], request)
        except ValidationError as error:
            form.add_error("password", error)
        else:
            update_session_auth_hash(request, me)
            messages.success(request, _("Your password is changed."))
            return redirect("profile")
    return _page(request, password=form)


@require_POST
def profile_theme(request: HttpRequest) -> HttpResponse:
    """Light, dark, or as the system: for those without scripts."""
    theme = request.POST.get("theme", "")
    response = redirect("profile")
    if theme in THEMES:
        response.set_cookie(THEME_COOKIE, theme, max_age=YEAR, samesite="Lax", secure=request.is_secure())
    return response
