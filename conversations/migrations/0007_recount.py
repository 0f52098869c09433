import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """Fallbacks are counted anew after a change of what counts as one: how far it is."""

    dependencies = [("conversations", "0006_opinions")]

    operations = [
        migrations.CreateModel(
            name="Recount",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("first", models.BigIntegerField(help_text="Id of the first session.")),
                ("done", models.BigIntegerField(help_text="Sessions up to this id are counted.")),
                ("last", models.BigIntegerField(help_text="Id of the last one; newer ones were counted as they came.")),
                ("assistant", models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name="recount", to="conversations.assistant")),
            ],
        ),
    ]
