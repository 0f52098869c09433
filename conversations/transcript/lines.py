"""One line for every kind of event that is not a message or an action: a table, and a line for what nobody knows yet."""

from __future__ import annotations

from typing import Any, NamedTuple

from . import values
from .model import Detail, Line, Source, Tone
from .model import gettext_noop as _

MAX_DETAILS = 8
_ENVELOPE = {"event", "timestamp", "metadata", "sender_id", "anonymized_at"}


class Kind(NamedTuple):
    """How an event type reads. `subject`: the field that names what it is about; `details`: further ones, with labels."""

    says: str
    subject: str = ""
    details: tuple[tuple[str, str], ...] = ()
    icon: str = "circle-dot"
    tone: Tone = ""
    technical: bool = False


_FLOW = (("skill_id", _("skill")), ("step_id", _("at step")))
_AGENT = (("flow_id", _("in flow")), ("reason", _("because")), ("status", _("status")))
_BLOCK = (("skill_id", _("skill")), ("step_id", _("at step")))
_SKILL = (("step_id", _("at step")),)
_TOOL = (
    ("arguments", _("with")),
    ("source", _("from")),
    ("mcp_server", _("server")),
    ("result", _("gave")),
    ("error_message", _("error")),
)
_REJECTED = (("policy", _("policy")), ("confidence", _("confidence")))

KINDS: dict[str, Kind] = {
    # Rasa 3.6 and before
    "session_started": Kind(_("session started"), technical=True),
    "restart": Kind(_("conversation restarted"), icon="refresh-cw"),
    "pause": Kind(_("conversation paused: the assistant no longer answers"), icon="pause", tone="warn"),
    "resume": Kind(_("conversation resumed: the assistant answers again"), icon="play"),
    "rewind": Kind(_("reverts the turn"), icon="undo-2", tone="warn"),
    "undo": Kind(_("undoes the last action"), icon="undo-2", tone="warn"),
    "reset_slots": Kind(_("all slots reset"), icon="braces"),
    "active_loop": Kind(_("form started"), "name", icon="repeat"),
    "form": Kind(_("form started"), "name", icon="repeat"),
    "loop_interrupted": Kind(_("loop goes on"), icon="repeat", technical=True),
    "form_validation": Kind(_("form validation"), "validate", icon="repeat", technical=True),
    "action_execution_rejected": Kind(_("rejected"), "name", _REJECTED, icon="undo-2", tone="warn"),
    "user_featurization": Kind(
        _("featurization"), details=(("use_text_for_featurization", _("uses the text")),), technical=True
    ),
    "entities": Kind(_("entities added by a policy"), details=(("entities", ""),), icon="tag", tone="violet"),
    "followup": Kind(_("next action asked for"), "name", icon="corner-down-right"),
    "reminder": Kind(
        _("reminder scheduled"),
        "intent",
        (
            ("date_time", _("for")),
            ("name", _("name")),
            ("entities", _("entities")),
            ("kill_on_user_msg", _("ends with the next message")),
        ),
        icon="clock",
    ),
    "cancel_reminder": Kind(_("reminder cancelled"), "name", (("intent", _("intent")),), icon="clock"),
    "export": Kind(_("story exported"), "path", icon="corner-down-right"),
    "topic": Kind(_("topic"), "topic"),
    # Rasa Pro: flows
    "flow_started": Kind(_("flow started"), "flow_id", _FLOW, icon="workflow"),
    "flow_completed": Kind(_("flow completed"), "flow_id", _FLOW, icon="workflow", tone="good"),
    "flow_interrupted": Kind(_("flow interrupted"), "flow_id", _FLOW, icon="workflow", tone="warn"),
    "flow_resumed": Kind(_("flow resumed"), "flow_id", _FLOW, icon="workflow"),
    "flow_cancelled": Kind(_("flow cancelled"), "flow_id", _FLOW, icon="workflow", tone="warn"),
    "stack": Kind(_("dialogue stack changed"), details=(("update", ""),), technical=True),
    # skills and ordered blocks
    "skill_activated": Kind(_("skill activated"), "skill_id", _SKILL, icon="workflow"),
    "skill_completed": Kind(_("skill completed"), "skill_id", _SKILL, icon="workflow", tone="good"),
    "skill_interrupted": Kind(_("skill interrupted"), "skill_id", _SKILL, icon="workflow", tone="warn"),
    "skill_resumed": Kind(_("skill resumed"), "skill_id", _SKILL, icon="workflow"),
    "skill_cancelled": Kind(_("skill cancelled"), "skill_id", _SKILL, icon="workflow", tone="warn"),
    "ordered_block_entered": Kind(_("ordered block entered"), "block_id", _BLOCK, icon="workflow"),
    "ordered_block_completed": Kind(
        _("ordered block completed"), "block_id", _BLOCK, icon="workflow", tone="good"
    ),
    "ordered_block_interrupted": Kind(
        _("ordered block interrupted"), "block_id", _BLOCK, icon="workflow", tone="warn"
    ),
    "ordered_block_resumed": Kind(_("ordered block resumed"), "block_id", _BLOCK, icon="workflow"),
    "ordered_block_cancelled": Kind(
        _("ordered block cancelled"), "block_id", _BLOCK, icon="workflow", tone="warn"
    ),
    # agents and tools
    "agent_started": Kind(_("agent started"), "agent_id", _AGENT, icon="workflow"),
    "agent_processing": Kind(_("agent at work"), "agent_id", _AGENT, icon="workflow", technical=True),
    "agent_completed": Kind(_("agent completed"), "agent_id", _AGENT, icon="workflow", tone="good"),
    "agent_interrupted": Kind(_("agent interrupted"), "agent_id", _AGENT, icon="workflow", tone="warn"),
    "agent_resumed": Kind(_("agent resumed"), "agent_id", _AGENT, icon="workflow"),
    "agent_cancelled": Kind(_("agent cancelled"), "agent_id", _AGENT, icon="workflow", tone="warn"),
    "tool_executed": Kind(_("tool executed"), "tool_name", _TOOL, icon="wrench"),
    "mcp_tool_executed": Kind(_("MCP tool executed"), "tool_name", _TOOL, icon="wrench"),
    "memory_set": Kind(_("remembered"), "key", (("value", "="),), icon="braces"),
    "memory_cleared": Kind(_("forgotten"), "key", icon="braces"),
    "unsupported_request_classified": Kind(
        _("request not supported"),
        "label",
        (("reason", _("because")), ("user_message", _("message"))),
        icon="triangle-alert",
        tone="warn",
    ),
    "error": Kind(
        _("error"),
        "error_code",
        (("reason", _("because")), ("message", "")),
        icon="triangle-alert",
        tone="bad",
    ),
    # voice and the life of a session
    "bot_turn_ended": Kind(_("assistant's turn ended"), technical=True),
    "tts_finished": Kind(_("speech finished"), technical=True),
    "user_barge_in": Kind(_("user interrupted the assistant"), icon="triangle-alert", tone="warn"),
    "user_silence_timeout": Kind(
        _("user stayed silent"), details=(("timeout", _("seconds")),), icon="clock", tone="warn"
    ),
    "user_input_suppressed": Kind(
        _("user input suppressed"),
        "text",
        (("modality", _("by")), ("reason", _("because"))),
        icon="triangle-alert",
        tone="warn",
    ),
    "inactive": Kind(_("conversation inactive"), icon="pause"),
    "routing_session_ended": Kind(_("routing session ended"), icon="power"),
    "session_ended": Kind(_("session ended"), icon="power"),
}
_FORM_ENDED = _("form ended")
_LOOP_STARTED = _("asks again")
_LOOP_INTERRUPTED = _("loop interrupted")


