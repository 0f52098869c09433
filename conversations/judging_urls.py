"""Where sessions are judged."""

from django.urls import path

from conversations.views import judging

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
]
