import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


def keep(apps, schema_editor):
    """What bots and people said so far, in the new tables. Housekeeping finds its sessions: all conversations are stale."""
    event_model = apps.get_model("conversations", "Event")
    flag_model = apps.get_model("conversations", "Flag")
    use_model = apps.get_model("conversations", "TagUse")
    for flag in flag_model.objects.iterator():
        found = event_model.objects.filter(
            conversation_id=flag.conversation_id, timestamp=flag.anchor_at, hash=flag.anchor_hash
        )
        flag.anchor_rank = found.values_list("rank", flat=True).first() or 0
        flag.is_turn = True
        flag.save(update_fields=["anchor_rank", "is_turn"])
    fresh = []
    for use in apps.get_model("conversations", "ConversationTag").objects.order_by("id").iterator():
        fresh.append(
            use_model(
                conversation_id=use.conversation_id,
                tag_id=use.tag_id,
                source=use.source,
                user_id=use.user_id,
                anchor_at=use.created_at.timestamp() if use.anchor_at is None else use.anchor_at,
                at=use.created_at,
                is_removed=use.is_removed,
            )
        )
        if len(fresh) == 1000:
            use_model.objects.bulk_create(fresh)
            fresh = []
    use_model.objects.bulk_create(fresh)


def bring_back(apps, schema_editor):
    """The other way, as far as the old table could say it: a tag once a conversation."""
    apps.get_model("conversations", "Flag").objects.filter(is_removed=True).delete()
    old_model = apps.get_model("conversations", "ConversationTag")
    for use in apps.get_model("conversations", "TagUse").objects.order_by("is_removed", "id").iterator():
        old_model.objects.get_or_create(
            conversation_id=use.conversation_id,
            tag_id=use.tag_id,
            defaults={"source": use.source, "user_id": use.user_id, "is_removed": use.is_removed},
        )


