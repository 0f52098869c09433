"""Conversations, their tags, the lists of values, and sessions, under /api."""

from typing import Any

from django.urls import URLPattern, path

from conversations import converters  # noqa: F401 - registers <sender:...>
from conversations.api.conversations import ConversationDetail, Conversations
from conversations.api.corrections import CorrectionDetail, Corrections
from conversations.api.messages import MessageFlag, MessageIntent, Messages, ReviewStatus
from conversations.api.notes import NoteDetail, Notes
from conversations.api.reviews import ReviewDetail, Reviews
from conversations.api.sessions import SessionDetail, SessionEvents, Sessions
from conversations.api.statistics import SlotValues, Statistics
from conversations.api.tags import TagDetail, TagOfConversation, Tags, TagsOfConversation
from conversations.api.uses import UseDetail, Uses
from conversations.api.values import LISTS, Values
from conversations.api.views import ViewDetail, Views

# Upstream's three spellings; the OpenAPI document knows the first.
SPELLINGS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("tags", {}),
    ("data_tags", {"schema": None}),
    ("data-tags", {"schema": None}),
)


def _tags(name: str, options: dict[str, Any]) -> list[URLPattern]:
    return [
        path(f"conversations/{name}", Tags.as_view(**options)),
        path(f"conversations/{name}/<int:tag_id>", TagDetail.as_view(**options)),
        path(f"conversations/<sender:sender_id>/{name}", TagsOfConversation.as_view(**options)),
        path(f"conversations/<sender:sender_id>/{name}/<int:tag_id>", TagOfConversation.as_view(**options)),
    ]


# An id may hold slashes, so that what follows it is tried first.
urlpatterns: list[URLPattern] = [
    *(path(name, Values.as_view(kind=kind)) for name, kind in LISTS.items()),
    path("conversations/slotValues", SlotValues.as_view(), name="api-slot-values"),
    path("statistics", Statistics.as_view(), name="api-statistics"),
    path("conversations", Conversations.as_view(), name="api-conversations"),
    *(pattern for name, options in SPELLINGS for pattern in _tags(name, options)),
    path("conversations/<sender:sender_id>/reviewStatus", ReviewStatus.as_view()),
    path("conversations/<sender:sender_id>/messages", Messages.as_view()),
    path("conversations/<sender:sender_id>/messages/<str:timestamp>/flag", MessageFlag.as_view()),
    path("conversations/<sender:sender_id>/messages/<str:timestamp>/intent", MessageIntent.as_view()),
    path("conversations/<sender:sender_id>", ConversationDetail.as_view(), name="api-conversation"),
    path("views", Views.as_view(), name="api-views"),
    path("views/<int:pk>", ViewDetail.as_view(), name="api-view"),
    path("sessions", Sessions.as_view(), name="api-sessions"),
    path("sessions/<int:pk>", SessionDetail.as_view(), name="api-session"),
    path("sessions/<int:pk>/events", SessionEvents.as_view(), name="api-session-events"),
    path("sessions/<int:pk>/reviews", Reviews.as_view()),
    path("sessions/<int:pk>/reviews/<int:review_id>", ReviewDetail.as_view()),
    path("sessions/<int:pk>/notes", Notes.as_view()),
    path("sessions/<int:pk>/notes/<int:note_id>", NoteDetail.as_view()),
    path("sessions/<int:pk>/tags", Uses.as_view()),
    path("sessions/<int:pk>/tags/<int:use_id>", UseDetail.as_view()),
    path("sessions/<int:pk>/corrections", Corrections.as_view()),
    path("sessions/<int:pk>/corrections/<int:turn>", CorrectionDetail.as_view()),
]
