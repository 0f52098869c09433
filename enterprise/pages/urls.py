"""Sign-in, people, connect, system status."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
