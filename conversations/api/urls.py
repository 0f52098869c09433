"""Conversations and sessions under /api."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
