"""From the broker to a row on the page: an open list asks as its script does, and the changed row comes back."""

import random
import time

from django.test import Client
from django.urls import reverse

from bench import house, latency
from conversations.models import Session
from enterprise.models import User

GIVE_UP = 30.0  # seconds


def rows(broker: house.Broker, queue: str, turns: int, poll: float) -> tuple[list[float], list[float]]:
    """Milliseconds from publishing an event until its session's row is in an answer, and those of each answer."""
    client = Client(SERVER_NAME="localhost")
    client.force_login(User.objects.create_user("bench", role=User.Role.ADMIN))
    choice = random.Random(3)
    waits, asks = [], []
    _ask(client, {})  # the first request builds templates and caches
    for turn in range(turns):
        known = dict(Session.objects.order_by("-activity_at").values_list("id", "revision")[:50])
        next_poll = time.monotonic() + choice.uniform(0, poll)
        begun = time.monotonic()
        broker.send(latency.event(f"latency-{turn % latency.CONVERSATIONS}", turn), queue)
        while True:
            time.sleep(max(0.0, next_poll - time.monotonic()))
            asked = time.monotonic()
            has_changed = _ask(client, known)
            now = time.monotonic()
            asks.append((now - asked) * 1000)
            if has_changed:
                waits.append((now - begun) * 1000)
                break
            if now - begun > GIVE_UP:
                raise SystemExit("a changed row did not come to the page")
            next_poll = now + poll
    return waits, asks


def _ask(client: Client, known: dict[int, int]) -> bool:
    shown = ",".join(f"{pk}.{revision}" for pk, revision in known.items())
    answer = client.get(reverse("conversations:session-list-poll"), {"rows": shown, "news": "0"})
    if answer.status_code not in (200, 204):
        raise SystemExit(f"the list answered {answer.status_code}")
    return answer.status_code == 200
