from django.db import migrations, models


class Migration(migrations.Migration):
    """A judgement that is sent again, because its answer was lost, is known by its client's key."""

    dependencies = [("conversations", "0007_recount")]

    operations = [
        migrations.AddField(
            "deed",
            "said",
            models.TextField(default="", help_text="The sentence that the person was answered with."),
        ),
        migrations.AddField(
            "deed", "key", models.UUIDField(null=True, help_text="Made by the client that sent it.")
        ),
        migrations.AddField(
            "deed", "undo_key", models.UUIDField(null=True, help_text="Made by the client that took it back.")
        ),
        migrations.AddConstraint("deed", models.UniqueConstraint(fields=["user", "key"], name="deed_once")),
        migrations.AddConstraint(
            "deed", models.UniqueConstraint(fields=["user", "undo_key"], name="deed_undone_once")
        ),
    ]
