"""The event service keeps the house while it runs."""

import threading
import time

import pytest

from conversations.models import Conversation
from conversations.store import ensure_conversation
from events import service

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.both_databases]


def test_empty_conversations_go_while_the_service_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "HOUSE_SECONDS", 0.02)
    Conversation.objects.filter(pk=ensure_conversation("default", "nobody")).update(
        created_at=time.time() - 90_000
    )
    ensure_conversation("default", "somebody, perhaps")
    stop = threading.Event()
    running = threading.Thread(target=service.run, args=([service.embedded_url()], stop))
    running.start()
    try:
        deadline = time.monotonic() + 20
        while Conversation.objects.count() == 2 and time.monotonic() < deadline:
            time.sleep(0.05)
    finally:
        stop.set()
        running.join(20)
    assert list(Conversation.objects.values_list("sender_id", flat=True)) == ["somebody, perhaps"]
    assert not running.is_alive()
