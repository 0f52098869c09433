"""Every action that has a key, in the order of the palette: the one table behind keys, palette and remapping.

A template marks the element that does it with `data-action="<id>"`; a script may add `run` or `when` to it
(`static/js/keys.js`). Keys: a small letter is the session, a capital the chosen turn, "g s" one after the other.
"""

from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that a person can do. `id` is unique; `key` is empty where only the palette offers it."""

    id: str
    key: str
    label: str | Promise
    group: str | Promise

    def as_dict(self) -> dict[str, Any]:
        """For `json_script`."""
        return {"id": self.id, "key": self.key, "label": self.label, "group": self.group}


_EVERYWHERE = _("Everywhere")
_GO = _("Go to")
_SESSIONS = _("Sessions")
_TURN = _("Chosen turn")
_HERE = _("This page")

SHELL = (
    Action("palette", "?", _("All keys and actions"), _EVERYWHERE),
    Action("theme", "", _("Light, dark, or as the system"), _EVERYWHERE),
    Action("go-sessions", "g s", _("Sessions"), _GO),
    Action("go-week", "g w", _("This week"), _GO),
    Action("go-corrections", "g i", _("Corrections"), _GO),
    Action("go-signals", "g d", _("What counts as"), _GO),
    Action("go-tags", "g t", _("Tags and reasons"), _GO),
    Action("go-connect", "g c", _("Connect"), _GO),
    Action("go-people", "g p", _("People"), _GO),
    Action("go-status", "g y", _("System status"), _GO),
    Action("go-profile", "g m", _("My profile"), _GO),
)

SESSIONS = (
    Action("query", "/", _("Query"), _SESSIONS),
    Action("facets", "q", _("Conditions with counts"), _SESSIONS),
    Action("views", "o", _("Views"), _SESSIONS),
    Action("view-save", "v", _("Save as a view"), _SESSIONS),
    Action("view-update", "", _("Save the changed view"), _SESSIONS),
    Action("view-reset", "", _("Back to the view as it was saved"), _SESSIONS),
    Action("for-me", "", _("For me: assigned, mentioned, later"), _SESSIONS),
    Action("not-mine", "", _("Leave out conversations of my own"), _SESSIONS),
    Action("session-next", "j", _("Next session"), _SESSIONS),
    Action("session-previous", "k", _("Previous session"), _SESSIONS),
    Action("transcript", "Enter", _("Into the transcript"), _SESSIONS),
    Action("back", "Escape", _("Back out"), _SESSIONS),
    Action("show-new", "r", _("Show new sessions"), _SESSIONS),
    Action("technical", "d", _("Technical events"), _SESSIONS),
    Action("story", "s", _("Story"), _SESSIONS),
    Action("copy-link", "y", _("Copy the link"), _SESSIONS),
    Action("done", "e", _("Done, next"), _SESSIONS),
    Action("well", "w", _("Went well, next"), _SESSIONS),
    Action("later", "l", _("Later, next"), _SESSIONS),
    Action("tag", "t", _("Tag the session"), _SESSIONS),
    Action("note", "c", _("Note on the session"), _SESSIONS),
    Action("assign", "a", _("Assign"), _SESSIONS),
    Action("undo", "u", _("Undo my last judgement"), _SESSIONS),
    Action("unread", "", _("Mark as not reviewed"), _SESSIONS),
    Action("select", "x", _("Select the session"), _SESSIONS),
    Action("select-to", "X", _("Select up to here"), _SESSIONS),
    Action("select-all", "*", _("Select all that are loaded"), _SESSIONS),
    Action("turn-next", "n", _("Next turn"), _TURN),
    Action("turn-previous", "p", _("Previous turn"), _TURN),
    Action("trouble-next", "N", _("Next hit or trouble"), _TURN),
    Action("trouble-previous", "P", _("Previous hit or trouble"), _TURN),
    Action("broke", "b", _("Broke here, next"), _TURN),
    Action("turn-tag", "T", _("Tag the turn"), _TURN),
    Action("turn-note", "C", _("Note on the turn"), _TURN),
    Action("turn-flag", "f", _("Flag the turn"), _TURN),
    Action("turn-intent", "i", _("Correct the intent"), _TURN),
    Action("turn-entity", "", _("Mark an entity in the message"), _TURN),
    Action("copy-example", "Y", _("Copy as a training example"), _TURN),
    Action("turn-intent-back", "", _("Take the correction of the turn back"), _TURN),
)

PAGES = (
    Action("connect-sql", "1", _("Same machine"), _HERE),
    Action("connect-rabbitmq", "2", _("RabbitMQ"), _HERE),
    Action("connect-file", "3", _("Log file"), _HERE),
    Action("copy", "y", _("Copy the text"), _HERE),
    Action("reload", "r", _("Load anew"), _HERE),
    Action("rejected", "m", _("Rejected messages"), _HERE),
    Action("new-person", "c", _("Invite a person"), _HERE),
    Action("signal-try", "p", _("Try the definition on real sessions"), _HERE),
    Action("signal-save", "s", _("Save the definition"), _HERE),
    Action("export-yml", "e", _("Export as nlu.yml"), _HERE),
    Action("export-csv", "x", _("Export as CSV"), _HERE),
    Action("new-tag", "t", _("New tag"), _HERE),
    Action("new-reason", "n", _("New reason"), _HERE),
    Action("play-demo", "v", _("Play a conversation"), _HERE),
)

ACTIONS: tuple[Action, ...] = SHELL + SESSIONS + PAGES
BY_ID = {action.id: action for action in ACTIONS}
