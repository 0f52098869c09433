"""The demo: a card on Connect and System status."""

from typing import Any


def demo_card() -> dict[str, Any] | None:
    """What the card shows, or None where there is no demo."""
    return None
