"""The stored answers of idempotency keys, and the counts of the throttles."""

from django.db import models


class IdempotencyRecord(models.Model):
    """One key of one user, kept 24 hours (a TTL index on `expires_at`).

    `api.idempotency` reads and writes the collection itself, inside the effect's transaction.
    """

    id = models.CharField(primary_key=True, db_column="_id", max_length=100)  # "{user id}:{SHA-256 of the key}"
    fingerprint = models.CharField(max_length=64)  # SHA-256 of the request
    status = models.IntegerField()
    body = models.TextField()  # JSON, as it was answered
    expires_at = models.DateTimeField()

    class Meta:
        db_table = "idempotency_keys"
        verbose_name = "idempotency record"

    def __str__(self) -> str:
        return self.pk


class ThrottleCount(models.Model):
    """The number of requests of a caller in a window of time (a TTL index on `expires_at`).

    `api.throttle_counts` reads and writes the collection itself, outside any transaction.
    """

    id = models.CharField(primary_key=True, db_column="_id", max_length=100)  # "{scope}:{caller}:{window}"
    count = models.IntegerField()
    expires_at = models.DateTimeField()

    class Meta:
        db_table = "throttle_counts"
        verbose_name = "throttle count"

    def __str__(self) -> str:
        return self.pk
