"""Runs inside Rasa's environment: what Rasa's own tracker says of slots after every event of a session.

In: one JSON list of events a line. Out: one JSON list a line, for each event the slots that have been set by then.
Older Python than the project's: keep to 3.8.
"""

import json
import sys

from rasa.shared.core.events import Event
from rasa.shared.core.slots import AnySlot
from rasa.shared.core.trackers import DialogueStateTracker


def main() -> None:
    for line in sys.stdin:
        events = json.loads(line)
        names = sorted({event["name"] for event in events if event["event"] == "slot"})
        tracker = DialogueStateTracker("session", [AnySlot(name, mappings=[{}]) for name in names])
        states = []
        for event in events:
            tracker.update(Event.from_parameters(event))
            states.append({name: slot.value for name, slot in tracker.slots.items() if slot.has_been_set})
        sys.stdout.write(json.dumps(states) + "\n")


if __name__ == "__main__":
    main()
