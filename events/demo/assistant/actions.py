"""The custom actions of Wren, the demo assistant of the fictional telecom Wrenfield.

Every answer is invented from the conversation id, so that a customer sees the same data twice and a recording is
reproducible. Nothing here talks to a network.
"""

from __future__ import annotations

import datetime
import re
import zlib
from typing import Any, Dict, List, Text

from rasa_sdk import Action, FormValidationAction, Tracker
from rasa_sdk.events import (
    ActionReverted,
    AllSlotsReset,
    ConversationPaused,
    FollowupAction,
    ReminderCancelled,
    ReminderScheduled,
    SlotSet,
)
from rasa_sdk.executor import CollectingDispatcher

Domain = Dict[Text, Any]
Events = List[Dict[Text, Any]]

PLANS = {"pebble": (8, "3 GB"), "brook": (14, "15 GB"), "river": (22, "60 GB"), "ocean": (30, "unlimited")}
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday", "today", "tomorrow")
FAULTY_AREAS = ("marlow", "ashby", "kelso")
OFFERS = {
    "check_data": "See my data",
    "check_bill": "See my bill",
    "explain_charge": "Explain a charge",
    "top_up": "Top up",
    "change_plan": "Change my plan",
    "compare_plans": "Compare plans",
    "book_technician": "Book a technician",
    "report_outage": "Report a fault",
    "lost_phone": "My phone is lost",
    "activate_roaming": "Switch on roaming",
    "order_sim": "Order a SIM",
    "track_order": "Track an order",
    "port_number": "Keep my number",
    "cancel_contract": "Cancel",
    "complain": "Complain",
}


def lot(tracker: Tracker, name: str, size: int) -> int:
    """A number below size that belongs to this customer and this question."""
    return zlib.crc32(f"{tracker.sender_id}/{name}".encode("utf-8", "replace")) % size


def entity(tracker: Tracker, name: str) -> Any:
    return next(tracker.get_latest_entity_values(name), None)


def topics(tracker: Tracker, topic: str) -> Dict[Text, Any]:
    known = list(tracker.get_slot("topics") or [])
    return SlotSet("topics", known if topic in known else known + [topic])


class ValidateTopupForm(FormValidationAction):
    def name(self) -> Text:
        return "validate_topup_form"

    def validate_phone_number(
        self, value: Any, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Domain
    ) -> Dict[Text, Any]:
        digits = re.sub(r"\D", "", str(value))
        if digits.startswith("07") and len(digits) == 11:
            return {"phone_number": f"{digits[:5]} {digits[5:]}"}
        dispatcher.utter_message(
            text="That does not look like a mobile number: eleven digits, starting with 07."
        )
        return {"phone_number": None}

    def validate_amount(
        self, value: Any, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Domain
    ) -> Dict[Text, Any]:
        found = re.search(r"\d+", str(value))
        if found and 5 <= int(found.group()) <= 100:
            return {"amount": int(found.group())}
        dispatcher.utter_message(text="I can top up between £5 and £100.")
        return {"amount": None}


class ValidateTechnicianForm(FormValidationAction):
    def name(self) -> Text:
        return "validate_technician_form"

    def validate_postcode(
        self, value: Any, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Domain
    ) -> Dict[Text, Any]:
        found = re.search(r"\b([A-Z]{2}\d{1,2})\s*(\d[A-Z]{2})\b", str(value).upper())
        if found:
            return {"postcode": " ".join(found.groups())}
        dispatcher.utter_message(text="I cannot find that postcode. It looks like WF12 4QT.")
        return {"postcode": None}

    def validate_visit_day(
        self, value: Any, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Domain
    ) -> Dict[Text, Any]:
        day = str(value).lower()
        if day == "sunday":
            dispatcher.utter_message(text="Our technicians rest on Sundays.")
            return {"visit_day": None}
        return {"visit_day": day if day in DAYS else None}


class ValidatePlanForm(FormValidationAction):
    def name(self) -> Text:
        return "validate_plan_form"

    def validate_plan_to(
        self, value: Any, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Domain
    ) -> Dict[Text, Any]:
        plan = str(value).lower()
        if plan not in PLANS:
            dispatcher.utter_message(text="We have Pebble, Brook, River and Ocean.")
            return {"plan_to": None}
        if plan == str(tracker.get_slot("plan_from") or "").lower():
            dispatcher.utter_message(text=f"You are on {plan.title()} already 🙂")
            return {"plan_to": None}
        return {"plan_to": plan.title()}

    def validate_plan_start(
        self, value: Any, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Domain
    ) -> Dict[Text, Any]:
        text = str(value).lower()
        return {"plan_start": "today" if "today" in text else "next bill" if "next" in text else None}


class SubmitTopup(Action):
    def name(self) -> Text:
        return "action_submit_topup"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Domain) -> Events:
        amount, number = tracker.get_slot("amount"), tracker.get_slot("phone_number")
        dispatcher.utter_message(
            text=f"Done: £{amount} on {number}.",
            json_message={
                "type": "receipt",
                "title": "Top-up",
                "lines": [
                    ["Number", number],
                    ["Amount", f"£{amount}.00"],
                    ["Paid by", tracker.get_slot("payment_method")],
                ],
            },
        )
        return [SlotSet("amount", None), SlotSet("payment_method", None), topics(tracker, "top-up")]


