"""The collections of livestreams: `sessions`, `livestream_feed`, `recordings` and `recording_callbacks`."""

from bson import ObjectId
from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _
from django_mongodb_backend.fields import EmbeddedModelArrayField, ObjectIdField
from django_mongodb_backend.models import EmbeddedModel

from mongodb.documents import LoadedDirectly

TITLE_LENGTH = 200


class SessionStatus(models.TextChoices):
    LIVE = "live", _("live")
    ENDED = "ended", _("ended")


class ShowGoalPair(LoadedDirectly, EmbeddedModel):
    """A funding goal and, once it exists, its show. Pairs are changed only by array updates of the session."""

    funding_goal = ObjectIdField()
    funding_ended = models.BooleanField(default=False)
    show_goal = ObjectIdField(null=True)
    show_ended = models.BooleanField(default=False)


class Session(LoadedDirectly, models.Model):
    """A livestream of one streamer. `cache_version` is part of every cache key for the session."""

    user_id: ObjectId
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, db_column="user", db_index=False, verbose_name=_("streamer")
    )
    title = models.CharField(_("title"), max_length=TITLE_LENGTH)
    status = models.CharField(_("status"), max_length=5, choices=SessionStatus.choices, default=SessionStatus.LIVE)
    show_goal_pairs = EmbeddedModelArrayField(ShowGoalPair, default=list)
    cache_version = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(_("created at"))
    ended_at = models.DateTimeField(_("ended at"), null=True, blank=True)

    class Meta:
        db_table = "sessions"
        ordering = ("-pk",)
        indexes = (
            models.Index(fields=["user", "status", "-created_at", "-id"], name="streamers_newest_by_status"),
            models.Index(fields=["user", "-created_at", "-id"], name="streamers_newest"),
            models.Index(fields=["status", "-created_at", "-id"], name="newest_by_status"),
            models.Index(fields=["-created_at", "-id"], name="newest_sessions"),
        )
        verbose_name = _("session")
        verbose_name_plural = _("sessions")

    def __str__(self) -> str:
        return self.title


class LivestreamFeedEntry(models.Model):
    """The newest goal of a session, for the feed. An entry has the same id as its session.

    `created_at` is when the goal was created. Entries that were written before this field was added lack it.
    """

    goal_id = models.CharField(max_length=24)
    created_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "livestream_feed"
        ordering = ("-pk",)

    def __str__(self) -> str:
        return f"{self.pk} {self.goal_id}"


class RecordingState(models.TextChoices):
    REQUESTED = "requested", _("requested")
    STARTED = "started", _("started")
    STOPPED = "stopped", _("stopped")
    VERIFIED = "verified", _("verified")
    FAILED = "failed", _("failed")


class Recording(models.Model):
    """The recording of a show. It has the same id as the show.

    `recordings/moves.py` and `recordings/retrying.py` change the state with conditional updates.
    `error` is the text of the latest failure. `provider` has the whitelisted fields of GetRecordTask's latest response,
    and the files of all its responses so far. `check_at` is when to ask BytePlus again; null means never.
    """

    session_id = models.CharField(_("session"), max_length=24)
    streamer_id = models.CharField(_("streamer"), max_length=24)
    state = models.CharField(_("state"), max_length=9, choices=RecordingState.choices)
    attempts = models.IntegerField(_("attempts to start"), default=0)
    error = models.CharField(_("error"), max_length=200, blank=True)
    provider = models.JSONField(_("response of BytePlus"), default=dict)
    requested_at = models.DateTimeField(_("requested at"))
    started_at = models.DateTimeField(_("started at"), null=True)
    confirmed_at = models.DateTimeField(_("first seen running at"), null=True)
    stopped_at = models.DateTimeField(_("stopped at"), null=True)
    verified_at = models.DateTimeField(_("verified at"), null=True)
    failed_at = models.DateTimeField(_("failed at"), null=True)
    check_at = models.DateTimeField(_("next check at"), null=True)

    # The title of the show and the name of its streamer. `admin.name_recordings` sets it.
    show_name = ""

    class Meta:
        db_table = "recordings"
        ordering = ("-pk",)
        indexes = (
            models.Index(fields=["check_at"], name="recordings_to_check"),
            models.Index(fields=["state", "-requested_at", "-id"], name="newest_by_state"),
            models.Index(fields=["-requested_at", "-id"], name="newest_recordings"),
        )
        verbose_name = _("recording")
        verbose_name_plural = _("recordings")
        permissions = (("retry_recording", _("Can start failed recordings again")),)

    def __str__(self) -> str:
        return self.show_name or f"{self.pk} {self.state}"


class RecordingCallback(models.Model):
    """A callback from BytePlus that was processed. Its id is its EventId. A TTL index deletes it after a week."""

    id = models.CharField(primary_key=True, db_column="_id", max_length=200)
    received_at = models.DateTimeField()

    class Meta:
        db_table = "recording_callbacks"

    def __str__(self) -> str:
        return self.pk
