"""The site map. Pages are private unless they say otherwise; everything under /api answers JSON."""

from django.urls import include, path
from django.views.generic import RedirectView

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="conversations:session-list"), name="home"),
    path("", include("enterprise.pages.urls")),
    path("", include("conversations.urls")),
    path("api/", include("enterprise.api.urls")),
]
