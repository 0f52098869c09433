"""Publishes with Rasa's own broker classes. Runs in the Rasa environment (Python 3.8 to 3.10), and imports nothing of ours.

    python faults_publisher.py '{"type": "pika", "url": ..., "queues": [...]}'

Reads one JSON list of events a line, publishes it, and answers with the number of events handed over; an empty list
waits until the broker has confirmed everything that it kept back. Ends with its input.
"""

import asyncio
import json
import logging
import sys

sys.path.pop(0)  # this folder, in which `rasa` is our own package

import rasa.shared.core.events  # noqa: F401 - the brokers use it and leave the import to the server
from rasa.core.brokers.broker import EventBroker
from rasa.utils.endpoints import EndpointConfig


def answer(text: str) -> None:
    """Say something to the tests; Rasa's own log goes to the same pipe."""
    print(f"faults: {text}", flush=True)


async def settle(broker: EventBroker, handed: list) -> None:
    """Wait until nothing is kept back.

    Rasa publishes again what failed only when it reconnects; what failed just after that would stay until the next time.
    A publish whose confirmation died with its channel may wait for ever: then all is handed over once more, as an export would.
    """
    waited = 0
    while broker._unpublished_events or broker._background_tasks:
        await asyncio.sleep(0.1)
        waited += 1
        if waited % 30 == 0:
            kept, running = len(broker._unpublished_events), len(broker._background_tasks)
            print(f"{kept} kept back, {running} being published", file=sys.stderr, flush=True)
            broker._publish_unpublished_messages()
        if waited % 200 == 0:
            for task in list(broker._background_tasks):
                task.cancel()
            await asyncio.sleep(0.5)
            broker._unpublished_events.clear()
            for event in handed:
                broker.publish(event)
                await asyncio.sleep(0)


async def main() -> None:
    """Serve the lines of the standard input."""
    loop = asyncio.get_event_loop()
    broker = await EventBroker.create(EndpointConfig.from_dict(json.loads(sys.argv[1])), loop)
    assert broker is not None, "Rasa made no broker"
    answer(type(broker).__name__)
    handed = []
    while True:
        line = await loop.run_in_executor(None, sys.stdin.readline)
        if not line:
            break
        events = json.loads(line)
        for event in events:
            broker.publish(event)
            await asyncio.sleep(0)
        handed += events
        if not events:
            await settle(broker, handed)
        answer(str(len(events)))
    await broker.close()


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    asyncio.run(main())
