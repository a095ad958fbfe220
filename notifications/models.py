"""Events for every viewer of a show, the chunks of their audiences, receipts, and the paces of audiences."""

from django.db import models
from django_mongodb_backend.fields import ArrayField

from notifications.fanout.ledger import Ledger


class NotificationEvent(models.Model):
    """An event for every viewer of a show. The id is its event_id.

    `chunks` and `viewers` count what has been planned. `planned_at` is null until the whole audience is planned.
    `sent_at` is null until every chunk is settled. `closed_as` is `expired` or `superseded` if some viewers were not
    told for that reason. `redeliveries` counts how often a person asked for a redelivery; null means never.
    """

    id = models.CharField(primary_key=True, db_column="_id", max_length=36)
    goal_id = models.CharField(max_length=24)
    name = models.CharField(max_length=40)
    preset = models.CharField(max_length=10)
    chunks = models.IntegerField(default=0)
    viewers = models.IntegerField(default=0)
    planned_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    closed_as = models.CharField(max_length=10, null=True)
    redeliveries = models.IntegerField(null=True)

    class Meta:
        db_table = "notification_events"

    def __str__(self) -> str:
        return f"{self.name} {self.preset} {self.pk}"


class NotificationChunk(models.Model):
    """Up to NOTIFY_CHUNK viewers of an event, and what became of each. A chunk never holds credentials.

    The id is `{event_id}:{index}`. `viewers`, `states`, `marked_in` and `redeliveries` are the ledger. `first` and
    `last` are the lowest and highest ids of these viewers, so that an index finds a viewer's chunk. `settled_at` has
    the moment at which each attempt stored its results, or null if the process died before. `sent_at` is null until the
    ledger is settled. `rejoined` says when each viewer was last sent the event again after a late subscription
    (notifications/fanout/rejoined.py).
    """

    id = models.CharField(primary_key=True, db_column="_id", max_length=45)
    event_id = models.CharField(max_length=36)
    goal_id = models.CharField(max_length=24)
    streamer_id = models.CharField(max_length=24)
    name = models.CharField(max_length=40)
    preset = models.CharField(max_length=10)
    payload = models.JSONField()
    first = models.CharField(max_length=24)
    last = models.CharField(max_length=24)
    viewers = models.BinaryField()
    states = models.TextField()
    marked_in = models.BinaryField()
    redeliveries = models.BinaryField(null=True)
    rejoined = models.BinaryField(null=True)
    attempts = models.IntegerField(default=0)
    planned_at = models.DateTimeField()
    last_attempt_at = models.DateTimeField(null=True)
    settled_at = ArrayField(models.DateTimeField(null=True), default=list)
    sent_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "notification_chunks"
        indexes = (models.Index(fields=["goal_id", "first", "last"], name="chunks_of_viewer"),)

    def __str__(self) -> str:
        return self.id

    @classmethod
    def possibly_with(cls, viewer_id: str, *, goal_id: str) -> models.QuerySet["NotificationChunk"]:
        """Return the goal's chunks whose range includes the viewer's id. The query uses an index."""
        return cls.objects.filter(goal_id=goal_id, first__lte=viewer_id, last__gte=viewer_id)

    @property
    def is_first(self) -> bool:
        """Tell whether this is the event's first chunk."""
        return self.pk == f"{self.event_id}:0"

    @property
    def ledger(self) -> Ledger:
        """Return the chunk's viewers, and what became of each."""
        return Ledger(bytes(self.viewers), self.states, bytes(self.marked_in), bytes(self.redeliveries or b""))


class Receipts(models.Model):
    """Which of a goal's events one viewer's client has confirmed. The id is `{goal_id}:{viewer_id}`.

    `received` maps each event_id to the time of its first confirmation, in Unix milliseconds. A TTL index deletes the
    document a month after `last_at`.
    """

    id = models.CharField(primary_key=True, db_column="_id", max_length=49)
    received = models.JSONField(default=dict)
    last_at = models.DateTimeField()

    class Meta:
        db_table = "event_receipts"

    def __str__(self) -> str:
        return self.id


class AudiencePace(models.Model):
    """When all payers of a show were last told of a change, or will next be told. The id is the show's id.

    `access_ends` is the earliest moment at which credentials expire that some payers may still use. It is null if the
    last change gave no credentials. A TTL index deletes the document a day after `told_at`.
    """

    id = models.CharField(primary_key=True, db_column="_id", max_length=24)
    told_at = models.DateTimeField()
    access_ends = models.DateTimeField(null=True)

    class Meta:
        db_table = "audience_paces"

    def __str__(self) -> str:
        return f"{self.id} {self.told_at}"


CHUNKS = NotificationChunk._meta.db_table
EVENTS = NotificationEvent._meta.db_table
RECEIPTS = Receipts._meta.db_table
PACES = AudiencePace._meta.db_table
