"""What happened: assistants, conversations, their sessions and events, and what lists ask of them.

Every timestamp is a double of Unix seconds (UTC), as Rasa sends it: a `timestamptz` would drop the seventh
decimal, and with it the order of events. Rows below Assistant are written by `conversations.store` alone, under the
conversation's lock: sessions, values, events and words therefore need no foreign keys in the database, whose checks at
commit cost a fifth of a batch. They are deleted through Django, which follows the keys.
"""

from typing import ClassVar, Self

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from conversations.querysets import EventQuerySet, SessionQuerySet


class Assistant(models.Model):
    """One bot; the API's "project". `default` unless the broker URL names another."""

    name = models.SlugField(_("name"), max_length=100, unique=True)
    session_gap = models.PositiveIntegerField(
        _("session gap"),
        default=3600,
        help_text=_("Seconds of silence that start a session where the bot itself marks none."),
    )
    time_zone = models.CharField(_("time zone"), max_length=64, default="UTC")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["id"]

    def __str__(self) -> str:
        return self.name


class Conversation(models.Model):
    """All that one sender and one assistant ever said to each other. Without events it is a state: hidden, taggable.

    `tail_*` describe its last events, so that a batch that only appends need not read them (see `timeline.py`).
    """

    assistant = models.ForeignKey(Assistant, on_delete=models.CASCADE, db_index=False)
    sender_hash = models.BinaryField(max_length=16)
    sender_id = models.TextField(
        help_text="As shown: NUL and lone surrogates are escaped. Identity is the hash."
    )
    n_events = models.PositiveIntegerField(default=0)
    n_sessions = models.PositiveIntegerField(default=0)
    marks_sessions = models.BooleanField(default=False, help_text="Has an action_session_start: no gap rule.")
    first_at = models.FloatField(null=True)
    last_at = models.FloatField(null=True)
    tail = models.TextField(default="[]", help_text="JSON: keys and roles of its last two events.")
    last_session = models.BigIntegerField(
        null=True, help_text="Id of its newest session, where new events go."
    )
    activity_at = models.FloatField(
        null=True, help_text="What lists sort by: last_at, or receipt if in the future."
    )
    revision = models.PositiveBigIntegerField(default=0)
    created_at = models.FloatField(help_text="Receipt of its first sign of life.")
    is_stale = models.BooleanField(
        default=False, help_text="What is known of its turns is to be computed anew when there is time."
    )

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["assistant", "sender_hash"], name="conversation_once_per_assistant"
            ),
        ]
        indexes: ClassVar = [
            # Reader: GET /api/conversations, newest first.
            models.Index(fields=["assistant", "-activity_at", "-id"], name="conversation_newest"),
            # Reader: housekeeping, which rebuilds them.
            models.Index(fields=["id"], name="conversation_stale", condition=Q(is_stale=True)),
        ]

    def __str__(self) -> str:
        return self.sender_id


