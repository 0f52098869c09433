"""Events to the letter: the published texts are joined, not parsed and written again (a quarter of the time)."""

from collections.abc import Iterable

from django.db.models import QuerySet
from django.http import HttpResponse

from conversations.identity import parse
from conversations.models import Event, Flag
from enterprise.api.renderers import dumps

# What JSON does not know but Python's reader takes, and what would stand there twice.
_SUSPECT = ("NaN", "Infinity", '"is_flagged"')


def flagged(conversation_id: int) -> set[tuple[float, bytes]]:
    """The flagged turns of a conversation, as (timestamp, hash) of their events."""
    flags = Flag.objects.filter(conversation_id=conversation_id).values_list("anchor_at", "anchor_hash")
    return {(timestamp, bytes(digest)) for timestamp, digest in flags}


def published(events: QuerySet[Event], flags: set[tuple[float, bytes]]) -> Iterable[bytes]:
    """Each event's body with `is_flagged` added, as strict JSON."""
    for timestamp, digest, body in events.values_list("timestamp", "hash", "body"):
        yield _with_flag(body, (timestamp, bytes(digest)) in flags)


def _with_flag(body: str, is_flagged: bool) -> bytes:
    text = body.strip()
    if not any(word in text for word in _SUSPECT):
        return f'{text[:-1]},"is_flagged":{"true" if is_flagged else "false"}}}'.encode()
    return dumps({**parse(text), "is_flagged": is_flagged})


def answer(events: Iterable[bytes], before: bytes = b"[", after: bytes = b"]") -> HttpResponse:
    """Events as a JSON array, or inside an object."""
    return HttpResponse(before + b",".join(events) + after, content_type="application/json")
