"""What each role may do: one table, asked by pages and API alike."""

from typing import Any

CATEGORIES: dict[str, frozenset[str]] = {
    "conversations.view": frozenset({"admin", "reviewer", "annotator"}),
    "conversations.judge": frozenset({"admin", "reviewer", "annotator"}),
    "conversations.define": frozenset({"admin", "reviewer"}),
    "operations.view": frozenset({"admin"}),
    "operations.modify": frozenset({"admin"}),
    "users.modify": frozenset({"admin"}),
    "demo.modify": frozenset({"admin"}),
}


def may(user: Any, category: str) -> bool:
    """Whether this person (or anonymous visitor) may do what `category` names. Unknown categories raise KeyError."""
    roles = CATEGORIES[category]
    return bool(user.is_authenticated and user.is_active and user.role in roles)
