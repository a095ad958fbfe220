"""Chunks: a show's audience in parts that one task each sends."""

from django.db import models
from django_mongodb_backend.fields import ArrayField


class NotificationChunk(models.Model):
    """Up to NOTIFY_CHUNK viewers who are to get one event. Holds no tokens: they are minted when it is sent.

    The id is `{event_id}:{index}`, so planning an event twice can't make its chunks twice.
    """

    id = models.CharField(primary_key=True, db_column="_id", max_length=45)
    event_id = models.CharField(max_length=36)
    goal_id = models.CharField(max_length=24)
    streamer_id = models.CharField(max_length=24)
    name = models.CharField(max_length=40)
    preset = models.CharField(max_length=10)
    payload = models.JSONField()
    viewers = ArrayField(models.CharField(max_length=24))
    planned_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "notification_chunks"
        indexes = (models.Index(fields=["event_id"], name="chunks_of_event"),)

    def __str__(self) -> str:
        return self.id
