"""Everything under /api. What no route knows gets the error envelope, never a page."""

from django.contrib.auth.decorators import login_not_required
from django.urls import include, path, re_path
from django.views.decorators.csrf import csrf_exempt

from enterprise import failures
from enterprise.api import views

urlpatterns = [
    path("auth", views.Auth.as_view(), name="api-auth"),
    path("user", views.Me.as_view(), name="api-user"),
    path("health", views.Health.as_view(), name="api-health"),
    path("version", views.Version.as_view(), name="api-version"),
    path("schema", views.Description.as_view(), name="api-schema"),
    path("docs", login_not_required(views.docs), name="api-docs"),
    path("", include("conversations.api.urls")),
    # Exempt, because the refusal of a write without a token would be a page.
    re_path(r"^.*$", csrf_exempt(login_not_required(failures.not_found))),
]
