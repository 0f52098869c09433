"""Sign in, by password or by a link; sign out."""

from django.contrib import messages
from django.contrib.auth import login, logout
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from conversations.views.saved_views import first_list
from enterprise.access import may
from enterprise.audit import record
from enterprise.models import User
from enterprise.pages.forms import NewPasswordForm, SignInForm
from enterprise.sign_in import TooManyAttempts, check_password, peek_link, set_password, use_link

BACKEND = "django.contrib.auth.backends.ModelBackend"


def landing(request: HttpRequest) -> str:
    """The first page for this person: the sessions in trouble, all while there are none, or what is left for those
    who may not read them."""
    return first_list(request) if may(request.user, "conversations.view") else resolve_url("profile")


@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """`/` leads everybody to the page that is theirs."""
    return redirect(landing(request))


@login_not_required
@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """The form; one message for every kind of wrong, so that it tells nobody who exists."""
    if getattr(request, "htmx", False):
        # A part of a page asked, and the session is over: the whole page goes to sign in, and back afterwards.
        here = getattr(request, "htmx").current_url_abs_path or "/"  # noqa: B009
        address = f"{reverse('sign-in')}?{urlencode({'next': here})}"
        return HttpResponse(status=204, headers={"HX-Redirect": address})
    if request.user.is_authenticated and request.method == "GET":
        return redirect(_next(request))
    form = SignInForm(request.POST or None)
    status = 200
    if form.is_valid():
        try:
            user = check_password(request, form.cleaned_data["username"], form.cleaned_data["password"])
        except TooManyAttempts as refused:
            minutes = -(-refused.seconds // 60)
            form.add_error(
                None,
                ngettext(
                    "Too many attempts. Try again in %(n)d minute.",
                    "Too many attempts. Try again in %(n)d minutes.",
                    minutes,
                )
                % {"n": minutes},
            )
            status = 429
        else:
            if user:
                return _enter(request, user, "user.sign_in")
            form.add_error(None, _("Name or password is not right."))
            status = 422
    elif form.is_bound:
        status = 422
    wanted = request.POST.get("next") or request.GET.get("next", "")
    return render(request, "pages/sign_in.html", {"form": form, "next": wanted}, status=status)


def _enter(request: HttpRequest, user: User, action: str) -> HttpResponse:
    login(request, user, backend=BACKEND)
    record(request, action, user.get_username())
    return redirect(_next(request))


def _next(request: HttpRequest) -> str:
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    is_ours = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, request.is_secure())
    # `redirect` takes what has no slash in front for the name of a view.
    if is_ours and wanted.startswith("/"):
        return wanted
    return landing(request)


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """End this session."""
    record(request, "user.sign_out", request.user.get_username())
    logout(request)
    messages.success(request, _("You are signed out."))
    return redirect("sign-in")


@login_not_required
@never_cache
@sensitive_post_parameters("password", "again")
@require_http_methods(["GET", "POST"])
def sign_in_link(request: HttpRequest, secret: str) -> HttpResponse:
    """A link that signs in once. GET only shows whose it is: previews and mail scanners open links too.

    Somebody without a password chooses one here, in the same step that uses the link.
    """
    user = peek_link(secret)
    if user is None:
        return render(request, "pages/link_gone.html", status=410)
    needs_password = not user.has_usable_password()
    form = NewPasswordForm(request.POST if request.method == "POST" and needs_password else None)
    if request.method == "POST" and (not needs_password or (form.is_valid() and _is_good(form, user))):
        if use_link(secret) is None:
            return render(request, "pages/link_gone.html", status=410)
        if needs_password:
            set_password(user, form.cleaned_data["password"])
        return _enter(request, user, "user.sign_in_by_link")
    return render(
        request,
        "pages/enter.html",
        {"person": user, "form": form if needs_password else None},
        status=422 if form.is_bound else 200,
    )


def _is_good(form: NewPasswordForm, user: User) -> bool:
    try:
        validate_password(form.cleaned_data["password"], user)
    except ValidationError as error:
        form.add_error("password", error)
        return False
    return True
