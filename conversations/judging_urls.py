"""Where sessions are judged, and the words for it kept."""

from django.urls import path

from conversations.views import judging, tags

JUDGING = {
    "review": judging.review,
    "unreview": judging.unreview,
    "later": judging.later,
    "assign": judging.assign,
    "tag": judging.tag,
    "untag": judging.untag,
    "flag": judging.flag,
    "note": judging.note,
    "note-edit": judging.note_edit,
    "note-delete": judging.note_delete,
    "correct": judging.correct,
    "uncorrect": judging.uncorrect,
    "seen": judging.seen,
    "claim": judging.claim,
}
urlpatterns = [
    *(path(f"sessions/<int:pk>/judge/{name}/", view, name=f"judge-{name}") for name, view in JUDGING.items()),
    path("sessions/<int:pk>/choices/", judging.choices_for, name="choices"),
    path("undo/", judging.undo_deed, name="undo"),
    path("tags/", tags.tag_list, name="tags"),
    path("tags/new/", tags.tag_new, name="tag-new"),
    path("tags/<int:pk>/save/", tags.tag_save, name="tag-save"),
    path("tags/<int:pk>/merge/", tags.tag_merge, name="tag-merge"),
    path("tags/<int:pk>/delete/", tags.tag_delete, name="tag-delete"),
    path("reasons/new/", tags.reason_new, name="reason-new"),
    path("reasons/<int:pk>/save/", tags.reason_save, name="reason-save"),
    path("reasons/<int:pk>/delete/", tags.reason_delete, name="reason-delete"),
]