class Session(models.Model):
    """A stretch of a conversation from its boundary event to the next: what lists show and people judge.

    Its identity is the boundary event (`start_*`), never a number. All columns but `id`, `revision` and the last four
    are a pure function of its sorted events (`summary.py`). `watermark` and `verdict` repeat its latest review
    (`opinions.placing`); with a watermark below `newest_turn` the session has changed since.
    """

    class Verdict(models.IntegerChoices):
        """Numbers are stored: never reuse one."""

        NONE = 0, "none"
        REVIEWED = 1, "reviewed"
        WELL = 2, "well"
        BROKE = 3, "broke"

    conversation = models.ForeignKey(
        Conversation, on_delete=models.CASCADE, related_name="sessions", db_index=False, db_constraint=False
    )
    assistant = models.ForeignKey(Assistant, on_delete=models.CASCADE, db_index=False, db_constraint=False)
    start_at = models.FloatField()
    start_rank = models.SmallIntegerField()
    start_hash = models.BinaryField(max_length=16)
    last_at = models.FloatField()
    last_rank = models.SmallIntegerField()
    last_hash = models.BinaryField(max_length=16)
    activity_at = models.FloatField()
    n_events = models.PositiveIntegerField(default=0)
    n_user_messages = models.PositiveIntegerField(
        default=0, help_text="Typed by the user: no payloads, no EXTERNAL."
    )
    n_payloads = models.PositiveIntegerField(default=0)
    n_bot_messages = models.PositiveIntegerField(default=0)
    n_fallbacks = models.PositiveIntegerField(default=0)
    n_reverted = models.PositiveIntegerField(default=0, help_text="User messages popped by rewind.")
    n_reverts = models.PositiveIntegerField(default=0, help_text="rewind and undo events.")
    min_intent_confidence = models.FloatField(null=True)
    max_intent_confidence = models.FloatField(null=True)
    min_action_confidence = models.FloatField(null=True)
    max_action_confidence = models.FloatField(null=True)
    channel = models.TextField(blank=True, help_text="Of the latest user message.")
    channel_at = models.FloatField(null=True)
    environment = models.TextField(blank=True)
    environment_at = models.FloatField(null=True)
    model_id = models.TextField(blank=True)
    model_at = models.FloatField(null=True)
    opening_at = models.FloatField(
        null=True, help_text="First user message, the row's quote when nothing is wrong."
    )
    opening_text = models.TextField(blank=True)
    trouble_at = models.FloatField(null=True, help_text="First fallback or unsure message: the row's quote.")
    trouble_text = models.TextField(blank=True)
    open_loop = models.TextField(blank=True, help_text="The loop or flow that is open at its end.")
    open_loop_at = models.FloatField(null=True)
    revision = models.PositiveBigIntegerField(default=0, help_text="The conversation's at its last change.")
    turns_known = models.BooleanField(
        default=True, help_text="The turns of its values are exact; else only its events know them."
    )
    newest_turn = models.BigIntegerField(
        null=True, help_text="Id of the user event that arrived last: what arrives changes a review."
    )
    watermark = models.BigIntegerField(null=True, help_text="`newest_turn` that its latest review had seen.")
    verdict = models.SmallIntegerField(default=0, choices=Verdict)

    objects: ClassVar[models.Manager[Self]] = SessionQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["conversation", "start_at", "start_rank", "start_hash"],
                name="session_once_per_boundary",
            ),
        ]
        indexes: ClassVar = [
            # Readers: the sessions list by each of its sort orders, and number filters that few rows satisfy.
            models.Index(fields=["assistant", "-activity_at", "-id"], name="session_newest"),
            models.Index(fields=["assistant", "-n_user_messages", "-id"], name="session_longest"),
            models.Index(
                fields=["assistant", "-n_fallbacks", "-id"],
                name="session_most_fallbacks",
                condition=Q(n_fallbacks__gt=0),
            ),
            models.Index(
                fields=["assistant", "min_intent_confidence", "id"],
                name="session_least_sure",
                condition=Q(min_intent_confidence__isnull=False),
            ),
            models.Index(
                fields=["assistant", "open_loop", "-activity_at", "-id"],
                name="session_unfinished",
                condition=~Q(open_loop=""),
            ),
        ]


class SessionValue(models.Model):
    """One thing that occurs in a session: what `intent:`, `action:`, `channel:` … look up.

    It repeats the session's activity as a `period` of ten minutes, so that the newest sessions with a value are one
    index range, however rare or old the value is (an array column with GIN took 350 ms where only old sessions match),
    and that a session which goes on seldom has to rewrite its rows.

    Bit k of `turns` says that the value occurs in turn k: the k-th user event (payloads included) and what follows it
    up to the next; bit 0 stands for what comes before the first, bit 62 for turn 62 and all beyond.
    """

    class Kind(models.IntegerChoices):
        """Numbers are stored: never reuse one."""

        INTENT = (
            1,
            "intent",
        )  # as filtered: behind nlu_fallback, the first real one of the ranking, and both names
        PREDICTED = 2, "predicted intent"  # as the server said it: upstream's API
        ACTION = 3, "action"
        ENTITY = 4, "entity"
        SLOT = 5, "slot"
        POLICY = 6, "policy"
        CHANNEL = 7, "channel"
        ENVIRONMENT = 8, "environment"
        MODEL = 9, "model"
        IS = 10, "is"  # marks: fallback, restarted
        UNSURE = 11, "unsure intent"  # intents understood with less than summary.UNSURE_BELOW
        SLOT_VALUE = 12, "slot value"  # name=value, other values than texts as JSON
        LOOP = 13, "loop"  # loops and flows that were entered
        EVENT = 14, "event"  # types of events, without the everyday ones
        ASSISTANT_ID = 15, "assistant id"
        CONFIDENCE = 16, "confidence"  # tenth of a user message's intent confidence: "0" to "9"
        # What people say of a session, written by opinions.placing.
        REVIEW = 30, "review"  # unread, reviewed, changed
        VERDICT = 31, "verdict"  # reviewed, well, broke
        REASON = 32, "reason"  # from here to FOR: ids
        REVIEWER = 33, "reviewer"
        TAG = 34, "tag"  # of the session or one of its turns
        TURN_TAG = 35, "turn tag"
        ASSIGNED = 36, "assigned"
        LATER = 37, "later"
        FOR = 38, "for"  # users it is assigned to, who are mentioned, or who read it later
        MARK = 39, "mark"  # flagged, noted, corrected

    pk = models.CompositePrimaryKey("session_id", "kind", "value")
    session = models.ForeignKey(
        Session, on_delete=models.CASCADE, related_name="value_rows", db_index=False, db_constraint=False
    )
    kind = models.PositiveSmallIntegerField(choices=Kind)
    value = models.TextField(
        help_text="At most 120 code points: longer ones end in a hash (`summary.value_key`)."
    )
    assistant = models.ForeignKey(Assistant, on_delete=models.CASCADE, db_index=False, db_constraint=False)
    period = models.BigIntegerField(
        help_text="Ten minutes of the session's activity: whole 600 seconds, UTC."
    )
    turns = models.BigIntegerField(default=0, help_text="Turns in which it occurs, a bit each.")

    class Meta:
        indexes: ClassVar = [
            # Readers: every filter by value, and the lists of values that exist.
            models.Index(
                fields=["assistant", "kind", "value", "-period", "-session"],
                name="value_newest",
            ),
        ]


