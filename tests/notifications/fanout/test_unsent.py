"""Before a redelivery, staff see exactly how many events it will send."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from pymongo import monitoring

from goals.models import Goal
from mongodb.collections import collection
from mongodb.transactions import run_in_transaction
from notifications.fanout.redelivery import redeliver_unsent
from notifications.fanout.unsent import Unsent, count_unsent
from notifications.models import CHUNKS, NotificationChunk, NotificationEvent
from showgoals.excluding import exclude_payer
from showgoals.folds import fold_into_breakdown
from showgoals.models import Contribution
from tests.factories.documents import connection, everything_stored
from tests.factories.people import MEI, UserFactory
from tests.factories.profiler import WHOLE_INDEX, profiled
from tests.notifications.conftest import Audience
from tests.notifications.steps import plan_show, send_all

pytestmark = pytest.mark.django_db
PLANNED_IN = {CHUNKS, NotificationEvent._meta.db_table}


def pay_late(audience: Audience) -> None:
    """Let another viewer pay, and fold the payment, but do not plan the viewer's events."""
    late = Contribution(funding_goal_id=audience.funding_goal_id, viewer_id=str(UserFactory().pk), amount=5, key="late")
    late.created_at = timezone.now()
    late.save(force_insert=True)
    run_in_transaction(lambda: fold_into_breakdown(audience.funding_goal_id))
    collection("django_q_ormq").delete_many({})


def sent_again(show: Goal) -> int:
    return run_in_transaction(lambda: redeliver_unsent(show, now=timezone.now()))


def test_all_states_are_counted_as_they_are_sent(in_chunks: Audience) -> None:
    send_all()
    chunks = NotificationChunk.objects.filter(preset="sd").order_by("first")
    for chunk, states in zip(chunks, ("fu", "rm", "p"), strict=True):
        collection(CHUNKS).update_one({"_id": chunk.pk}, {"$set": {"states": states, "sent_at": None}})
    pay_late(in_chunks)
    before = everything_stored()
    with profiled() as profile:
        unsent = count_unsent(in_chunks.show)

    assert unsent == Unsent(payers=6, sent=5, planned=4, unknown=2, failed=1)
    assert (unsent.events, unsent.left_out) == (7, 0)
    assert everything_stored() == before
    assert not {"COLLSCAN", "SORT", WHOLE_INDEX} & {stage for query in profile.queries for stage in query.stages}
    assert sent_again(in_chunks.show) == unsent.events


def test_payers_who_were_left_out_are_not_counted_as_unsent(in_chunks: Audience) -> None:
    excluded, deactivated = in_chunks.viewers[:2]
    run_in_transaction(lambda: exclude_payer(in_chunks.show, excluded, reason="Abuse.", by=MEI, now=timezone.now()))
    User.objects.filter(pk=deactivated).update(is_active=False)
    send_all()

    unsent = count_unsent(in_chunks.show)

    assert unsent == Unsent(payers=5, sent=6, planned=0, unknown=0, failed=0)
    assert (unsent.events, unsent.left_out) == (0, 4)
    assert sent_again(in_chunks.show) == 0


def test_events_of_a_former_access_do_not_count_as_sent(in_chunks: Audience) -> None:
    send_all()
    later = {"context.started": in_chunks.show.window[0] + timedelta(seconds=30), "version": 3}
    collection("goals").update_one({"_id": in_chunks.show.pk}, {"$set": later})
    show = Goal.objects.get(pk=in_chunks.show.pk)

    unsent = count_unsent(show)

    assert unsent == Unsent(payers=5, sent=0, planned=10, unknown=0, failed=0)
    assert sent_again(show) == unsent.events


def test_events_that_are_planned_between_the_reads_are_not_left_out(live: Callable[[int], Audience]) -> None:
    audience, reads = live(5), set[str]()

    class Planner(monitoring.CommandListener):
        """Plans the events as soon as one of the collections in PLANNED_IN has been read."""

        def started(self, event: Any) -> None: ...
        def failed(self, event: Any) -> None: ...
        def succeeded(self, event: Any) -> None:
            is_first = event.command_name == "find" and not reads
            if is_first and event.reply["cursor"]["ns"].rpartition(".")[2] in PLANNED_IN:
                reads.add("first")
                plan_show(audience)

    connection.close_pool()
    options = connection.settings_dict["OPTIONS"]
    connection.settings_dict["OPTIONS"] = {**options, "event_listeners": [Planner()]}
    try:
        unsent = count_unsent(audience.show)
    finally:
        connection.settings_dict["OPTIONS"] = options
        connection.close_pool()

    assert NotificationChunk.objects.count() == 2
    assert (unsent, unsent.left_out) == (Unsent(payers=5, sent=0, planned=10, unknown=0, failed=0), 0)
