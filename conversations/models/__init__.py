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
from conversations.models.opinions import ConversationTag, Flag, Tag

__all__ = [
    "Assistant",
    "Conversation",
    "ConversationTag",
    "Event",
    "Flag",
    "SavedView",
    "SearchChunk",
    "Session",
    "SessionValue",
    "Star",
    "Tag",
]
