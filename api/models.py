"""Idempotency keys, counts of the throttles, accounts, sign-ins, keys for servers, and the record of changes."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from django_mongodb_backend.fields import ArrayField, ObjectIdField

from api.request_id import LONGEST


class IdempotencyRecord(models.Model):
    """An idempotency key that a user has sent. A TTL index on `expires_at` deletes the row after 24 hours.

    `api.idempotency` reads and writes the collection directly, inside the effect's transaction.
    """

    id = models.CharField(primary_key=True, db_column="_id", max_length=100)  # "{user id}:{SHA-256 of the key}"
    fingerprint = models.CharField(max_length=64)  # SHA-256 of the request
    status = models.IntegerField()
    body = models.TextField()  # JSON, as it was sent
    expires_at = models.DateTimeField()

    class Meta:
        db_table = "idempotency_keys"
        verbose_name = "idempotency record"

    def __str__(self) -> str:
        return self.pk


class ThrottleCount(models.Model):
    """The number of requests of a caller in a window of time. A TTL index on `expires_at` deletes the row.

    `api.throttle_counts` reads and writes the collection directly, outside any transaction.
    """

    id = models.CharField(primary_key=True, db_column="_id", max_length=100)  # "{scope}:{caller}:{window}"
    count = models.IntegerField()
    expires_at = models.DateTimeField()

    class Meta:
        db_table = "throttle_counts"
        verbose_name = "throttle count"

    def __str__(self) -> str:
        return self.pk


class Account(models.Model):
    """What the API knows of a user besides Django's `User`: which tokens have ended.

    A user without an account has epoch 0. `api.accounts` and `api.sign_ins` write the collection directly.
    """

    id = ObjectIdField(primary_key=True, db_column="_id")  # the user's id
    epoch = models.IntegerField(default=0)
    signed_out = ArrayField(models.CharField(max_length=32), default=list)  # ids of the latest sign-ins that were ended

    class Meta:
        db_table = "accounts"
        verbose_name = "account"

    def __str__(self) -> str:
        return str(self.pk)


class SignIn(models.Model):
    """A sign-in whose refresh token was used, or that has ended. A TTL index on `expires_at` deletes the row.

    `api.sign_ins` reads and writes the collection directly.
    """

    id = models.CharField(primary_key=True, db_column="_id", max_length=32)
    user_id = ObjectIdField()
    number = models.IntegerField()  # the number of the newest refresh token
    rotated_at = ArrayField(models.BigIntegerField(), default=list)  # times of the latest rotations, in Unix seconds
    ended_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField()

    class Meta:
        db_table = "sign_ins"
        verbose_name = "sign-in"

    def __str__(self) -> str:
        return self.pk


class KnownPlace(models.Model):
    """An address from which a user has signed in lately, as a hash. A TTL index on `expires_at` deletes the row."""

    id = models.CharField(primary_key=True, db_column="_id", max_length=64)  # a hash of the address and the user name
    expires_at = models.DateTimeField()

    class Meta:
        db_table = "known_places"
        verbose_name = "known place"

    def __str__(self) -> str:
        return self.pk


class Scope(models.TextChoices):
    """What the holder of a key may do."""

    READ = "read", _("read goals, payments and events")
    WEBHOOKS = "webhooks", _("manage webhook endpoints")
    SETTLEMENTS = "settlements", _("decide settlements")


class ServerKey(models.Model):
    """A key of a partner's server (api/server_keys.py). Only a hash of the key itself is stored."""

    name = models.CharField(_("name"), max_length=100)
    digest = models.CharField(max_length=64, unique=True)
    start = models.CharField(_("begins with"), max_length=8)
    scopes = ArrayField(models.CharField(max_length=20), verbose_name=_("scopes"))
    created_at = models.DateTimeField(_("created at"))
    created_by = models.CharField(_("created by"), max_length=150)
    last_used_at = models.DateTimeField(_("last used at"), null=True)
    revoked_at = models.DateTimeField(_("revoked at"), null=True)

    class Meta:
        db_table = "server_keys"
        ordering = ("-pk",)
        verbose_name = _("key for servers")
        verbose_name_plural = _("keys for servers")

    def __str__(self) -> str:
        return f"{self.name} ({self.start}…)"


class AuthorRole(models.TextChoices):
    """The role in which somebody makes a change."""

    STREAMER = "streamer", _("streamer")
    STAFF = "staff", _("staff")
    KEY = "key", _("key for servers")


class ChangeRecord(models.Model):
    """A change that a person or a partner's server has made. `api.audit` writes the collection directly."""

    at = models.DateTimeField(_("at"))
    action = models.CharField(_("action"), max_length=40)
    by_role = models.CharField(_("role"), max_length=8, choices=AuthorRole.choices)
    by_id = models.CharField(_("by"), max_length=24)  # the id of a user or a key
    subject_type = models.CharField(_("kind"), max_length=40)  # a model, such as "goals.goal"
    subject_id = models.CharField(_("of"), max_length=64)
    about = ArrayField(models.CharField(max_length=24), default=list)  # ids of the users whom the change concerns
    before = models.JSONField(_("before"), default=dict)
    after = models.JSONField(_("after"), default=dict)
    reason = models.CharField(_("reason"), max_length=500)
    request_id = models.CharField(_("request"), max_length=LONGEST)

    class Meta:
        db_table = "change_records"
        ordering = ("-pk",)
        default_permissions = ("view",)
        verbose_name = _("change")
        verbose_name_plural = _("changes")
        # The admin's list is sorted by the primary key, so in each index the primary key follows the field of a filter.
        indexes = (
            models.Index(fields=["by_id", "id"], name="changes_by"),
            models.Index(fields=["action", "id"], name="changes_of_kind"),
            models.Index(fields=["subject_id", "id"], name="changes_of"),
            models.Index(fields=["about", "id"], name="changes_about"),
            models.Index(fields=["request_id"], name="changes_of_request"),
        )

    def __str__(self) -> str:
        return f"{self.action} {self.subject_id}"
