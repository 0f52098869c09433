"""What the demo's customers come for: each function is one concern, played in an open chat.

Customers react to what the bot really answers: they fill the form that is open, press a button that is shown, give up.
"""

from __future__ import annotations

import time
from typing import Callable  # noqa: UP035 - Python 3.8 cannot subscript the other one

from events.demo import phrases
from events.demo.chat import Chat


def top_up(chat: Chat) -> None:
    chat.ask("top_up")
    fill_top_up(chat)


def fill_top_up(chat: Chat) -> None:
    if asked(chat, "number"):
        if chat.maybe(0.25):
            chat.say(chat.rng.choice(("0800 123", "my usual one", "the blue phone")))
        if detour(chat) or abandoned(chat):
            return
        chat.say(f"07700 900{chat.rng.randrange(100, 999)}")
    if asked(chat, "how much"):
        if chat.maybe(0.2):
            chat.say(chat.rng.choice(("£3", "a lot", "500", "two")))
        if abandoned(chat):
            return
        if not chat.maybe(0.4) or not chat.press():
            chat.say(chat.rng.choice(("£20", "15 pounds", "10", "£50 please")))
    if asked(chat, "pay"):
        if abandoned(chat):
            return
        chat.press() if chat.maybe(0.8) else chat.say(
            chat.rng.choice(("by card", "direct debit", "with a voucher"))
        )


def technician(chat: Chat) -> None:
    chat.ask("book_technician")
    fill_technician(chat)


def fill_technician(chat: Chat) -> None:
    if asked(chat, "postcode"):
        if chat.maybe(0.25):
            chat.say(chat.rng.choice(("down by the harbour", "12", "WF", "no idea, the new houses")))
        if detour(chat) or abandoned(chat):
            return
        chat.say(chat.rng.choice(("WF12 4QT", "ke3 7ld", "it is MA7 1RW", "AS2 9BB", "TO11 3XY")))
    if asked(chat, "which day"):
        if chat.maybe(0.25):
            chat.say(chat.rng.choice(("Sunday", "on Sunday please")))
        if abandoned(chat):
            return
        chat.say(chat.rng.choice(("Tuesday", "Friday please", "tomorrow", "Wednesday works", "on Monday")))
    if asked(chat, "morning, afternoon"):
        chat.press() if chat.maybe(0.7) else chat.say(
            chat.rng.choice(("in the morning", "evening", "afternoon"))
        )
    if asked(chat, "anything the technician"):
        if detour(chat) or abandoned(chat):
            return
        chat.say(chat.rng.choice(phrases.ACCESS_NOTES))


def change_plan(chat: Chat) -> None:
    chat.ask("change_plan")
    fill_plan(chat)


def fill_plan(chat: Chat) -> None:
    if asked(chat, "which plan"):
        if chat.maybe(0.15):
            chat.say("the gold one")
        if abandoned(chat):
            return
        chat.press() if chat.maybe(0.6) else chat.say(
            chat.rng.choice(("River", "the Ocean one", "Brook please"))
        )
    if asked(chat, "from today"):
        if detour(chat) or abandoned(chat):
            return
        chat.press() if chat.maybe(0.8) else chat.say(chat.rng.choice(("from today", "with the next bill")))
    if asked(chat, "to sum up"):
        if abandoned(chat):
            return
        chat.press("affirm" if chat.maybe(0.75) else "deny") if chat.maybe(0.6) else chat.say("yes please")


def asked(chat: Chat, words: str) -> bool:
    return any(words in (answer.get("text") or "").lower() for answer in chat.shown)


def detour(chat: Chat) -> bool:
    """Sometimes a customer asks something else in the middle of a form; True if the form is over for them."""
    if chat.maybe(0.18):
        chat.ask(chat.rng.choice(("faq", "faq", "bot_challenge", "chitchat", "insult")))
    if chat.maybe(0.04):
        chat.ask("human", clean=True)
        colleague(chat)
        return True
    return False


def abandoned(chat: Chat) -> bool:
    """Sometimes a customer stops a form, or just leaves."""
    chance = chat.rng.random()
    if chance < 0.06:
        chat.say(chat.rng.choice(("stop", "leave it", "cancel this", "stop please")))
        return True
    return chance < 0.13


