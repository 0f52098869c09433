"""Sessions: list, transcript, what a turn is made of; and upstream's addresses of conversations."""

from django.urls import path

from conversations import converters  # noqa: F401 - registers <sender:...>
from conversations.views import deep_links, sessions, transcript

app_name = "conversations"
urlpatterns = [
    path("sessions/", sessions.session_list, name="session-list"),
    path("sessions/poll/", sessions.list_poll, name="session-list-poll"),
    path("sessions/<int:pk>/", sessions.session_detail, name="session-detail"),
    path("sessions/<int:pk>/poll/", transcript.transcript_poll, name="session-poll"),
    path("sessions/<int:pk>/strip/", transcript.strip, name="session-strip"),
    path("sessions/<int:pk>/events/", transcript.events, name="session-events"),
    path("sessions/<int:pk>/events/<int:event_id>/", transcript.event_detail, name="event-detail"),
    path("sessions/<int:pk>/turns/<int:event_id>/", transcript.turn_detail, name="turn-detail"),
    path("conversations/", deep_links.to_list, name="conversation-list"),
    path("conversations/<sender:rest>", deep_links.conversation_link, name="conversation-link"),
]