def line(source: Source, event: dict[str, Any]) -> Line:
    """The line of any event, known or not."""
    kind = KINDS.get(source.type)
    result = Line(
        id=source.id,
        timestamp=source.timestamp,
        type=values.text(source.type),
        says="",
        is_reverted=source.reverted_at is not None,
    )
    if kind is None:
        result.details = rest(event)
        return result
    result.says, result.icon, result.tone = kind.says, kind.icon, kind.tone
    result.is_technical = kind.technical
    result.subject = values.text(event.get(kind.subject)) if kind.subject else ""
    result.details = [
        Detail(says, values.text(event[name])) for name, says in kind.details if event.get(name) is not None
    ]
    if source.type in ("active_loop", "form"):
        is_form = "fallback" not in result.subject  # the two-stage fallback asks in a loop of its own
        if not event.get("name"):
            result.says = _FORM_ENDED
        elif not is_form:
            result.says = _LOOP_STARTED
    elif source.type == "loop_interrupted" and event.get("is_interrupted"):
        result.says = _LOOP_INTERRUPTED
    elif event.get("is_error") is True:
        result.tone = "bad"
    return result


def slot(source: Source, event: dict[str, Any]) -> Line:
    """A slot as a line of its own: for slots that only the machine cares about."""
    return Line(
        id=source.id,
        timestamp=source.timestamp,
        type="slot",
        says="",
        subject=values.text(event.get("name")),
        details=[Detail("=", values.json_text(event.get("value")))],
        icon="braces",
        is_technical=True,
        is_reverted=source.reverted_at is not None,
    )


def action(source: Source, event: dict[str, Any]) -> Line:
    """An action that only the machine cares about, such as waiting for the user."""
    return Line(
        id=source.id,
        timestamp=source.timestamp,
        type="action",
        says="",
        subject=values.text(event.get("name")),
        details=[Detail("", text) for text in filter(None, (values.text(event.get("policy")),))],
        icon="play",
        is_technical=True,
        is_reverted=source.reverted_at is not None,
    )


def rest(event: dict[str, Any]) -> list[Detail]:
    """What an event of unknown type says, field by field."""
    fields = [(name, value) for name, value in event.items() if name not in _ENVELOPE and value is not None]
    return [Detail(values.text(name, 60), values.text(value)) for name, value in fields[:MAX_DETAILS]]
