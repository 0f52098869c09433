"""The tables of conversations: what happened, and what is said of it."""

from conversations.models.asking import SavedView, Star
from conversations.models.happened import (
    Assistant,
    Conversation,
    Event,
    SearchChunk,
    Session,
    SessionValue,
)
from conversations.models.opinions import (
    VERDICTS,
    Anchored,
    Assignment,
    Claim,
    Correction,
    Deed,
    Flag,
    Later,
    Mention,
    Note,
    Opinion,
    Reason,
    Review,
    Seen,
    Tag,
    TagUse,
)
from conversations.models.signals import Recount, Signal

__all__ = [
    "VERDICTS",
    "Anchored",
    "Assignment",
    "Assistant",
    "Claim",
    "Conversation",
    "Correction",
    "Deed",
    "Event",
    "Flag",
    "Later",
    "Mention",
    "Note",
    "Opinion",
    "Reason",
    "Recount",
    "Review",
    "SavedView",
    "SearchChunk",
    "Seen",
    "Session",
    "SessionValue",
    "Signal",
    "Star",
    "Tag",
    "TagUse",
]
