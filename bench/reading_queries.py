"""The queries of review: any single field, turn groups, turns in their order, ten typical sentences, facets, completion."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.reading import Bench

LIMIT, ORDER_LIMIT, FACET_LIMIT = 25.0, 100.0, 50.0

FIELDS = {
    "conf": ("conf:<0.6", "conf:<0.25", "conf:>=0.9"),
    "conf, between tenths": ("conf:<0.15", "conf:0.31..0.33"),
    "action confidence": ("action-conf:<0.5", "action-conf:>0.9"),
    "intent<0.7, only in the oldest": ("intent:ask_telegraph<0.7",),
    "action with confidence": ("action:utter_ask_00<0.5", "action:utter_ask_00>0.9"),
    "entity, slot, policy": ("entity:amount", "slot:slot_3", "policy:RulePolicy", "slot:slot_6"),
    "slot value": ("slot:slot_3=3", "slot:slot_3=38", "slot:slot_3=never"),
    "model, assistant id, event": ("model:m1", "assistant-id:bank", "event:restart"),
    "review": ("review:unread", "review:changed", "review:reviewed", "review:later"),
    "verdict": ("verdict:none", "verdict:well", "verdict:broke"),
    "is": ("is:restarted", "is:flagged", "is:unfinished", "is:handoff", "is:abandoned", "-is:fallback"),
    "people": ("assigned:nobody", "assigned:me", "for:me", "reviewer:me", "-is:mine"),
    "tag, note": ("tag:billing", "turn-tag:billing", "note:legal"),
    "id, part of few": ("id:0123456", "id:199999"),
    "id, part of many": ("id:sender", "id:-01"),
    "id, part of none": ("id:nobody",),
    "started": ("started:7d", "started:2025-11-10", "started:2026-03"),
    "time of day": ("time:09:00..17:00", "time:23:30..00:30", "time:03:07"),
    "duration": ("duration:>1min", "duration:>5min", "duration:<8s"),
    "duration, none": ("duration:>2d",),
    "lowest, highest": (
        "lowest-intent:<0.2",
        "highest-intent:<0.3",
        "lowest-intent:>0.99",
        "highest-action:<0.5",
    ),
    "unfinished": ("unfinished:*", "unfinished:refund_form"),
}
GROUPS = {
    "group, two frequent names": ("(intent:ask_00 action:utter_ask_00)", "(intent:ask_01 slot:slot_1)"),
    "group, frequent and rare": (
        "(intent:ask_35 action:utter_ask_35)",
        "(intent:ask_00 action:utter_ask_35)",
    ),
    "group, only in the oldest": ("(intent:ask_telegraph action:utter_telegraph)",),
    "group, never together": ("(intent:ask_telegraph action:utter_ask_30)",),
    "group, frequent, never together": (
        "(intent:ask_00 action:utter_ask_03)",
        "(intent:ask_01 action:utter_ask_00)",
    ),
    "group with a minus": ("(intent:ask_00 -slot:slot_0)", "(intent:ask_02 -action:utter_ask_02)"),
    "group, name and text": (
        "(intent:ask_00 text:please)",
        "(intent:ask_00 text:refund)",
        "(intent:ask_05 text:refund)",
    ),
    "group, name, confidence": (
        "(intent:ask_00 conf:<0.3)",
        "(intent:ask_20 conf:<0.6)",
        "(intent:ask_00 conf:<0.65)",
    ),
    "group, name, confidence, text": (
        "(intent:ask_00 conf:<0.6 text:word0007)",
        "(intent:ask_01 conf:<0.6 bot:word0100)",
    ),
    "not a group": ("-(intent:ask_00 action:utter_ask_00)",),
}
ORDERS = {
    "then, frequent": ("intent:ask_00 then intent:ask_01", "intent:ask_00 then action:utter_ask_02"),
    "then, rare": ("intent:ask_00 then intent:ask_35", "intent:ask_35 then intent:ask_36"),
    "then, only in the oldest": (
        "intent:ask_telegraph then intent:ask_00",
        "intent:ask_telegraph then<2 intent:ask_telegraph",
    ),
    "then, seldom true": ("intent:ask_telegraph then<2 action:utter_ask_30", "is:fallback then is:fallback"),
    "never": (
        "is:fallback never intent:ask_00",
        "intent:ask_00 never action:utter_ask_00",
        "intent:ask_telegraph never intent:ask_00",
    ),
    "never<3": ("intent:ask_00 never<3 intent:ask_00", "intent:ask_35 never<2 intent:ask_00"),
    "then, with text": (
        "text:refund then intent:ask_00",
        "intent:ask_01 then text:please",
        "text:refund then text:refund",
    ),
    "then, groups": (
        "(intent:ask_00 conf:<0.6) then (intent:ask_00 conf:>=0.9)",
        "(intent:ask_01 slot:slot_1) then<3 is:fallback",
    ),
    "never, with text": ("text:refund never bot:word0007", "is:fallback never text:please"),
}
TYPICAL = (
    "review:unread",
    "is:fallback review:unread date:7d",
    "is:fallback review:unread sort:fallbacks",
    "intent:ask_01<0.6 channel:rest",
    "review:changed",
    "(intent:ask_02 conf:<0.6) -is:handoff",
    "text:refund intent:ask_00 env:production",
    "verdict:broke date:30d",
    "is:fallback never intent:ask_00 turns:>3",
    "intent:ask_00 then action:utter_ask_05 model:m1 date:90d",
)
SAMPLES = ("sample:50", "is:fallback sample:50", "intent:ask_telegraph sample:50")
CONVERSATIONS = ("intent:ask_00 in:conversation", "intent:ask_telegraph -is:fallback in:conversation")


def run(bench: Bench) -> None:
    """All of them."""
    for name, texts in FIELDS.items():
        bench.asks(name, *texts, limit=LIMIT)
    for name, texts in GROUPS.items():
        bench.asks(name, *texts, limit=LIMIT)
    for name, texts in ORDERS.items():
        bench.asks(name, *texts, limit=ORDER_LIMIT)
    bench.asks("ten typical queries", *TYPICAL, limit=LIMIT)
    for text in TYPICAL:
        bench.asks(f"  {text}", text, limit=ORDER_LIMIT)
    bench.asks("sample", *SAMPLES, limit=ORDER_LIMIT)
    bench.asks("in:conversation", *CONVERSATIONS, limit=ORDER_LIMIT)
    facets(bench)


def facets(bench: Bench) -> None:
    """Values with counts, completion, did you mean."""
    from conversations.facets import counted, suggest  # noqa: PLC0415
    from conversations.filters import matching  # noqa: PLC0415
    from conversations.models import Session  # noqa: PLC0415
    from conversations.query import parse  # noqa: PLC0415
    from conversations.spelling import did_you_mean  # noqa: PLC0415

    def count(text: str) -> int:
        query = parse(text).query
        found = matching(Session.objects.all(), query, assistant=bench.assistant, now=bench.now)
        return sum(map(len, counted(found, assistant=bench.assistant, now=bench.now).fields.values()))

    def complete(field: str, prefix: str) -> int:
        return len(suggest(bench.assistant, field, prefix))

    def mend(text: str) -> int:
        return len(did_you_mean(parse(text).query, bench.assistant))

    for text in ("", "intent:ask_telegraph", "is:fallback", "(intent:ask_00 conf:<0.6)"):
        bench.run(f"facets: {text or 'everything'}", lambda _, text=text: count(text), FACET_LIMIT)  # type: ignore[misc]
    for field, prefix in (("intent", "ask_0"), ("action", "tele"), ("slot", "slot_3="), ("", "ask")):
        bench.run(f"completion: {field}:{prefix}", lambda _, at=(field, prefix): complete(*at), FACET_LIMIT)  # type: ignore[misc]
    for text in ("text:refnud", "text:pleese", "pleaze wrod0007"):
        bench.run(f"did you mean: {text}", lambda _, text=text: mend(text), ORDER_LIMIT)  # type: ignore[misc]
