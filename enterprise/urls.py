"""The site map. Pages are private unless they say otherwise; everything under /api answers JSON."""

from django.urls import include, path

from enterprise.pages.entrance import home

urlpatterns = [
    path("", home, name="home"),
    path("", include("enterprise.pages.urls")),
    path("", include("conversations.urls")),
    path("api/", include("enterprise.api.urls")),
]

handler400 = "enterprise.failures.bad_request"
handler403 = "enterprise.failures.permission_denied"
handler404 = "enterprise.failures.not_found"
handler500 = "enterprise.failures.server_error"