def data(chat: Chat) -> None:
    chat.ask("check_data")
    if not asked(chat, "top up"):
        clarify(chat)
        return
    if chat.maybe(0.35):
        chat.press("affirm") if chat.maybe(0.5) else chat.say("yes please")
        fill_top_up(chat)
    elif chat.maybe(0.4):
        chat.ask("remind_me")
        if chat.maybe(0.3):
            chat.say("actually, cancel the reminder")
        elif chat.maybe(0.6):
            time.sleep(2.6)  # the reminder fires
            chat.customer.last_seen = time.monotonic()
    else:
        chat.ask("deny")


def bill(chat: Chat) -> None:
    chat.ask("check_bill")
    if not asked(chat, "your bill is"):
        clarify(chat)
        return
    if chat.maybe(0.6):
        chat.ask("explain_charge")
        if asked(chat, "shall a person"):
            if chat.maybe(0.4):
                chat.say(chat.rng.choice(("yes", "yes please", "please do")))
                colleague(chat)
            else:
                chat.ask("deny")
        elif not asked(chat, "your bill is"):
            clarify(chat)


def plans(chat: Chat) -> None:
    chat.ask("compare_plans")
    if asked(chat, "most people") and chat.maybe(0.7):
        chat.press()
        fill_plan(chat)


def outage(chat: Chat) -> None:
    chat.ask("report_outage")
    if asked(chat, "which town"):
        chat.say(
            chat.rng.choice(
                ("in Marlow", "I live in Ashby", "near Kelso", "Torrin", "in Dunmore", "Upper Torrin 🏔️")
            )
        )
    if asked(chat, "cable was cut"):
        if chat.maybe(0.5):
            chat.ask("thank")
        if chat.addressable and chat.maybe(0.7):
            chat.api(
                "/trigger_intent?output_channel=latest",
                {
                    "name": "EXTERNAL_outage_resolved",
                    "entities": {"area": chat.rng.choice(("Marlow", "Ashby", "Kelso"))},
                },
            )
            if chat.maybe(0.5):
                chat.ask("thank")
    elif asked(chat, "book a technician"):
        if chat.maybe(0.7):
            chat.press("affirm") if chat.maybe(0.6) else chat.say("yes")
            fill_technician(chat)
        else:
            chat.ask("deny")


def lost(chat: Chat) -> None:
    chat.ask("lost_phone")
    if chat.maybe(0.8) and not chat.press("sim"):
        clarify(chat)


def roaming(chat: Chat) -> None:
    chat.ask("activate_roaming")
    if asked(chat, "where are you going"):
        chat.say(
            chat.rng.choice(("to Norway", "Japan", "I'm flying to Turkey", "Switzerland next week", "日本"))
        )
    if chat.maybe(0.3):
        chat.ask("faq")


def order(chat: Chat) -> None:
    chat.ask("track_order")
    if asked(chat, "order number"):
        chat.say(chat.rng.choice(("WF-10204", "the order is WF-33871", "WF-70011", "I threw the paper away")))


def leave(chat: Chat) -> None:
    chat.ask("cancel_contract")
    if asked(chat, "half price"):
        chat.press("deny" if chat.maybe(0.6) else "affirm") if chat.maybe(0.7) else chat.ask("deny")


def complain(chat: Chat) -> None:
    chat.ask("complain")
    if chat.maybe(0.35):
        chat.ask("insult")
    if asked(chat, "person") and chat.maybe(0.6):
        chat.press("yes") or chat.press("person")
        colleague(chat)


def human(chat: Chat) -> None:
    chat.ask("human")
    colleague(chat)


