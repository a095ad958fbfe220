"""The collections `goals` (every kind of goal, told apart by `_cls`) and `goal_timeline` (each goal's history)."""

from collections.abc import Collection
from datetime import datetime
from typing import Any, ClassVar, Self

from django.db import models
from django.utils.translation import gettext_lazy as _
from django_mongodb_backend.fields import EmbeddedModelArrayField, EmbeddedModelField
from django_mongodb_backend.models import EmbeddedModel

from api.request_id import LONGEST
from goals.kinds import GoalKind
from goals.settlements import Settlement
from goals.states import CANCELLED, ENDED, LIVE, SCHEDULED, STARTED, Condition, GoalStatus, State
from mongodb.documents import LoadedDirectly

# Fields that are not loaded by default: the breakdown of a funding goal can have 100,000 keys.
DEFERRED = ("breakdown",)
TITLE_LENGTH = 200


class Level(LoadedDirectly, EmbeddedModel):
    """A step of a goal. A show has one level, whose target is the show's length in seconds.

    The targets of other goals are amounts.
    """

    title = models.CharField(max_length=TITLE_LENGTH)
    target = models.BigIntegerField()


class Conditions(LoadedDirectly, EmbeddedModel):
    """The session that a goal belongs to."""

    session_id = models.CharField(max_length=24)


class Metadata(LoadedDirectly, EmbeddedModel):
    """The streamer who created the goal."""

    user_id = models.CharField(max_length=24)


class Context(LoadedDirectly, EmbeddedModel):
    """The context of a goal, with the keys of all kinds.

    Null means that the kind has no such key, or that the key is not set. Change single keys with `$set`, because
    `save()` drops the keys that this class does not know.
    """

    type = models.CharField(max_length=40)
    session_id = models.CharField(max_length=24)
    ticket_product_id = models.CharField(max_length=128, null=True)
    ticket_product_type = models.CharField(max_length=128, null=True)
    # for shows
    funding_goal_id = models.CharField(max_length=24, null=True)
    started = models.DateTimeField(null=True)
    started_by = models.CharField(max_length=10, null=True)
    # for show funding goals
    show_goal_id = models.CharField(max_length=24, null=True)
    perform_duration = models.BigIntegerField(null=True)
    hesitation_countdown = models.BigIntegerField(null=True)
    discount_percentage = models.BigIntegerField(null=True)
    # for trigger exclusive goals
    exclusive_goal_id = models.CharField(max_length=24, null=True)


class GoalManager(models.Manager["Goal"]):
    """All goals, or the goals of a proxy's kind, without the DEFERRED fields."""

    def get_queryset(self) -> models.QuerySet["Goal"]:
        """Return the goals of the model's kind."""
        goals: models.QuerySet[Goal] = super().get_queryset().defer(*DEFERRED)
        return goals.filter(kind=self.model.KIND) if self.model.KIND else goals