class SubmitTechnician(Action):
    def name(self) -> Text:
        return "action_submit_technician"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Domain) -> Events:
        day, time = tracker.get_slot("visit_day"), tracker.get_slot("visit_time")
        dispatcher.utter_message(
            text=f"Booked: {day} {time} at {tracker.get_slot('postcode')}. The technician calls ahead.",
            attachment={
                "type": "file",
                "payload": {"title": "visit.ics", "src": "https://files.wrenfield.example/visit.ics"},
            },
        )
        return [SlotSet(name, None) for name in ("visit_day", "visit_time", "access_note")] + [
            topics(tracker, "technician")
        ]


class SubmitPlan(Action):
    def name(self) -> Text:
        return "action_submit_plan"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Domain) -> Events:
        plan = str(tracker.get_slot("plan_to"))
        kept = [SlotSet(name, None) for name in ("plan_to", "plan_start", "plan_confirmed")]
        if not tracker.get_slot("plan_confirmed"):
            dispatcher.utter_message(text="Fine, everything stays as it is.")
            return kept
        price, data = PLANS.get(plan.lower(), (0, "?"))
        dispatcher.utter_message(
            text=f"Welcome to {plan}: {data} for £{price} a month.",
            image=f"https://img.wrenfield.example/plans/{plan.lower()}.png",
        )
        return kept + [SlotSet("plan_from", plan), SlotSet("loyal", True), topics(tracker, "plan")]


class CheckData(Action):
    def name(self) -> Text:
        return "action_check_data"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Domain) -> Events:
        total = (3, 15, 60)[lot(tracker, "plan", 3)]
        used = round(total * (lot(tracker, "used", 60) + 40) / 100, 1)
        dispatcher.utter_message(
            text=f"You have used {used} GB of {total} GB.",
            json_message={
                "type": "gauge",
                "title": "Data this month",
                "value": used,
                "max": total,
                "unit": "GB",
            },
        )
        dispatcher.utter_message(response="utter_offer_topup")
        return [topics(tracker, "data")]


class ShowBill(Action):
    def name(self) -> Text:
        return "action_show_bill"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Domain) -> Events:
        base = (8, 14, 22, 30)[lot(tracker, "plan", 4)]
        extra = lot(tracker, "extra", 900) / 100
        bill = {
            "month": "this month",
            "total": round(base + extra, 2),
            "lines": {"plan": base, "outside the plan": extra},
        }
        dispatcher.utter_message(
            text=f"Your bill is £{bill['total']:.2f}.",
            attachment={
                "type": "file",
                "payload": {"title": "bill.pdf", "src": "https://files.wrenfield.example/bill.pdf"},
            },
        )
        dispatcher.utter_message(
            elements=[
                {
                    "title": "Plan",
                    "subtitle": f"£{base}.00",
                    "image_url": "https://img.wrenfield.example/icons/plan.png",
                    "buttons": [{"title": "Change plan", "type": "postback", "payload": "/change_plan"}],
                },
                {
                    "title": "Outside the plan",
                    "subtitle": f"£{extra:.2f}",
                    "image_url": "https://img.wrenfield.example/icons/extra.png",
                    "buttons": [{"title": "What is it?", "type": "postback", "payload": "/explain_charge"}],
                },
            ]
        )
        return [SlotSet("last_bill", bill), topics(tracker, "bill"), FollowupAction("action_listen")]


class ExplainCharge(Action):
    def name(self) -> Text:
        return "action_explain_charge"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Domain) -> Events:
        if not tracker.get_slot("last_bill"):
            # The bill comes first: another action runs instead of an answer.
            return [FollowupAction("action_show_bill")]
        reason = ("calls to 0870 numbers", "a text message vote", "data outside the EU")[
            lot(tracker, "why", 3)
        ]
        dispatcher.utter_message(text=f"That is {reason}. Shall a person check it?")
        return []


class ComparePlans(Action):
    def name(self) -> Text:
        return "action_compare_plans"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Domain) -> Events:
        dispatcher.utter_message(
            json_message={
                "type": "table",
                "title": "Plans",
                "columns": ["Plan", "Data", "£ a month"],
                "rows": [[name.title(), data, price] for name, (price, data) in PLANS.items()],
            }
        )
        dispatcher.utter_message(
            text="Most people your size of month take River.",
            buttons=[
                {"title": "Take River", "payload": '/change_plan{"plan":"River"}'},
                {"title": "Choose another", "payload": "/change_plan"},
            ],
        )
        return []


class OutageStatus(Action):
    def name(self) -> Text:
        return "action_outage_status"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Domain) -> Events:
        area = str(entity(tracker, "area") or "your area")
        if area.lower() in FAULTY_AREAS:
            dispatcher.utter_message(
                text=f"Yes, a cable was cut near {area}. Our people are digging; I will write when it is fixed.",
                image="https://img.wrenfield.example/outage-map.png",
            )
            return [topics(tracker, "outage"), FollowupAction("action_listen")]
        dispatcher.utter_message(response="utter_offer_technician")
        return [topics(tracker, "outage")]


