"""Which assistant and which conversation a call is about."""

import re
from typing import Any

from django.utils.translation import gettext as _
from rest_framework.request import Request

from conversations.filterset import SessionFilterSet
from conversations.identity import sender_hash
from conversations.models import Assistant, Conversation
from enterprise.api.errors import Failure

DEFAULT = "default"
_ESCAPED = re.compile(r"\\u(0000|d[89a-f][0-9a-f]{2})")


def assistant_of(request: Request) -> Assistant | None:
    """The assistant of `?project=`, else `default`, else the first; None while there is none. Raises Failure (404)."""
    name = request.GET.get("project")
    if not name:
        return Assistant.objects.filter(name=DEFAULT).first() or Assistant.objects.first()
    found = Assistant.objects.filter(name=name).first() if "\x00" not in name else None
    if found is None:
        raise Failure(404, "UnknownProject", _("There is no project “%(name)s”.") % {"name": name})
    return found


def conversation_of(request: Request, sender_id: str) -> Conversation:
    """The conversation of this sender: of `?project=`, else of `default` before all others. Raises Failure (404)."""
    # As published, or as our own lists show it: NUL and lone surrogates cannot stand in an address.
    exact = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), sender_id)
    hashes = {sender_hash(sender_id), sender_hash(exact)}
    # The index begins with the assistant.
    everybody = Assistant.objects.values("pk")
    found = Conversation.objects.filter(assistant__in=everybody, sender_hash__in=hashes).select_related(
        "assistant"
    )
    if request.GET.get("project"):
        found = found.filter(assistant=assistant_of(request))
    conversations = sorted(found, key=lambda one: (one.assistant.name != DEFAULT, one.assistant_id, one.pk))
    if not conversations:
        raise Failure(404, "UnknownConversation", _("There is no conversation “%(id)s”.") % {"id": sender_id})
    return conversations[0]


def filters_of(request: Request) -> SessionFilterSet:
    """The parameters of a list, all of them readable. Raises Failure (400): a wrong one never widens the result."""
    filters = SessionFilterSet(request.GET)
    if not filters.is_valid():
        message = _("A parameter cannot be read: %(names)s") % {"names": ", ".join(filters.errors)}
        raise Failure(
            400, "InvalidParameter", message, {name: list(texts) for name, texts in filters.errors.items()}
        )
    parsed = filters.parsed
    if not parsed.ok:
        mistakes: list[dict[str, Any]] = [
            {
                "code": mistake.code,
                "message": mistake.sentence(_),
                "span": list(mistake.span),
                "suggestion": mistake.suggestion,
            }
            for mistake in parsed.mistakes
            if not mistake.warning
        ]
        raise Failure(400, "InvalidQuery", mistakes[0]["message"], {"mistakes": mistakes})
    return filters