class Event(models.Model):
    """One event as Rasa published it. `id` is its arrival number, which orders nothing.

    The order of a conversation is (timestamp, rank, hash), see `identity.py`. `body` is the message to the letter.
    """

    conversation = models.ForeignKey(
        Conversation, on_delete=models.CASCADE, db_index=False, db_constraint=False, related_name="events"
    )
    timestamp = models.FloatField()
    rank = models.SmallIntegerField()
    hash = models.BinaryField(max_length=16)
    type = models.TextField()
    name = models.TextField(blank=True, help_text="Intent as filtered, action, slot or loop.")
    predicted = models.TextField(blank=True, help_text="A user message's intent as the server said it.")
    confidence = models.FloatField(null=True)
    text = models.TextField(blank=True, help_text="First 1,000 code points of what a user or bot said.")
    words = models.TextField(
        blank=True, help_text="Its search words, a blank between, before and behind them; empty without any."
    )
    environment = models.TextField(blank=True)
    is_export = models.BooleanField(default=False, help_text="Only copies from `rasa export` have arrived.")
    is_future = models.BooleanField(default=False, help_text="More than a day ahead of our clock on receipt.")
    reverted_at = models.FloatField(null=True, help_text="Timestamp of the rewind or undo that popped it.")
    received_at = models.FloatField()
    body = models.TextField()

    objects: ClassVar[models.Manager[Self]] = EventQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            # The total order itself: the same index serves "events in order". The rank follows from the event, so that
            # (conversation, timestamp, hash) is as unique. The hash is last: inserts land in few hot pages.
            models.UniqueConstraint(
                fields=["conversation", "timestamp", "rank", "hash"], name="event_once_per_conversation"
            ),
        ]
        indexes: ClassVar = [
            # Reader: slots at a turn, one look-up a slot however long the session is.
            models.Index(
                fields=["conversation", "name", "timestamp"],
                name="event_slot_history",
                condition=Q(type="slot"),
            ),
            # Reader: slots at a turn, what wiped them last; undo and rewind.
            models.Index(
                fields=["conversation", "timestamp"],
                name="event_slot_wipes",
                condition=Q(type__in=["reset_slots", "restart", "session_started"]),
            ),
        ]


class SearchChunk(models.Model):
    """Words of some messages of one session and side, about 4 kB; the newest of a side is open and grows.

    An index, not part of what "equal rows" means: a late message joins the open chunk. PostgreSQL searches `vector`
    (added by migration), SQLite the FTS5 table `conversations_searchwords` by the chunk's id.
    """

    class Side(models.IntegerChoices):
        USER = 1, "user"
        BOT = 2, "bot"

    session = models.ForeignKey(
        Session, on_delete=models.CASCADE, related_name="search_chunks", db_constraint=False
    )
    side = models.PositiveSmallIntegerField(choices=Side)
    size = models.PositiveIntegerField(help_text="Words so far, message breaks included.")
    is_open = models.BooleanField(default=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["session", "side"], name="search_one_open_chunk", condition=Q(is_open=True)
            ),
        ]
