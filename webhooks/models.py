"""Events: what was announced, in an order in which a reader that pages by id misses none."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from django_mongodb_backend.fields import ObjectIdField


class Event(models.Model):
    """An announcement, stored in the transaction that made it true. A TTL index deletes it after 30 days.

    `place` is its id for clients, and its place in the list. It is null until the event is published, which is soon
    after the commit (webhooks/publishing.py). `data` is that of the event on Pusher, where there is one.
    """

    place = ObjectIdField(_("id"), null=True)
    type = models.CharField(_("type"), max_length=40)
    created_at = models.DateTimeField(_("announced at"))
    goal_id = models.CharField(_("goal"), max_length=24)
    version = models.IntegerField(_("version of the goal"))
    data = models.JSONField(_("data"))

    class Meta:
        db_table = "events"
        ordering = ("-place",)
        indexes = (models.Index(fields=["place"], name="events_in_order"),)
        verbose_name = _("event")
        verbose_name_plural = _("events")

    def __str__(self) -> str:
        return f"{self.type} {self.place}"


class LastPlace(models.Model):
    """The place of the event that was published last: its seconds and its number. There is one document."""

    id = models.CharField(primary_key=True, db_column="_id", max_length=6)
    seconds = models.BigIntegerField()
    number = models.BigIntegerField()

    class Meta:
        db_table = "last_places"

    def __str__(self) -> str:
        return f"{self.seconds} {self.number}"


EVENTS = Event._meta.db_table
LAST_PLACES = LastPlace._meta.db_table
