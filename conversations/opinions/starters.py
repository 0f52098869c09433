"""The reasons that an assistant has from its first day. They are the team's to change, so that they are stored words."""

from conversations.models import Assistant, Reason

TEXTS = ("not understood", "wrong intent", "wrong answer", "missing feature", "loop", "tone")


def give_reasons(assistant: Assistant) -> None:
    """Store them for an assistant that was just made."""
    Reason.objects.bulk_create(
        [Reason(assistant=assistant, text=text, position=place) for place, text in enumerate(TEXTS)],
        ignore_conflicts=True,
    )