def colleague(chat: Chat) -> None:
    """The bot is paused: the customer writes on, a colleague of the help desk answers, sometimes hands back."""
    if not asked(chat, "fetching a colleague"):
        return
    for _ in range(chat.rng.randrange(0, 3)):
        chat.say(chat.rng.choice(phrases.WAITING))
    if not chat.addressable or chat.maybe(0.2):
        return
    name = chat.rng.choice(("Sam", "Priya", "Tomás"))
    for text in chat.rng.sample(phrases.AGENT, chat.rng.randrange(1, 4)):
        chat.api(
            "/tracker/events", {"event": "agent", "text": text.format(name=name), "data": {"agent": name}}
        )
        if chat.maybe(0.6):
            chat.say(chat.rng.choice(phrases.TO_AGENT))
    if chat.maybe(0.75):
        # The help desk hands the conversation back; the action makes Rasa wait for the customer again.
        chat.api("/tracker/events", [{"event": "resume"}, {"event": "action", "name": "action_listen"}])
        chat.ask("thank")


def clarify(chat: Chat) -> None:
    """The bot did not understand: press one of its guesses, say it otherwise, or give up."""
    if not asked(chat, "did you mean"):
        return
    chance = chat.rng.random()
    if chance < 0.5:
        if not chat.press():
            chat.ask("help")
    elif chance < 0.85:
        chat.ask(chat.rng.choice(("check_data", "check_bill", "gibberish", "report_outage")))


def lost_in_words(chat: Chat) -> None:
    for _ in range(chat.rng.randrange(1, 4)):
        chat.ask("gibberish", clean=True)
        clarify(chat)


def foreigner(chat: Chat) -> None:
    for text in chat.rng.choice(phrases.FOREIGN):
        chat.say(text)
        if chat.maybe(0.25):
            clarify(chat)
    if chat.buttons() and chat.maybe(0.3):
        chat.press("person")
        colleague(chat)


def chatter(chat: Chat) -> None:
    for _ in range(chat.rng.randrange(1, 4)):
        chat.ask(chat.rng.choice(("chitchat", "chitchat", "bot_challenge", "out_of_scope", "help")))


def questions(chat: Chat) -> None:
    for _ in range(chat.rng.randrange(1, 4)):
        chat.ask("faq")


def feedback(chat: Chat) -> None:
    chat.ask("feedback")
    chat.press()


def second_thoughts(chat: Chat) -> None:
    chat.ask(chat.rng.choice(("check_bill", "lost_phone", "compare_plans", "port_number")))
    chat.ask("change_mind", clean=True)
    chat.rng.choice((data, bill, order))(chat)


def start_over(chat: Chat) -> None:
    chat.rng.choice((top_up, technician, outage))(chat)
    chat.say("/restart")
    chat.rng.choice((data, plans, questions))(chat)


def odd_texts(chat: Chat) -> None:
    chat.say(chat.rng.choice(phrases.ODD_TEXTS))
    clarify(chat)


def simple(*topics: str) -> Callable[[Chat], None]:
    def play(chat: Chat) -> None:
        chat.ask(chat.rng.choice(topics))

    return play


STORIES: list[tuple[int, Callable[[Chat], None]]] = [
    (13, data),
    (11, bill),
    (10, top_up),
    (8, technician),
    (9, outage),
    (8, change_plan),
    (5, plans),
    (5, order),
    (4, roaming),
    (4, lost),
    (4, leave),
    (5, complain),
    (5, human),
    (7, questions),
    (5, chatter),
    (6, lost_in_words),
    (6, foreigner),
    (3, second_thoughts),
    (4, start_over),
    (4, odd_texts),
    (3, simple("speed_test")),
    (3, simple("port_number", "order_sim")),
    (2, simple("forget_me")),
]


def visit(chat: Chat) -> None:
    """One session: perhaps a greeting, one or several concerns, perhaps a farewell."""
    if chat.channel == "webchat" and chat.maybe(0.08):
        chat.say("/session_start")  # a chat widget that announces itself
    if chat.maybe(0.45):
        chat.ask("greet")
    weights = [weight for weight, _ in STORIES]
    for _ in range(chat.rng.choices((1, 2, 3, 5), (55, 30, 12, 3))[0]):
        chat.rng.choices([story for _, story in STORIES], weights)[0](chat)
    if chat.maybe(0.12):
        feedback(chat)
    if chat.maybe(0.3):
        chat.ask("thank")
    if chat.maybe(0.25):
        chat.ask("goodbye")
