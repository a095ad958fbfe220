"""The states of goals, each of which is a test of a few stored fields.

Each test is written once, in this module. A predicate on goals, a MongoDB condition and a Q object are derived from it.
Other code only names the state.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from goals.kinds import GoalKind

if TYPE_CHECKING:
    from goals.models import Goal

Condition = dict[str, Any]


class GoalStatus(models.TextChoices):
    """The `status` that clients read. The first four are for shows, the last two for funding goals."""

    SCHEDULED = "scheduled", _("scheduled")
    LIVE = "live", _("live")
    ENDED = "ended", _("ended")
    CANCELLED = "cancelled", _("cancelled")
    OPEN = "open", _("open")
    CLOSED = "closed", _("closed")


class FieldTest(Enum):
    """What a state requires of one field. A missing field counts as null."""

    NULL = "null"
    NOT_NULL = "not null"
    TRUE = "true"
    FALSE = "false"
    PAST = "a moment before now"
    NOT_PAST = "null, or now or later"


@dataclass(frozen=True, slots=True)
class State:
    """A named test of fields. If it compares a field with the present moment, the methods need `now`."""

    name: str
    fields: Mapping[str, FieldTest]

    def holds(self, goal: "Goal", *, now: datetime | None = None) -> bool:
        """Tell whether the goal is in this state, whatever its kind."""
        return all(_HOLDS[test](getattr(goal, field), now) for field, test in self.fields.items())

    def condition(self, *kinds: GoalKind, now: datetime | None = None) -> Condition:
        """Return the MongoDB condition that finds the goals of these kinds in this state."""
        kind = kinds[0].value if len(kinds) == 1 else {"$in": [kind.value for kind in kinds]}
        return {"_cls": kind, **{field: _CONDITIONS[test](now) for field, test in self.fields.items()}}

    def q(self, *kinds: GoalKind, now: datetime | None = None) -> Q:
        """Return the Q object that finds the same goals as `condition`."""
        found = Q(kind__in=kinds) if len(kinds) > 1 else Q(kind=kinds[0])
        for field, test in self.fields.items():
            found &= _QS[test](field, now)
        return found


# States of goals that start.
SCHEDULED = State("scheduled", {"activated_at": FieldTest.NULL, "cancelled_at": FieldTest.NULL, "exp": FieldTest.NULL})
LIVE = State("live", {"activated_at": FieldTest.NOT_NULL, "cancelled_at": FieldTest.NULL, "exp": FieldTest.NULL})
ENDED = State("ended", {"cancelled_at": FieldTest.NULL, "exp": FieldTest.NOT_NULL})
# Live, or ended after being live.
STARTED = State("started", {"activated_at": FieldTest.NOT_NULL})
CANCELLED = State("cancelled", {"cancelled_at": FieldTest.NOT_NULL})
NOT_CANCELLED = State("not cancelled", {"cancelled_at": FieldTest.NULL})
# Cancelled before the start. A new nbf brings such a goal back.
REVIVABLE = State("revivable", {"activated_at": FieldTest.NULL, "cancelled_at": FieldTest.NOT_NULL})
# Scheduled or live. The index `unended` holds the shows in this state, by nbf (docs/adr/0031-starts-touch-no-index.md).
UNENDED = State("unended", {"cancelled_at": FieldTest.NULL, "exp": FieldTest.NULL})
# Scheduled, or cancelled before the start. Such a goal can be moved, which brings a cancelled one back.
CHANGEABLE = State("changeable", {"activated_at": FieldTest.NULL, "exp": FieldTest.NULL})

# A scheduled goal is not held (`goals/holding.py`). Held goals neither start nor count as missed.
NOT_HELD: Condition = {"$expr": {"$ne": ["$held_nbf", "$nbf"]}}

# States of goals that collect payments until their `exp`.
OPEN = State("open", {"exp": FieldTest.NOT_PAST})
CLOSED = State("closed", {"exp": FieldTest.PAST})
# The end of the goal has not been announced yet, although its `exp` may have passed.
ACTIVE = State("active", {"active": FieldTest.TRUE})
INACTIVE = State("inactive", {"active": FieldTest.FALSE})


def _given(now: datetime | None) -> datetime:
    """Return the moment in whole milliseconds, because MongoDB stores no smaller units. Raise ValueError for None."""
    if now is None:
        raise ValueError("This state depends on the time, so pass `now`.")
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


_HOLDS: dict[FieldTest, Callable[[Any, datetime | None], bool]] = {
    FieldTest.NULL: lambda value, _now: value is None,
    FieldTest.NOT_NULL: lambda value, _now: value is not None,
    FieldTest.TRUE: lambda value, _now: value is True,
    FieldTest.FALSE: lambda value, _now: value is False,
    FieldTest.PAST: lambda value, now: value is not None and value < _given(now),
    FieldTest.NOT_PAST: lambda value, now: value is None or value >= _given(now),
}
_CONDITIONS: dict[FieldTest, Callable[[datetime | None], Any]] = {
    FieldTest.NULL: lambda _now: None,
    FieldTest.NOT_NULL: lambda _now: {"$ne": None},
    FieldTest.TRUE: lambda _now: True,
    FieldTest.FALSE: lambda _now: False,
    FieldTest.PAST: lambda now: {"$lt": _given(now)},
    FieldTest.NOT_PAST: lambda now: {"$not": {"$lt": _given(now)}},
}
_QS: dict[FieldTest, Callable[[str, datetime | None], Q]] = {
    FieldTest.NULL: lambda field, _now: Q((f"{field}__isnull", True)),
    FieldTest.NOT_NULL: lambda field, _now: Q((f"{field}__isnull", False)),
    FieldTest.TRUE: lambda field, _now: Q((field, True)),
    FieldTest.FALSE: lambda field, _now: Q((field, False)),
    FieldTest.PAST: lambda field, now: Q((f"{field}__lt", _given(now))),
    FieldTest.NOT_PAST: lambda field, now: Q((f"{field}__isnull", True)) | Q((f"{field}__gte", _given(now))),
}
