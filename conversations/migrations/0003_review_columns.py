"""What review asks of sessions: turns of values, loops left open, what arrived since a review.

In SQL, because Django would copy the table of all events to add one column to it on SQLite, and because PostgreSQL
turns `activity_at` into a period in one pass over the values. What the new columns of existing rows should say is
computed from the events later, by housekeeping: the conversations are stale.
"""

from django.db import migrations, models

ADDED = [  # model, column, what existing rows hold
    ("Conversation", "is_stale", "TRUE"),
    ("Event", "words", "''"),
    ("Session", "open_loop", "''"),
    ("Session", "open_loop_at", "NULL"),
    ("Session", "turns_known", "FALSE"),
    ("Session", "newest_turn", "NULL"),
    ("Session", "watermark", "NULL"),
    ("Session", "verdict", "0"),
    ("SessionValue", "turns", "0"),
]
PERIOD = {
    "postgresql": [
        "ALTER TABLE conversations_sessionvalue ALTER COLUMN activity_at TYPE bigint USING floor(activity_at / 600)::bigint",
        "ALTER TABLE conversations_sessionvalue RENAME COLUMN activity_at TO period",
    ],
    "sqlite": [
        "ALTER TABLE conversations_sessionvalue ADD COLUMN period bigint NOT NULL DEFAULT 0",
        "UPDATE conversations_sessionvalue SET period = CAST(FLOOR(activity_at / 600) AS integer)",
        "ALTER TABLE conversations_sessionvalue DROP COLUMN activity_at",
    ],
}
ACTIVITY = {  # to the beginning of the period: rebuild_summaries makes it exact
    "postgresql": [
        "ALTER TABLE conversations_sessionvalue ALTER COLUMN period TYPE double precision USING period * 600.0",
        "ALTER TABLE conversations_sessionvalue RENAME COLUMN period TO activity_at",
    ],
    "sqlite": [
        "ALTER TABLE conversations_sessionvalue ADD COLUMN activity_at real NOT NULL DEFAULT 0",
        "UPDATE conversations_sessionvalue SET activity_at = period * 600.0",
        "ALTER TABLE conversations_sessionvalue DROP COLUMN period",
    ],
}


def forwards(apps, schema_editor):
    connection = schema_editor.connection
    for statement in PERIOD[connection.vendor]:
        schema_editor.execute(statement)
    for name, column, existing in ADDED:
        model = apps.get_model("conversations", name)
        field = model._meta.get_field(column)
        null = "" if field.null else " NOT NULL"
        schema_editor.execute(
            f"ALTER TABLE {model._meta.db_table} ADD COLUMN {column} {field.db_type(connection)}{null} DEFAULT {existing}"
        )
        if connection.vendor == "postgresql":  # the store names every column; SQLite keeps the default unused
            schema_editor.execute(f"ALTER TABLE {model._meta.db_table} ALTER COLUMN {column} DROP DEFAULT")


def backwards(apps, schema_editor):
    for name, column, _ in reversed(ADDED):
        table = apps.get_model("conversations", name)._meta.db_table
        schema_editor.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
    for statement in ACTIVITY[schema_editor.connection.vendor]:
        schema_editor.execute(statement)


KINDS = [
    (1, "intent"), (2, "predicted intent"), (3, "action"), (4, "entity"), (5, "slot"), (6, "policy"), (7, "channel"),
    (8, "environment"), (9, "model"), (10, "is"), (11, "unsure intent"), (12, "slot value"), (13, "loop"),
    (14, "event"), (15, "assistant id"), (16, "confidence"), (30, "review"), (31, "verdict"), (32, "reason"),
    (33, "reviewer"), (34, "tag"), (35, "turn tag"), (36, "assigned"), (37, "later"), (38, "for"), (39, "mark"),
]  # fmt: skip
VERDICTS = [(0, "none"), (1, "reviewed"), (2, "well"), (3, "broke")]
STATE = [
    migrations.RemoveField("sessionvalue", "activity_at"),
    migrations.AddField(
        "sessionvalue",
        "period",
        models.BigIntegerField(
            default=0, help_text="Ten minutes of the session's activity: whole 600 seconds, UTC."
        ),
        preserve_default=False,
    ),
    migrations.AddField(
        "sessionvalue",
        "turns",
        models.BigIntegerField(default=0, help_text="Turns in which it occurs, a bit each."),
    ),
    migrations.AlterField("sessionvalue", "kind", models.PositiveSmallIntegerField(choices=KINDS)),
    migrations.AddField(
        "conversation",
        "is_stale",
        models.BooleanField(
            default=False,
            help_text="What is known of its turns is to be computed anew when there is time.",
        ),
    ),
    migrations.AddField(
        "event",
        "words",
        models.TextField(
            blank=True,
            help_text="Its search words, a blank between, before and behind them; empty without any.",
        ),
    ),
    migrations.AddField(
        "session",
        "open_loop",
        models.TextField(blank=True, help_text="The loop or flow that is open at its end."),
    ),
    migrations.AddField("session", "open_loop_at", models.FloatField(null=True)),
    migrations.AddField(
        "session",
        "turns_known",
        models.BooleanField(
            default=True, help_text="The turns of its values are exact; else only its events know them."
        ),
    ),
    migrations.AddField(
        "session",
        "newest_turn",
        models.BigIntegerField(
            null=True, help_text="Id of the user event that arrived last: what arrives changes a review."
        ),
    ),
    migrations.AddField(
        "session",
        "watermark",
        models.BigIntegerField(null=True, help_text="`newest_turn` that its latest review had seen."),
    ),
    migrations.AddField("session", "verdict", models.SmallIntegerField(default=0, choices=VERDICTS)),
]


class Migration(migrations.Migration):
    dependencies = [("conversations", "0002_search_words")]

    operations = [
        migrations.RemoveIndex("sessionvalue", "value_newest"),
        migrations.SeparateDatabaseAndState(state_operations=STATE),
        migrations.RunPython(forwards, backwards),
        migrations.AddIndex(
            "conversation",
            models.Index(condition=models.Q(is_stale=True), fields=["id"], name="conversation_stale"),
        ),
        migrations.AddIndex(
            "session",
            models.Index(
                condition=~models.Q(open_loop=""),
                fields=["assistant", "open_loop", "-activity_at", "-id"],
                name="session_unfinished",
            ),
        ),
        migrations.AddIndex(
            "sessionvalue",
            models.Index(fields=["assistant", "kind", "value", "-period", "-session"], name="value_newest"),
        ),
    ]