class Goal(LoadedDirectly, models.Model):
    """A goal of any kind.

    A proxy names its KIND and says how that kind behaves; `from_db` returns instances of the proxies.
    """

    KIND: ClassVar[GoalKind | None] = None
    # A goal is in exactly one of these states.
    STATES: ClassVar[tuple[State, ...]] = (SCHEDULED, LIVE, ENDED, CANCELLED)
    # Whether `activate_goal` starts goals of this kind at their nbf.
    STARTS: ClassVar[bool] = False
    # A goal in this state ends at `ends_at`. None if goals of this kind don't end by themselves.
    RUNNING: ClassVar[State | None] = None
    proxies: ClassVar[dict[GoalKind, type["Goal"]]] = {}

    kind = models.CharField(_("kind"), max_length=40, choices=GoalKind.choices, db_column="_cls")
    active = models.BooleanField(_("active"), default=True, help_text=_("Not ended, not cancelled."))
    activated_at = models.DateTimeField(_("started at"), null=True, blank=True)
    cancelled_at = models.DateTimeField(_("cancelled at"), null=True, blank=True)
    nbf = models.DateTimeField(_("starts at"), null=True, blank=True)
    exp = models.DateTimeField(_("ended at"), null=True, blank=True)
    conditions = EmbeddedModelField(Conditions)
    levels = EmbeddedModelArrayField(Level)
    progress = models.BigIntegerField(_("progress"), default=0)
    breakdown = models.JSONField(default=dict)
    # The number of viewers in `breakdown`. Null until the first fold, and in goals stored by an earlier release.
    payers = models.IntegerField(null=True)
    context = EmbeddedModelField(Context)
    metadata = EmbeddedModelField(Metadata)
    created_at = models.DateTimeField(_("created at"))
    # Goals stored by an earlier release have none of the next four fields.
    version = models.IntegerField(_("version"), default=1)
    # The reason and the version of the last cancellation, and the version of the last change of nbf.
    cancel_reason = models.CharField(max_length=20, null=True)
    cancelled_version = models.IntegerField(null=True)
    moved_version = models.IntegerField(null=True)
    # Three fields of funding goals: when the goal lapses unless it gets a show, the decision about its payments, and
    # the version in which it lapsed. Funding goals closed by an earlier release have none of these fields.
    lapses_at = models.DateTimeField(_("lapses at"), null=True, blank=True)
    settlement = EmbeddedModelField(Settlement, null=True, blank=True)
    lapsed_version = models.IntegerField(null=True)
    # Whether a payer was ever excluded. Null (not known) in goals stored by an earlier release.
    has_excluded = models.BooleanField(null=True, default=False)

    objects = GoalManager()

    class Meta:
        db_table = "goals"
        ordering = ("-pk",)
        verbose_name = _("goal")
        verbose_name_plural = _("goals")
        permissions = (
            ("decide_settlement", _("Can decide settlements")),
            ("cancel_goal", _("Can cancel shows, end them, and close funding goals")),
            ("send_again", _("Can send events again")),
        )

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if kind := cls.__dict__.get("KIND"):
            Goal.proxies[kind] = cls

    def __str__(self) -> str:
        return self.title

    @classmethod
    def from_db(cls, db: str | None, field_names: Collection[str], values: Collection[Any]) -> Self:
        """Return an instance of the proxy that the document's `_cls` names."""
        goal = super().from_db(db, field_names, values)
        if proxy := cls.proxies.get(goal.__dict__.get("kind", "")):
            goal.__class__ = proxy  # type: ignore[assignment]
        if goal.__dict__.get("version", 1) is None:
            goal.version = 1
        return goal

    @property
    def title(self) -> str:
        """The goal's name for people: the title of its first level, or its id if it has no level."""
        return str(self.levels[0].title) if self.levels else str(self.pk)

    @property
    def wire_type(self) -> str:
        """The `type` that clients send and receive."""
        return GoalKind(self.kind).wire_type

    @property
    def starts_at(self) -> datetime:
        """When the goal starts: its nbf. Raises ValueError for a goal that has none."""
        if self.nbf is None:
            raise ValueError(f"{self.kind} {self.pk} has no nbf")
        return self.nbf

    @property
    def window(self) -> tuple[datetime, datetime]:
        """The time in which the goal's payers have access. Raises ValueError for a kind that gives no access."""
        raise ValueError(f"{self.kind} {self.pk} gives no access")

    @property
    def access_exp(self) -> datetime | None:
        """When viewers' access ends; None for a kind that gives no access."""
        return None

    @property
    def begun_at(self) -> datetime | None:
        """When the goal's time began to count; None if the goal has not started, or is of a kind that doesn't start."""
        return self.context.started or self.nbf if STARTED.holds(self) else None

    @property
    def ends_at(self) -> datetime | None:
        """When the goal ends by itself; None if it does not end by itself."""
        return self.exp

    @property
    def runs(self) -> bool:
        """Whether the goal is in its kind's RUNNING state."""
        return self.RUNNING is not None and self.RUNNING.holds(self)

    @classmethod
    def overdue_end(cls, running: Condition, *, before: datetime) -> Condition:
        """Return the MongoDB condition that finds those `running` goals whose `ends_at` is earlier than `before`."""
        return {**running, "exp": {"$lt": before}}

    def close_books(self) -> None:
        """Complete the stored goal before its end is announced. By default, do nothing.

        Runs in the transaction that ends the goal.
        """

    def changes_at_end(self, ended_at: datetime) -> dict[str, Any]:
        """Return the fields that change when the goal ends, besides `active` and `exp`, with their new values."""
        del ended_at
        return {}

    def status(self, now: datetime) -> GoalStatus:
        """Return which of its STATES the goal is in."""
        return next(GoalStatus(state.name) for state in self.STATES if state.holds(self, now=now))

    def levels_data(self) -> list[dict[str, Any]]:
        """Return the levels in the form of the API."""
        return [{"title": level.title, "target": level.target} for level in self.levels]

    def context_data(self) -> dict[str, Any]:
        """Return the context in the form of the API: without nulls, with dates as Unix seconds."""
        data = {field.attname: getattr(self.context, field.attname) for field in Context._meta.fields}
        return {
            key: int(value.timestamp()) if isinstance(value, datetime) else value
            for key, value in data.items()
            if value is not None
        }


