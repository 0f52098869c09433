# ruff: noqa: S311, T201 - a seeded command line script
"""Customers of the demo assistant: a seeded script that talks to a running Rasa server over its REST channel.

    python -m events.demo.talk --url http://127.0.0.1:5005 --sessions 400 --seed 7 --expiry 6

Standard library only, no newer than Python 3.8 (it runs in Rasa's environment). Customers press the buttons they are
really shown, so the conversations differ when the assistant answers differently; the script itself is deterministic.
"""

from __future__ import annotations

import argparse
import random
import time

from events.demo.chat import Chat, Customer
from events.demo.concerns import visit

# Three customers who come back again and again, one of them over both channels.
REGULARS = (
    ("447700900417", "whatsapp", 26),
    ("web-5d1c90aa", "webchat", 23),
    ("447700900862", "whatsapp", 21),
)
# Ids that break naive software: path separators, spaces, other scripts, an emoji, Rasa's own default.
ODD_IDS = (
    "kiosk/marlow/2",
    "shop desk 3",
    "tablet 14 / hall B",
    "zoë+müller",
    "客服-17",
    "🦊 fan",
    "50%off?x=1#top",
    "default",
    "مستخدم-٧",
)


def population(sessions: int, rng: random.Random, prefix: str = "") -> list[Customer]:
    """Customers whose visits add up to `sessions`: the regulars, the odd ids, then ordinary people."""
    customers: list[Customer] = []
    if not prefix and sessions >= 100:
        customers += [Customer(*regular) for regular in REGULARS]
        customers += [
            Customer(sender, rng.choice(("webchat", "whatsapp")), 1 + rng.randrange(3)) for sender in ODD_IDS
        ]
    left = sessions - sum(customer.sessions for customer in customers)
    while left > 0:
        channel = "whatsapp" if rng.random() < 0.45 else "webchat"
        number = f"447700900{len(customers):03d}"
        sender = prefix + (number if channel == "whatsapp" else f"web-{rng.randrange(16**8):08x}")
        visits = min(left, rng.choices((1, 2, 3, 5, 8), (62, 18, 11, 6, 3))[0])
        customers.append(Customer(sender, channel, visits))
        left -= visits
    return customers


def schedule(customers: list[Customer], rng: random.Random) -> list[Customer]:
    """Every visit once, each customer's visits spread evenly, so that nobody is waited for."""
    places = [
        ((turn + rng.random() * 0.6) / customer.sessions, index, customer)
        for index, customer in enumerate(customers)
        for turn in range(customer.sessions)
    ]
    # Single visits get a random place; the formula above would put them all at the start.
    spread = [
        (rng.random() if customer.sessions == 1 else at, index, customer) for at, index, customer in places
    ]
    return [customer for _, _, customer in sorted(spread, key=lambda place: place[:2])]


def talk(url: str, sessions: int, seed: int, expiry: float, prefix: str = "") -> int:
    """Hold `sessions` sessions with the server at `url`; `expiry` is its session expiration time in seconds.

    Returns the number of messages sent. Raises URLError when the server does not answer.
    """
    rng = random.Random(seed)
    sent = 0
    for customer in schedule(population(sessions, rng, prefix), rng):
        wait = customer.last_seen + expiry + 0.5 - time.monotonic()
        if customer.visits and wait > 0:
            time.sleep(wait)
        channel = customer.channel
        if customer.sender == REGULARS[0][0] and customer.visits % 4 == 3:
            channel = "webchat"
        chat = Chat(url, customer, random.Random(f"{seed}/{customer.sender}/{customer.visits}"), channel)
        visit(chat)
        customer.visits += 1
        sent += chat.sent
    return sent


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--url", default="http://127.0.0.1:5005")
    parser.add_argument("--sessions", type=int, default=400)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument(
        "--expiry", type=float, default=6.0, help="session expiration time of the server, seconds"
    )
    parser.add_argument("--prefix", default="", help="put before every sender id")
    options = parser.parse_args()
    sent = talk(options.url, options.sessions, options.seed, options.expiry, options.prefix)
    print(f"{sent} messages in {options.sessions} sessions")


if __name__ == "__main__":
    main()
