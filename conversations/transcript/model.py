"""What a transcript is made of: plain values that a template can draw without thinking.

Texts are safe to show (`identity.shown`) but not escaped: escaping is the template's. Message ids (fields called `says`
and labels of details) are English and translated by the template.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol

Key = tuple[float, int, bytes]
Tone = Literal["", "good", "warn", "bad", "violet"]


def gettext_noop(message: str) -> str:
    """Marks a message for translation (the extraction tool knows the name) without translating it."""
    return message


class Source(Protocol):
    """The columns of a stored event that a transcript reads; `conversations.models.Event` has them all."""

    id: int
    timestamp: float
    rank: int
    hash: Any  # bytes, or what a database driver gives for them
    type: str
    name: str
    predicted: str
    confidence: float | None
    environment: str
    is_export: bool
    is_future: bool
    reverted_at: float | None
    body: str


@dataclass(frozen=True, slots=True)
class Entity:
    """An entity as it was extracted. `start`, `end`: code points of the message; None where it cannot be placed."""

    name: str
    value: str
    role: str = ""
    group: str = ""
    extractor: str = ""
    confidence: float | None = None
    start: int | None = None
    end: int | None = None

    @property
    def label(self) -> str:
        """`city`, or `city:departure` with its role, and `#1` for a group."""
        role = f":{self.role}" if self.role else ""
        return f"{self.name}{role}{f'#{self.group}' if self.group else ''}"


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of a message's text in which nothing changes. `ends`: entities whose label stands behind this run."""

    text: str
    entities: tuple[Entity, ...] = ()
    ends: tuple[Entity, ...] = ()
    is_hit: bool = False
    url: str = ""

    @property
    def is_plain(self) -> bool:
        return not (self.entities or self.is_hit or self.url)


@dataclass(frozen=True, slots=True)
class Guess:
    """One line of an intent ranking. `percent`: 0 to 100, for a bar."""

    name: str
    confidence: float | None
    tone: Tone = ""

    @property
    def percent(self) -> int:
        return 0 if self.confidence is None else round(100 * min(1.0, max(0.0, self.confidence)))


@dataclass(slots=True)
class UserMessage:
    """What the user said, and what the machine thought of it."""

    kind: ClassVar[str] = "user"
    id: int
    timestamp: float
    segments: list[Segment]
    guess: Guess
    is_fallback: bool = False
    predicted: str = ""
    retrieval: str = ""
    entities: list[Entity] = field(default_factory=list)
    loose: list[Entity] = field(default_factory=list)  # entities that no run of the text shows
    commands: list[str] = field(default_factory=list)
    is_payload: bool = False
    is_external: bool = False
    picked: str = ""  # title of the button that sent this payload
    channel: str = ""
    is_reverted: bool = False
    is_hit: bool = False
    is_cut: bool = False
    size: int = 0  # characters of the event's body

    @property
    def is_empty(self) -> bool:
        return not self.segments


@dataclass(slots=True)
class Choice:
    """A button or quick reply."""

    title: str
    payload: str = ""
    url: str = ""
    is_picked: bool = False


@dataclass(frozen=True, slots=True)
class Media:
    """An image or attachment; `url` is empty when it is nothing that a browser may open."""

    kind: Literal["image", "file"]
    label: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class Payload:
    """JSON that a channel shows in its own way; `text` is indented and may be cut."""

    says: str
    text: str
    is_cut: bool = False


@dataclass(slots=True)
class BotMessage:
    """What the assistant (or, with `is_agent`, a person in its place) said."""

    kind: ClassVar[str] = "bot"
    id: int
    timestamp: float
    segments: list[Segment]
    utter_action: str = ""
    buttons: list[Choice] = field(default_factory=list)
    n_more_buttons: int = 0
    media: list[Media] = field(default_factory=list)
    payloads: list[Payload] = field(default_factory=list)
    is_agent: bool = False
    is_reverted: bool = False
    is_hit: bool = False
    is_cut: bool = False
    size: int = 0

    @property
    def is_empty(self) -> bool:
        return not (self.segments or self.buttons or self.media or self.payloads)


@dataclass(frozen=True, slots=True)
class Detail:
    """A labelled value of a line. `says` may be empty."""

    says: str
    value: str


@dataclass(slots=True)
class Line:
    """Any other event in one line: what happened (`says`, a message id), to what (`subject`), and the particulars."""

    kind: ClassVar[str] = "line"
    id: int
    timestamp: float
    type: str
    says: str
    subject: str = ""
    details: list[Detail] = field(default_factory=list)
    icon: str = "circle-dot"
    tone: Tone = ""
    is_technical: bool = False
    is_reverted: bool = False
    is_hit: bool = False


@dataclass(slots=True)
class Action:
    """What the assistant did, who decided it and how sure it was; `notes` are loops begun, turns reverted."""

    kind: ClassVar[str] = "action"
    id: int
    timestamp: float
    name: str
    policy: str = ""
    confidence: float | None = None
    is_text: bool = False  # end-to-end: the "name" is the answer itself
    notes: list[Line] = field(default_factory=list)
    icon: str = "play"
    is_reverted: bool = False
    is_hit: bool = False
    is_technical: ClassVar[bool] = False


@dataclass(slots=True)
class Slots:
    """Slots set one after the other, on one line."""

    kind: ClassVar[str] = "slots"
    id: int
    timestamp: float
    slots: list[Detail] = field(default_factory=list)
    is_reverted: bool = False
    is_hit: bool = False


Item = BotMessage | Line | Action | Slots


@dataclass(slots=True)
class Turn:
    """A user's message and all that followed until the next one; without `user` it began by itself.

    `id` is the anchor event's arrival number, `key` its place in the total order; what a session does before its first
    message belongs to that message's turn: it is in `before`, and the turn begins at `first_key`. `new_day`: the calendar day differs
    from that of the turn before. `session`: number of the session that starts here.
    """

    id: int
    key: Key
    first_key: Key
    user: UserMessage | None = None
    before: list[Item] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)
    new_day: bool = False
    session: int | None = None
    n_technical: int = 0
    last_key: Key = (0.0, 0, b"")
    last_id: int = 0
    n_events: int = 0
    has_hit: bool = False
    has_trouble: bool = False  # found by looking at the whole session

    @property
    def timestamp(self) -> float:
        return self.key[0]

    @property
    def is_reverted(self) -> bool:
        return self.user is not None and self.user.is_reverted

    @property
    def is_hit(self) -> bool:
        return (
            self.has_hit
            or (self.user is not None and self.user.is_hit)
            or any(getattr(item, "is_hit", False) for item in self.items)
        )

    @property
    def is_trouble(self) -> bool:
        """Something a reviewer should look at: not understood, unsure, taken back, handed over, or an error."""
        user = self.user
        if self.has_trouble:
            return True
        if user and (user.is_fallback or user.is_reverted or user.guess.tone == "warn"):
            return True
        return any(getattr(item, "tone", "") == "bad" for item in self.items)

    @property
    def is_silent(self) -> bool:
        """Nothing but technical events and slots: a page may leave it out until it is asked for them."""
        return self.user is None and all(
            getattr(item, "is_technical", False) or isinstance(item, Slots) for item in self.items
        )

    @property
    def version(self) -> str:
        """Changes with what the turn shows, so that a page can tell which of its turns to draw again."""
        drawn = [item for item in (self.user, *self.before, *self.items) if item]
        reverted = sum(item.is_reverted for item in drawn)
        picked = sum(button.is_picked for item in drawn for button in getattr(item, "buttons", ()))
        return f"{self.n_events}.{self.last_id}.{reverted}.{picked}"