class Migration(migrations.Migration):

    dependencies = [
        ('conversations', '0005_signals'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='flag',
            name='flag_once_per_event',
        ),
        migrations.RenameField('flag', 'timestamp', 'anchor_at'),
        migrations.RenameField('flag', 'hash', 'anchor_hash'),
        migrations.RenameField('flag', 'created_at', 'at'),
        migrations.CreateModel(
            name='Assignment',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('anchor_at', models.FloatField(help_text='Timestamp of the event.')),
                ('anchor_rank', models.SmallIntegerField(default=0)),
                ('anchor_hash', models.BinaryField(default=b'', max_length=16)),
                ('is_turn', models.BooleanField(default=False, help_text='Of the turn of the anchor, not of the session.')),
                ('at', models.DateTimeField(default=django.utils.timezone.now)),
                ('is_removed', models.BooleanField(default=False, help_text='Taken back; kept for undo and history.')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Claim',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('until', models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name='Correction',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('anchor_at', models.FloatField(help_text='Timestamp of the event.')),
                ('anchor_rank', models.SmallIntegerField(default=0)),
                ('anchor_hash', models.BinaryField(default=b'', max_length=16)),
                ('is_turn', models.BooleanField(default=False, help_text='Of the turn of the anchor, not of the session.')),
                ('at', models.DateTimeField(default=django.utils.timezone.now)),
                ('is_removed', models.BooleanField(default=False, help_text='Taken back; kept for undo and history.')),
                ('intent', models.TextField()),
                ('entities', models.JSONField(help_text='[{start, end, entity, value}] in code points; null: nobody said anything of them.', null=True)),
                ('was', models.TextField(help_text='The intent that the assistant understood.')),
            ],
        ),
        migrations.CreateModel(
            name='Deed',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('anchor_at', models.FloatField(help_text='Timestamp of the event.')),
                ('anchor_rank', models.SmallIntegerField(default=0)),
                ('anchor_hash', models.BinaryField(default=b'', max_length=16)),
                ('is_turn', models.BooleanField(default=False, help_text='Of the turn of the anchor, not of the session.')),
                ('at', models.DateTimeField(default=django.utils.timezone.now)),
                ('kind', models.CharField(help_text='review, unreview, later, tag, untag, flag, …', max_length=20)),
                ('topic', models.CharField(help_text='What of the place it is about: two deeds of one topic may collide.', max_length=40)),
                ('changes', models.JSONField(default=list)),
                ('undone_at', models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name='Later',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('anchor_at', models.FloatField(help_text='Timestamp of the event.')),
                ('anchor_rank', models.SmallIntegerField(default=0)),
                ('anchor_hash', models.BinaryField(default=b'', max_length=16)),
                ('is_turn', models.BooleanField(default=False, help_text='Of the turn of the anchor, not of the session.')),
                ('at', models.DateTimeField(default=django.utils.timezone.now)),
                ('is_removed', models.BooleanField(default=False, help_text='Taken back; kept for undo and history.')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Mention',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
            ],
        ),
        migrations.CreateModel(
            name='Note',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('anchor_at', models.FloatField(help_text='Timestamp of the event.')),
                ('anchor_rank', models.SmallIntegerField(default=0)),
                ('anchor_hash', models.BinaryField(default=b'', max_length=16)),
                ('is_turn', models.BooleanField(default=False, help_text='Of the turn of the anchor, not of the session.')),
                ('at', models.DateTimeField(default=django.utils.timezone.now)),
                ('is_removed', models.BooleanField(default=False, help_text='Taken back; kept for undo and history.')),
                ('text', models.TextField()),
                ('words', models.TextField(help_text='Its search words, as of `Event.words`.')),
                ('edited_at', models.DateTimeField(null=True)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Reason',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('text', models.CharField(max_length=80)),
                ('position', models.PositiveSmallIntegerField(default=0)),
                ('is_removed', models.BooleanField(default=False, help_text='No longer offered; reviews keep it.')),
            ],
            options={
                'ordering': ['position', 'id'],
            },
        ),
        migrations.CreateModel(
            name='Review',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('anchor_at', models.FloatField(help_text='Timestamp of the event.')),
                ('anchor_rank', models.SmallIntegerField(default=0)),
                ('anchor_hash', models.BinaryField(default=b'', max_length=16)),
                ('is_turn', models.BooleanField(default=False, help_text='Of the turn of the anchor, not of the session.')),
                ('at', models.DateTimeField(default=django.utils.timezone.now)),
                ('is_removed', models.BooleanField(default=False, help_text='Taken back; kept for undo and history.')),
                ('verdict', models.SmallIntegerField(choices=[(1, 'reviewed'), (2, 'well'), (3, 'broke')])),
                ('watermark', models.BigIntegerField(help_text="Arrival number of the last event that was on the reviewer's screen.")),
                ('covers_from', models.FloatField(help_text='Where the session began then (UTC seconds): of what is before, nothing was seen.')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Seen',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('upto', models.BigIntegerField(help_text='Arrival number of the last event that was on the screen.')),
            ],
        ),
        migrations.CreateModel(
            name='TagUse',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('anchor_at', models.FloatField(help_text='Timestamp of the event.')),
                ('anchor_rank', models.SmallIntegerField(default=0)),
                ('anchor_hash', models.BinaryField(default=b'', max_length=16)),
                ('is_turn', models.BooleanField(default=False, help_text='Of the turn of the anchor, not of the session.')),
                ('at', models.DateTimeField(default=django.utils.timezone.now)),
                ('is_removed', models.BooleanField(default=False, help_text='Taken back; kept for undo and history.')),
                ('source', models.CharField(choices=[('bot', 'Bot'), ('person', 'Person')], max_length=10)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.AddField(
            model_name='flag',
            name='anchor_rank',
            field=models.SmallIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='flag',
            name='is_removed',
            field=models.BooleanField(default=False, help_text='Taken back; kept for undo and history.'),
        ),
        migrations.AddField(
            model_name='flag',
            name='is_turn',
            field=models.BooleanField(default=False, help_text='Of the turn of the anchor, not of the session.'),
        ),
        migrations.AddField(
            model_name='flag',
            name='session',
            field=models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='%(class)s_rows', to='conversations.session'),
        ),
        migrations.AlterField(
            model_name='flag',
            name='anchor_at',
            field=models.FloatField(help_text='Timestamp of the event.'),
        ),
        migrations.AlterField(
            model_name='flag',
            name='anchor_hash',
            field=models.BinaryField(default=b'', max_length=16),
        ),
        migrations.AlterField(
            model_name='flag',
            name='at',
            field=models.DateTimeField(default=django.utils.timezone.now),
        ),
        migrations.AlterField(
            model_name='flag',
            name='conversation',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='%(class)s_rows', to='conversations.conversation'),
        ),
        migrations.AlterField(
            model_name='flag',
            name='user',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddConstraint(
            model_name='flag',
            constraint=models.UniqueConstraint(fields=('conversation', 'anchor_at', 'anchor_hash'), name='flag_once_per_event'),
        ),
        migrations.AddField(
            model_name='assignment',
            name='conversation',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='%(class)s_rows', to='conversations.conversation'),
        ),
        migrations.AddField(
            model_name='assignment',
            name='session',
            field=models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='%(class)s_rows', to='conversations.session'),
        ),
        migrations.AddField(
            model_name='assignment',
            name='to',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='assignment',
            name='user',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='claim',
            name='session',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='claim_rows', to='conversations.session'),
        ),
        migrations.AddField(
            model_name='claim',
            name='user',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='correction',
            name='conversation',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='%(class)s_rows', to='conversations.conversation'),
        ),
        migrations.AddField(
            model_name='correction',
            name='session',
            field=models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='%(class)s_rows', to='conversations.session'),
        ),
        migrations.AddField(
            model_name='correction',
            name='user',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='deed',
            name='conversation',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='%(class)s_rows', to='conversations.conversation'),
        ),
        migrations.AddField(
            model_name='deed',
            name='session',
            field=models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='%(class)s_rows', to='conversations.session'),
        ),
        migrations.AddField(
            model_name='deed',
            name='user',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='later',
            name='conversation',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='%(class)s_rows', to='conversations.conversation'),
        ),
        migrations.AddField(
            model_name='later',
            name='session',
            field=models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='%(class)s_rows', to='conversations.session'),
        ),
        migrations.AddField(
            model_name='later',
            name='user',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='mention',
            name='user',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='note',
            name='conversation',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='%(class)s_rows', to='conversations.conversation'),
        ),
        migrations.AddField(
            model_name='note',
            name='session',
            field=models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='%(class)s_rows', to='conversations.session'),
        ),
        migrations.AddField(
            model_name='note',
            name='user',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='mention',
            name='note',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='mentions', to='conversations.note'),
        ),
        migrations.AddField(
            model_name='reason',
            name='assistant',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='conversations.assistant'),
        ),
        migrations.AddField(
            model_name='review',
            name='conversation',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='%(class)s_rows', to='conversations.conversation'),
        ),
        migrations.AddField(
            model_name='review',
            name='reason',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='reviews', to='conversations.reason'),
        ),
        migrations.AddField(
            model_name='review',
            name='session',
            field=models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='%(class)s_rows', to='conversations.session'),
        ),
        migrations.AddField(
            model_name='review',
            name='user',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='seen',
            name='session',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='seen_rows', to='conversations.session'),
        ),
        migrations.AddField(
            model_name='seen',
            name='user',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='taguse',
            name='conversation',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='%(class)s_rows', to='conversations.conversation'),
        ),
        migrations.AddField(
            model_name='taguse',
            name='session',
            field=models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='%(class)s_rows', to='conversations.session'),
        ),
        migrations.AddField(
            model_name='taguse',
            name='tag',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='uses', to='conversations.tag'),
        ),
        migrations.AddField(
            model_name='taguse',
            name='user',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.RunPython(keep, bring_back),
        migrations.DeleteModel(
            name='ConversationTag',
        ),
        migrations.AddConstraint(
            model_name='claim',
            constraint=models.UniqueConstraint(fields=('user', 'session'), name='claim_once_per_person'),
        ),
        migrations.AddConstraint(
            model_name='correction',
            constraint=models.UniqueConstraint(fields=('conversation', 'anchor_at', 'anchor_hash'), name='correction_once_per_event'),
        ),
        migrations.AddIndex(
            model_name='deed',
            index=models.Index(condition=models.Q(('undone_at', None)), fields=['user', '-id'], name='deed_last'),
        ),
        migrations.AddConstraint(
            model_name='mention',
            constraint=models.UniqueConstraint(fields=('note', 'user'), name='mention_once_per_note'),
        ),
        migrations.AddConstraint(
            model_name='reason',
            constraint=models.UniqueConstraint(fields=('assistant', 'text'), name='reason_once_per_assistant'),
        ),
        migrations.AddConstraint(
            model_name='seen',
            constraint=models.UniqueConstraint(fields=('user', 'session'), name='seen_once_per_person'),
        ),
    ]
