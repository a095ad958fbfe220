"""The queue's models, in addition to django-q's: clusters, outages, repairs, and the pace of calls to vendors."""

from django.db import models


class Cluster(models.Model):
    """A running `qcluster`; the id names its process.

    Other clusters delete the row of a dead cluster. If there are none, a TTL index deletes it after a day.

    `workers` counts the workers by queue, `deaths` those that died unexpectedly. `problem` says what hinders the
    workers. `clock` names the clock that they use (`CountingClock`), and `skew_seconds` is how far the database's clock
    is ahead of the host's.
    """

    id = models.CharField(primary_key=True, db_column="_id", max_length=200)
    started_at = models.DateTimeField()
    beat_at = models.DateTimeField()
    workers = models.JSONField()
    deaths = models.IntegerField()
    problem = models.TextField(default="")
    clock = models.CharField(max_length=10, default="")
    skew_seconds = models.FloatField(null=True)

    class Meta:
        db_table = "task_clusters"

    def __str__(self) -> str:
        return self.id


class Outage(models.Model):
    """A vendor that does not respond; the id names it. `probe_at` is when a worker may try again."""

    id = models.CharField(primary_key=True, db_column="_id", max_length=40)
    since = models.DateTimeField()
    probe_at = models.DateTimeField()

    class Meta:
        db_table = "vendor_outages"

    def __str__(self) -> str:
        return self.id


class Repair(models.Model):
    """How often a reconciler, a task that looks for forgotten work, had to repair one thing. The id says what."""

    id = models.CharField(primary_key=True, db_column="_id", max_length=100)
    count = models.IntegerField()
    last_at = models.DateTimeField()

    class Meta:
        db_table = "repairs"

    def __str__(self) -> str:
        return f"{self.id}: {self.count}"


class VendorPace(models.Model):
    """When the next call to a vendor may be sent; the id is the vendor's name.

    The times are in milliseconds of the database's clock. `next_ms` is the next free slot, `first_ms` the first slot of
    the latest block that was reserved, and `now_ms` the time of that reservation.
    """

    id = models.CharField(primary_key=True, db_column="_id", max_length=20)
    next_ms = models.FloatField()
    first_ms = models.FloatField()
    now_ms = models.FloatField()

    class Meta:
        db_table = "vendor_paces"

    def __str__(self) -> str:
        return self.id
