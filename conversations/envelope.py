"""What the transport hands to the store: one decoded event of one sender."""

from typing import NamedTuple

from conversations.reading import EventRow


class Envelope(NamedTuple):
    """One message that is an event. `sender_id` is exact, `body` the message to the letter."""

    assistant: str
    sender_id: str
    row: EventRow
    body: str
    environment: str = ""  # AMQP app_id or the source's `environment=`; empty when nobody named one
    is_export: bool = False  # header rasa-export-process-id
