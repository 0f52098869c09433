"""Conversations, their tags, the lists of values, and sessions, under /api."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
