"""Events of a conversation as people read them: turns with what was said, what the machine thought, what it did.

Pure: no Django, no database; any JSON in, plain values out. `turns` makes the transcript, `side` the panel of one turn.
"""

from . import values
from .build import turns
from .hits import NOTHING, Wanted, wanted
from .model import (
    Action,
    BotMessage,
    Choice,
    Detail,
    Entity,
    Guess,
    Line,
    Media,
    Payload,
    Segment,
    Slots,
    Source,
    Turn,
    UserMessage,
)
from .side import Side, side

__all__ = [
    "NOTHING",
    "Action",
    "BotMessage",
    "Choice",
    "Detail",
    "Entity",
    "Guess",
    "Line",
    "Media",
    "Payload",
    "Segment",
    "Side",
    "Slots",
    "Source",
    "Turn",
    "UserMessage",
    "Wanted",
    "side",
    "turns",
    "values",
    "wanted",
]
