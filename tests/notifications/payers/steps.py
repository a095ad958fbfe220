"""Steps that list the payers of a show, and set what became of their events."""

from django.contrib.auth.models import User
from django.utils import timezone

from goals.models import Goal
from mongodb.collections import collection
from notifications.models import NotificationChunk
from sessions_app.models import Session
from showgoals.contributions import fold_all
from showgoals.models import Contribution
from tests.factories.client import ApiClient
from tests.factories.goals import ShowFundingGoalFactory, ShowGoalFactory, whole_second
from tests.factories.paging import there_and_back
from tests.factories.people import UserFactory
from tests.notifications.conftest import Audience, started
from tests.notifications.steps import plan_show


def viewers(count: int) -> list[User]:
    return sorted(UserFactory.create_batch(count), key=lambda person: str(person.pk))


def overlapping(session: Session) -> Audience:
    """Return a show with twelve payers. Three of them were planned late, in a chunk that overlaps the other chunks."""
    payers = viewers(12)
    late = payers[1], payers[5], payers[10]
    funding_goal = ShowFundingGoalFactory(
        session=session, closed=True, paid_by=[payer for payer in payers if payer not in late]
    )
    audience = Audience(
        started(ShowGoalFactory(funding_goal=funding_goal, nbf=whole_second())), [str(payer.pk) for payer in payers]
    )
    plan_show(audience)
    paid = {"funding_goal_id": str(funding_goal.pk), "amount": 5, "key": "late", "created_at": timezone.now()}
    Contribution.objects.bulk_create(Contribution(viewer_id=str(payer.pk), **paid) for payer in late)
    fold_all(str(funding_goal.pk))
    plan_show(audience)
    return audience


def set_states(preset: str, audience: Audience, letters: str) -> None:
    """Set what became of the preset's event. Each letter is the state of one viewer."""
    states = dict(zip(audience.viewers, letters, strict=True))
    for chunk in NotificationChunk.objects.filter(preset=preset):
        theirs = "".join(states[chunk.ledger.viewer(place)] for place in range(len(chunk.ledger)))
        collection("notification_chunks").update_one({"_id": chunk.pk}, {"$set": {"states": theirs}})


def listed(goal: Goal, person: User, **query: str) -> list[str]:
    """Page forward to the end, then back to the beginning. Return the ids, which must be the same both ways."""
    ways = there_and_back(ApiClient(person), f"/goals/{goal.pk}/payers", **query)
    forth, back = ([row["viewer_id"] for page in pages for row in page] for pages in ways)
    assert forth == back
    return forth