def starting_kinds() -> list[GoalKind]:
    """Return the kinds whose goals `activate_goal` starts at their nbf."""
    return [kind for kind, proxy in Goal.proxies.items() if proxy.STARTS]


def ending_kinds() -> list[GoalKind]:
    """Return the kinds whose goals `deactivate_goal` ends."""
    return [kind for kind, proxy in Goal.proxies.items() if proxy.RUNNING is not None]


class TimelineKind(models.TextChoices):
    """What a row of the timeline is about."""

    SIGNAL = "signal", _("signal")
    RECEIVER = "receiver", _("receiver")
    TASK = "task", _("task")
    DELIVERY = "delivery", _("delivery")
    RECORDING = "recording", _("recording")


class Row(models.Model):
    """A row of a goal's timeline.

    `seq` orders the rows of a goal. It counts microseconds since 1970, and within a process each row has a higher `seq`
    than the row before. `request_id` is the id of the request that wrote the row, directly or through a task. The API
    does not return `request_id` (docs/adr/0025).
    """

    goal_id = models.CharField(max_length=24)
    seq = models.BigIntegerField()
    kind = models.CharField(max_length=10, choices=TimelineKind.choices)
    name = models.CharField(max_length=100)
    outcome = models.CharField(max_length=40)
    detail = models.CharField(max_length=500)
    request_id = models.CharField(max_length=LONGEST, null=True)

    class Meta:
        abstract = True
        ordering = ("goal_id", "seq")

    def __str__(self) -> str:
        return f"{self.goal_id} {self.kind} {self.name}: {self.outcome}"


class TimelineEntry(Row):
    """A stored entry: a row, or an announcement with the rows of its receivers.

    `answers` maps the name of each receiver to its outcome, in the order of the calls. `answered_seq` is the `seq` of
    the first receiver's row. The `seq` of each further row is one higher.
    """

    answers = models.JSONField(null=True)
    answered_seq = models.BigIntegerField(null=True)

    class Meta(Row.Meta):
        db_table = "goal_timeline"
        indexes = (models.Index(fields=["goal_id", "seq"], name="goal_seq"),)


class TimelineRow(Row):
    """A row as read from a MongoDB view. The rows of an announcement share the `_id` of their entry."""

    class Meta(Row.Meta):
        db_table = "timeline_rows"
        managed = False

    @property
    def at_ms(self) -> int:
        """The time of the row in Unix milliseconds."""
        return self.seq // 1000
