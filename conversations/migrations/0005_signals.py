import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    """What counts as fallback, handoff, goal, abandoned form and complaint."""

    dependencies = [
        ("conversations", "0004_saved_views"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Signal",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(choices=[("fallback", "Fallback"), ("handoff", "Handoff"), ("goal", "Goal reached"), ("abandoned", "Abandoned form"), ("complaint", "Complaint")], max_length=20)),
                ("intents", models.JSONField(blank=True, default=list, help_text="A user message was understood as one of them.")),
                ("actions", models.JSONField(blank=True, default=list, help_text="The bot ran one of them.")),
                ("slots", models.JSONField(blank=True, default=list, help_text="One of them was set: a name, or name=value.")),
                ("loops", models.JSONField(blank=True, default=list, help_text="The session ended inside this form or flow.")),
                ("changed_at", models.DateTimeField(auto_now=True)),
                ("assistant", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="signals", to="conversations.assistant")),
                ("user", models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to=settings.AUTH_USER_MODEL)),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("assistant", "name"), name="signal_once_per_assistant")],
            },
        ),
    ]
