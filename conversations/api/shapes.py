"""What calls answer and take, for the OpenAPI document; rows are written without serializers, which cost three times as much."""

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers as s

from conversations.filterset import AtLeast, AtMost, SessionFilterSet, TermFilter


class Tag(s.Serializer):
    """A tag of the vocabulary."""

    id = s.IntegerField()
    value = s.CharField()
    color = s.CharField(help_text="Six hexadecimal digits")


class NewTag(s.Serializer):
    """A tag to put on: by `id`, or by `value`, which is created when it is missing."""

    id = s.IntegerField(required=False)
    value = s.CharField(required=False, max_length=120)
    color = s.CharField(required=False, help_text="Six hexadecimal digits")


class CorrectedMessage(s.Serializer):
    """A message whose intent a person corrected."""

    message_timestamp = s.FloatField()
    intent = s.CharField()


class ConversationRow(s.Serializer):
    """A conversation in a list. Times are Unix seconds."""

    sender_id = s.CharField()
    sender_name = s.CharField()
    latest_event_time = s.FloatField()
    latest_input_channel = s.CharField(allow_null=True)
    intents = s.ListField(child=s.CharField())
    actions = s.ListField(child=s.CharField())
    policies = s.ListField(child=s.CharField())
    minimum_action_confidence = s.FloatField(allow_null=True)
    maximum_action_confidence = s.FloatField(allow_null=True)
    minimum_intent_confidence = s.FloatField(allow_null=True)
    maximum_intent_confidence = s.FloatField(allow_null=True)
    in_training_data = s.BooleanField(allow_null=True)
    review_status = s.ChoiceField(["unread", "reviewed", "saved_for_later"])
    n_user_messages = s.IntegerField()
    has_flagged_messages = s.BooleanField()
    corrected_messages = CorrectedMessage(many=True)
    interactive = s.BooleanField()
    tags = s.ListField(child=s.IntegerField())
    created_by = s.CharField(allow_null=True)


class PublishedEvent(s.Serializer):
    """An event as Rasa published it, with all its other keys, and whether a person flagged it."""

    event = s.CharField()
    timestamp = s.FloatField()
    is_flagged = s.BooleanField()


class Conversation(s.Serializer):
    """A conversation with its events in their order."""

    sender_id = s.CharField()
    events = PublishedEvent(many=True)


class SessionRow(s.Serializer):
    """A session in a list: the stretch of a conversation that is reviewed. Times are Unix seconds."""

    id = s.IntegerField()
    sender_id = s.CharField()
    started_at = s.FloatField()
    latest_event_time = s.FloatField()
    activity_at = s.FloatField()
    n_events = s.IntegerField()
    n_user_messages = s.IntegerField()
    n_bot_messages = s.IntegerField()
    n_fallbacks = s.IntegerField()
    n_reverts = s.IntegerField()
    minimum_intent_confidence = s.FloatField(allow_null=True)
    maximum_intent_confidence = s.FloatField(allow_null=True)
    minimum_action_confidence = s.FloatField(allow_null=True)
    maximum_action_confidence = s.FloatField(allow_null=True)
    latest_input_channel = s.CharField()
    environment = s.CharField()
    model = s.CharField()
    opening_text = s.CharField(help_text="The first user message")
    trouble_text = s.CharField(help_text="The first user message that was not understood, or not surely")


class Session(SessionRow):
    """A session with what occurs in it."""

    project = s.CharField()
    intents = s.ListField(child=s.CharField())
    actions = s.ListField(child=s.CharField())
    entities = s.ListField(child=s.CharField())
    slots = s.ListField(child=s.CharField())
    policies = s.ListField(child=s.CharField())
    input_channels = s.ListField(child=s.CharField())
    environments = s.ListField(child=s.CharField())
    models = s.ListField(child=s.CharField())
    signals = s.ListField(child=s.CharField())


class Statistics(s.Serializer):
    """Totals of an assistant, and the names that most of its sessions have."""

    user_messages = s.IntegerField()
    bot_messages = s.IntegerField()
    top_intents = s.ListField(child=s.CharField())
    top_actions = s.ListField(child=s.CharField())
    top_entities = s.ListField(child=s.CharField())
    top_policies = s.ListField(child=s.CharField())


class Mistake(s.Serializer):
    """The error envelope."""

    version = s.CharField()
    status = s.CharField()
    code = s.IntegerField()
    reason = s.CharField()
    message = s.CharField()
    details = s.DictField()


PROJECT = OpenApiParameter("project", str, description="An assistant; `default` without it")
LIMIT = OpenApiParameter("limit", int, description="At most so many rows")
OFFSET = OpenApiParameter("offset", int, description="Rows to skip")
CURSOR = OpenApiParameter("cursor", str, description="From a Link header of this list")


def _parameter(name: str) -> OpenApiParameter:
    one = SessionFilterSet.base_filters[name]
    kind = OpenApiTypes.STR
    if isinstance(one, TermFilter) and one.field_name != "date" and isinstance(one, AtLeast | AtMost):
        kind = OpenApiTypes.FLOAT
    return OpenApiParameter(name, kind, description=str(one.extra["help_text"]))


FILTERS = [_parameter(name) for name in SessionFilterSet.base_filters]
ERRORS = {400: Mistake, 401: Mistake, 403: Mistake, 404: Mistake}
