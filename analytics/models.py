"""The tracked events."""

from django.db import models


class AnalyticsEvent(models.Model):
    """Something that happened to a goal. `event_id` is unique, so a task that runs twice stores the event once."""

    event_id = models.CharField(max_length=36, unique=True)
    name = models.CharField(max_length=100)
    goal_id = models.CharField(max_length=24)
    kind = models.CharField(max_length=40)
    user_id = models.CharField(max_length=24)
    at = models.DateTimeField()

    class Meta:
        db_table = "analytics_events"
        ordering = ("-pk",)

    def __str__(self) -> str:
        return f"{self.name} {self.goal_id}"