class LostPhone(Action):
    def name(self) -> Text:
        return "action_lost_phone"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Domain) -> Events:
        dispatcher.utter_message(text="I have blocked the SIM. Nobody can call at your cost now.")
        return [topics(tracker, "lost phone"), FollowupAction("utter_sim_options")]


class Roaming(Action):
    def name(self) -> Text:
        return "action_roaming"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Domain) -> Events:
        country = tracker.get_slot("country")
        if not country:
            dispatcher.utter_message(text="Where are you going?")
            return []
        dispatcher.utter_message(
            text=f"Roaming is on for {country}.",
            json_message={
                "type": "roaming",
                "country": country,
                "data": {"price_per_mb": 0.002, "cap": 50, "free": None},
            },
        )
        return [topics(tracker, "roaming")]


class TrackOrder(Action):
    def name(self) -> Text:
        return "action_track_order"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Domain) -> Events:
        number = tracker.get_slot("order_number")
        if not number:
            dispatcher.utter_message(text="What is the order number? It starts with WF-.")
            return []
        state = ("being packed", "on its way", "in the parcel shop")[lot(tracker, str(number), 3)]
        dispatcher.utter_message(
            text=f"Order {number} is {state}.",
            json_message={"type": "steps", "steps": ["packed", "on its way", "delivered"], "at": state},
        )
        return [topics(tracker, "order")]


class SaveRating(Action):
    def name(self) -> Text:
        return "action_save_rating"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Domain) -> Events:
        rating = entity(tracker, "rating")
        if rating is None or not str(rating).isdigit():
            dispatcher.utter_message(response="utter_ask_rating")
            return []
        dispatcher.utter_message(
            text="Thank you, noted." if int(rating) > 2 else "Thank you. I will do better."
        )
        return [SlotSet("rating", float(rating))]


class SpeedTest(Action):
    def name(self) -> Text:
        return "action_speed_test"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Domain) -> Events:
        if lot(tracker, "speed", 3) == 0:
            # Real assistants have actions that fail; Rasa then publishes the action and nothing after it.
            raise RuntimeError("The speed probe did not answer")
        dispatcher.utter_message(
            text=f"I measure {20 + lot(tracker, 'down', 180)} Mbit/s down, {3 + lot(tracker, 'up', 20)} up.",
            image="https://img.wrenfield.example/speed.png",
        )
        return []


class Handoff(Action):
    def name(self) -> Text:
        return "action_handoff"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Domain) -> Events:
        minutes = 1 + lot(tracker, "queue", 6)
        dispatcher.utter_message(
            text=f"I am fetching a colleague. About {minutes} minutes, please stay.",
            json_message={"type": "handoff", "queue": "service", "wait_minutes": minutes},
        )
        return [topics(tracker, "handoff"), ConversationPaused()]


class ChangeMind(Action):
    def name(self) -> Text:
        return "action_change_mind"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Domain) -> Events:
        dispatcher.utter_message(text="No problem, forget that. What would you like instead?")
        # Reverted from the dialogue's memory; the follow-up keeps Rasa from predicting the same action again.
        return [ActionReverted(), FollowupAction("action_listen")]


class SetReminder(Action):
    def name(self) -> Text:
        return "action_set_reminder"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Domain) -> Events:
        when = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=2)
        dispatcher.utter_message(text="I will remind you.")
        return [
            ReminderScheduled(
                "EXTERNAL_reminder",
                trigger_date_time=when,
                entities=[],
                name="data_reminder",
                kill_on_user_message=False,
            )
        ]


class CancelReminder(Action):
    def name(self) -> Text:
        return "action_cancel_reminder"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Domain) -> Events:
        dispatcher.utter_message(text="No reminders, then.")
        return [ReminderCancelled(name="data_reminder")]


class ForgetMe(Action):
    def name(self) -> Text:
        return "action_forget_me"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Domain) -> Events:
        dispatcher.utter_message(text="I have forgotten everything you told me.")
        return [AllSlotsReset()]


class OutageResolved(Action):
    def name(self) -> Text:
        return "action_outage_resolved"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Domain) -> Events:
        area = entity(tracker, "area") or "your area"
        dispatcher.utter_message(text=f"Good news: the fault in {area} is fixed. Please restart your router.")
        return []


class AskAffirmation(Action):
    def name(self) -> Text:
        return "action_default_ask_affirmation"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Domain) -> Events:
        ranking = tracker.latest_message.get("intent_ranking") or []
        guesses = [found["name"] for found in ranking if found.get("name") in OFFERS][:2]
        buttons = [{"title": OFFERS[name], "payload": f"/{name}"} for name in guesses]
        buttons.append({"title": "Something else", "payload": "/out_of_scope"})
        dispatcher.utter_message(
            text="I am not sure I understood. Did you mean one of these?", buttons=buttons
        )
        return []
