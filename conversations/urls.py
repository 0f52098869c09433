"""Sessions: list, transcript, what a turn is made of; and upstream's addresses of conversations."""

from django.urls import path

from conversations import (
    converters,  # noqa: F401 - registers <sender:...>
    judging_urls,
)
from conversations.views import (
    completion,
    corrections,
    deep_links,
    facets,
    saved_views,
    sessions,
    signals,
    transcript,
    week,
)

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
    path("sessions/<int:pk>/turns/<int:event_id>/story/", transcript.story_of, name="turn-story"),
    path("sessions/complete/", completion.completion, name="completion"),
    path("sessions/facets/", facets.facets, name="facets"),
    path("views/", saved_views.view_list, name="view-list"),
    path("views/new/", saved_views.view_new, name="view-new"),
    path("views/counts/", saved_views.view_counts, name="view-counts"),
    path("views/<int:pk>/save/", saved_views.view_save, name="view-save"),
    path("views/<int:pk>/change/", saved_views.view_change, name="view-change"),
    path("views/<int:pk>/delete/", saved_views.view_delete, name="view-delete"),
    path("views/<int:pk>/restore/", saved_views.view_restore, name="view-restore"),
    path("views/<slug:key>/star/", saved_views.view_star, name="view-star"),
    *judging_urls.urlpatterns,
    path("sessions/<int:pk>/example/", corrections.example, name="session-example"),
    path("week/", week.this_week, name="week"),
    path("corrections/", corrections.correction_list, name="corrections"),
    path("corrections/<int:pk>/undo/", corrections.correction_undo, name="correction-undo"),
    path("corrections/export.<str:kind>", corrections.correction_export, name="correction-export"),
    path("signals/", signals.signal_list, name="signals"),
    path("signals/<slug:name>/", signals.signal, name="signal"),
    path("conversations/", deep_links.to_list, name="conversation-list"),
    path("conversations/<sender:rest>", deep_links.conversation_link, name="conversation-link"),
]
