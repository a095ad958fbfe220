"""Models of events, of partners' endpoints, of deliveries that have to be tried again, and of attempts to send."""

from urllib.parse import urlsplit

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django_mongodb_backend.fields import ArrayField, ObjectIdField

# All places come after this one. The partial indexes of events serve only queries that ask for later places.
NO_PLACE = "0" * 24


class Event(models.Model):
    """An announcement, stored in the transaction that made it true. A TTL index deletes it after 30 days.

    `place` is the event's id for clients, and its place in the list. The place is null until the event is published,
    which is soon after the commit (webhooks/publishing.py). `data` is the same as in the event on Pusher, if there is
    one, except that it always has a `session_id`.
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
        indexes = (
            models.Index(fields=["place"], name="events_in_order"),
            # An event without a place has no keys in these indexes, so they cost the announcing transaction nothing.
            models.Index(fields=["type", "place"], name="events_of_type", condition=Q(place__gt=NO_PLACE)),
            models.Index(fields=["goal_id", "place"], name="events_of_goal", condition=Q(place__gt=NO_PLACE)),
        )
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


class DisabledReason(models.TextChoices):
    """Why the server has disabled an endpoint."""

    FAILING = "failing", _("it has failed for three days")
    GONE = "gone", _("it has answered 410")


class Endpoint(models.Model):
    """The address of a partner's server, which is called with each event of its `types`. No types means all types.

    The secrets are derived from seeds (webhooks/signing.py). The former secret is valid until `former_until`. `place`
    is the place of the last event that was sent, or left to a later attempt. A `slow` endpoint is called separately, so
    that other endpoints do not wait for it. The worker that has set `lease` may send to the endpoint until
    `leased_until`.
    """

    url = models.CharField(_("address"), max_length=500)
    types = ArrayField(models.CharField(max_length=40), default=list, verbose_name=_("types"))
    enabled = models.BooleanField(_("enabled"), default=True)
    disabled_reason = models.CharField(
        _("disabled because"), max_length=7, choices=DisabledReason.choices, null=True, blank=True
    )
    seed = models.CharField(max_length=32)
    former_seed = models.CharField(max_length=32, null=True)
    former_until = models.DateTimeField(null=True)
    place = ObjectIdField()
    slow = models.BooleanField(_("slow"), default=False)
    failing_since = models.DateTimeField(_("failing since"), null=True, blank=True)
    lease = models.CharField(max_length=32, null=True)
    leased_until = models.DateTimeField(null=True)
    created_at = models.DateTimeField(_("created at"))
    created_by = models.CharField(_("created by"), max_length=150)

    class Meta:
        db_table = "webhook_endpoints"
        ordering = ("-pk",)
        verbose_name = _("webhook endpoint")
        verbose_name_plural = _("webhook endpoints")

    def __str__(self) -> str:
        return self.host

    @property
    def host(self) -> str:
        """The host of the address. The rest may be a secret, as is common with webhooks."""
        return urlsplit(self.url).hostname or ""


class Delivery(models.Model):
    """An event that an endpoint has not taken yet. The id is `{endpoint id}:{event id}`.

    `next_at` is null if the delivery was given up. `event` holds a test event, because test events are not in the
    list of events. It is null otherwise. A TTL index deletes the document 30 days after `first_at`.
    """

    id = models.CharField(primary_key=True, db_column="_id", max_length=49)
    endpoint_id = ObjectIdField()
    event_id = models.CharField(max_length=24)
    event = models.JSONField(null=True)
    attempts = models.IntegerField(default=0)
    first_at = models.DateTimeField()
    next_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "webhook_deliveries"
        indexes = (models.Index(fields=["endpoint_id", "next_at"], name="next_deliveries"),)

    def __str__(self) -> str:
        return self.id


class Attempt(models.Model):
    """A call to an endpoint, and its result. A TTL index deletes it after 30 days."""

    endpoint_id = ObjectIdField(_("endpoint"))
    event_id = models.CharField(_("event"), max_length=24)
    type = models.CharField(_("type"), max_length=40)
    number = models.IntegerField(_("attempt"))
    created_at = models.DateTimeField(_("began at"))
    status = models.IntegerField(_("status"), null=True)
    error = models.CharField(_("error"), max_length=40)
    duration_ms = models.IntegerField(_("milliseconds"))
    answer = models.TextField(_("first bytes of the answer"))

    class Meta:
        db_table = "webhook_attempts"
        ordering = ("-pk",)
        indexes = (
            models.Index(fields=["endpoint_id", "-created_at", "-id"], name="newest_of_endpoint"),
            models.Index(fields=["-created_at", "-id"], name="newest_attempts"),
        )
        verbose_name = _("attempt")
        verbose_name_plural = _("attempts")

    def __str__(self) -> str:
        return f"{self.event_id} {self.number}"


EVENTS = Event._meta.db_table
LAST_PLACES = LastPlace._meta.db_table
ENDPOINTS = Endpoint._meta.db_table
DELIVERIES = Delivery._meta.db_table
ATTEMPTS = Attempt._meta.db_table
