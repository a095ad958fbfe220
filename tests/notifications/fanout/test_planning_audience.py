"""Planning copes with late payers, malformed ids, and more viewers than a row of the aggregate can hold."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from bson import ObjectId
from django.contrib.auth.models import User
from django.utils import timezone

from mongodb.collections import collection
from notifications.models import NotificationChunk, NotificationEvent
from notifications.tasks import send_chunk
from showgoals.models import Contribution
from showgoals.tasks import fold_contributions
from tests.factories.documents import queued_messages, stored
from tests.notifications.conftest import Audience
from tests.notifications.steps import chunks_with_messages, plan_show, planned_viewers

pytestmark = pytest.mark.django_db


def test_late_payer_is_planned_by_a_rerun(live: Callable[[int], Audience], viewer: User, outbox: list[Any]) -> None:
    """The payment arrived while the show was created, and was folded after the start."""
    audience = live(3)
    assert plan_show(audience) == "planned"
    Contribution.objects.create(
        funding_goal_id=audience.funding_goal_id,
        viewer_id=str(viewer.pk),
        amount=5,
        key="late",
        created_at=timezone.now(),
    )
    assert fold_contributions(audience.funding_goal_id) == 1

    assert (plan_show(audience), plan_show(audience)) == ("planned", "nothing_to_plan")
    everybody = sorted([*audience.viewers, str(viewer.pk)])
    assert (planned_viewers(), chunks_with_messages()) == (sorted(everybody * 2), True)
    assert {chunk.pk.rpartition(":")[2] for chunk in NotificationChunk.objects.all()} == {"0", "1"}
    for message in queued_messages("send_chunk"):
        send_chunk(*message.args)
    assert Counter(event.channel.rpartition(".")[2] for event in outbox) == Counter(everybody * 2)


def test_malformed_id_keeps_no_other_viewer_out(live: Callable[[int], Audience]) -> None:
    audience = live(2)
    strange = {"breakdown.nobody": {"amount": 1}, f"breakdown.{'F' * 24}": {"amount": 1}}
    collection("goals").update_one({"_id": ObjectId(audience.funding_goal_id)}, {"$set": strange})
    assert plan_show(audience) == "planned"

    assert planned_viewers() == sorted(audience.viewers * 2)
    (row,) = stored("goal_timeline", outcome="not_addressable")
    assert (row["kind"], row["detail"]) == ("delivery", "2 viewers")


@pytest.mark.slow
def test_audience_that_is_larger_than_a_row_is_streamed(live: Callable[[int], Audience]) -> None:
    """From 450,000 viewers on, the row of the aggregate would exceed the maximum size of a document."""
    audience = live(0)
    viewers = [f"{number:024x}" for number in range(470_000)]
    goals = collection("goals")
    goals.update_one({"_id": ObjectId(audience.funding_goal_id)}, {"$set": {"breakdown": dict.fromkeys(viewers, 1)}})

    assert plan_show(audience) == "planned"
    assert [(event.preset, event.chunks, event.viewers) for event in NotificationEvent.objects.order_by("preset")] == [
        ("preview", 470, 470_000),
        ("sd", 470, 470_000),
    ]
    last = NotificationChunk.objects.get(last=viewers[-1], preset="sd")
    assert (last.first, len(last.ledger)) == (viewers[-1000], 1000)
