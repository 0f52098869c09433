from django.db import migrations

TEXTS = ("not understood", "wrong intent", "wrong answer", "missing feature", "loop", "tone")


def give(apps, schema_editor) -> None:  # noqa: ANN001 - Django's signature
    """Assistants that nobody has looked at the reasons of have none yet."""
    reasons = apps.get_model("conversations", "Reason").objects
    assistants = apps.get_model("conversations", "Assistant").objects
    for pk in assistants.exclude(pk__in=reasons.values("assistant")).values_list("pk", flat=True):
        reasons.bulk_create(
            reasons.model(assistant_id=pk, text=text, position=place) for place, text in enumerate(TEXTS)
        )


class Migration(migrations.Migration):
    """Reasons come with the assistant, no longer with the first look at them."""

    dependencies = [("conversations", "0008_deed_keys")]

    operations = [migrations.RunPython(give, migrations.RunPython.noop)]
