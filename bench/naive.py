"""How one would write it first: an ORM `get_or_create`, two `save` and an acknowledgement for each event.

The same tables and indexes, the same decoding; of the sessions only the row with its sums, no values and no words to
search, no second look for duplicates. In its favour: the assistant is known, the conversation's own sums are left out.
"""

from collections.abc import Iterator

import pika
from django.db import transaction

from conversations.identity import sender_hash
from conversations.models import Assistant, Conversation, Event, Session
from conversations.rows import COLUMNS, STORED, SessionRow
from conversations.summary import Summary
from events.decode import Rejection, decode


def consume(url: str, queue: str, expected: int) -> Iterator[int]:
    """Store one event after the other; yields 1 for each."""
    assistant = Assistant.objects.get_or_create(name="default")[0]
    connection = pika.BlockingConnection(pika.URLParameters(url))
    channel = connection.channel()
    channel.basic_qos(prefetch_count=1)
    for done, (method, properties, body) in enumerate(channel.consume(queue), start=1):
        with transaction.atomic():
            save(assistant, body, properties.app_id or "")
        channel.basic_ack(method.delivery_tag or 0)
        yield 1
        if done == expected:
            break
    connection.close()


def save(assistant: Assistant, body: bytes, environment: str) -> None:
    """One event, its conversation and its session."""
    decoded = decode(body, environment=environment)
    if isinstance(decoded, Rejection):
        raise SystemExit(decoded.reason)
    row = decoded.row
    conversation, _ = Conversation.objects.get_or_create(
        assistant=assistant,
        sender_hash=sender_hash(decoded.sender_id),
        defaults={"sender_id": decoded.sender_id, "created_at": row.timestamp},
    )
    Event(
        conversation=conversation,
        timestamp=row.timestamp,
        rank=row.rank,
        hash=row.hash,
        type=row.type,
        name=row.name,
        predicted=row.predicted,
        confidence=row.confidence,
        text=row.said[:1000],
        words=row.words,
        environment=environment,
        received_at=row.timestamp,
        body=decoded.body,
    ).save()
    session = Session.objects.filter(conversation=conversation).order_by("-start_at").first()
    if session is None or row.name == "action_session_start":
        session = Session(conversation=conversation, assistant=assistant)
        sums = SessionRow(0, conversation.id, assistant.id, row.key, row.key)
    else:
        sums = SessionRow.from_database({name: getattr(session, name) for name in STORED})
    added = Summary()
    added.add(row, environment, row.timestamp)
    sums.summary.merge(added)
    sums.last = max(sums.last, row.key)
    for name, value in zip(COLUMNS, sums.columns(), strict=True):
        setattr(session, name, value)
    session.save()
