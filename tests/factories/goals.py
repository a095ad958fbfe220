"""Sessions, goals and payments, created by the real use cases with their links, messages and timelines."""

from datetime import datetime, timedelta
from typing import Any

import factory
from django.contrib.auth.models import User
from django.utils import timezone
from factory.django import DjangoModelFactory

from goals.models import Goal
from lab.bodies import HESITATION_SECONDS
from mongodb.transactions import run_in_transaction
from sessions_app.models import Session, SessionStatus
from showgoals.contributions import contribute
from showgoals.models import Contribution, ShowFundingGoal, ShowGoal
from showgoals.tasks import ShowRequest, create_show_funding_goal, create_show_goal
from tests.factories.people import UserFactory

HOUR = timedelta(hours=1)


class SessionFactory(DjangoModelFactory[Session]):
    """A live session, or with `ended=True` one that has ended."""

    class Meta:
        model = Session

    class Params:
        ended = factory.Trait(status=SessionStatus.ENDED, ended_at=factory.LazyFunction(timezone.now))

    user = factory.SubFactory(UserFactory)
    title = "Evening stream"
    created_at = factory.LazyFunction(timezone.now)


class ShowFundingGoalFactory(factory.Factory[Goal]):
    """A funding goal with its pair on the session. It closes in an hour; with `closed=True` it closed an hour ago.

    With `paid_by=[viewer, ...]`, each of the viewers has paid 5. The payments are not folded yet.
    """

    class Meta:
        model = ShowFundingGoal

    class Params:
        closed = factory.Trait(exp=factory.LazyFunction(lambda: whole_second() - HOUR))

    session = factory.SubFactory(SessionFactory)
    levels = factory.LazyFunction(lambda: [{"title": "Tickets", "target": 1000}])
    exp = factory.LazyFunction(lambda: whole_second() + HOUR)
    perform_duration = 60
    hesitation_countdown = HESITATION_SECONDS
    ticket_product_id = "livestream-show-ticket_200"
    ticket_product_type = "show"
    discount_percentage = 0

    @classmethod
    def _create(cls, _model_class: type[Goal], *_args: Any, **fields: Any) -> Goal:
        session, levels, exp = (fields.pop(name) for name in ("session", "levels", "exp"))
        return run_in_transaction(
            lambda: create_show_funding_goal(
                user_id=str(session.user_id),
                session_id=str(session.pk),
                levels=levels,
                exp=exp,
                context=fields,
                now=timezone.now(),
            )
        )

    @factory.post_generation
    def paid_by(self: Goal, _create: bool, viewers: list[User] | None, **_fields: Any) -> None:  # noqa: FBT001
        for viewer in viewers or ():
            ContributionFactory(funding_goal=self, viewer=viewer)


class ContributionFactory(factory.Factory[Contribution]):
    """A payment made while the funding goal was open. It is not folded yet."""

    class Meta:
        model = Contribution

    funding_goal = factory.SubFactory(ShowFundingGoalFactory)
    viewer = factory.SubFactory(UserFactory)
    amount = 5
    key = factory.Sequence("payment-{}".format)

    @classmethod
    def _create(cls, _model_class: type[Contribution], *_args: Any, **fields: Any) -> Contribution:
        goal = fields["funding_goal"]
        new = Contribution(
            funding_goal_id=str(goal.pk),
            viewer_id=str(fields["viewer"].pk),
            amount=fields["amount"],
            key=fields["key"],
            created_at=(goal.exp or timezone.now()) - timedelta(seconds=1),
        )
        run_in_transaction(lambda: contribute(new))
        return new


class ShowGoalFactory(factory.Factory[Goal]):
    """A show that starts in an hour. It is linked to its closed funding goal, and its start is queued."""

    class Meta:
        model = ShowGoal

    funding_goal = factory.SubFactory(ShowFundingGoalFactory, closed=True)
    title = "Proceed"
    target_seconds = 60
    nbf = factory.LazyFunction(lambda: whole_second() + HOUR)
    ticket_product_id = "livestream-show-ticket_200"
    ticket_product_type = "show"

    @classmethod
    def _create(cls, _model_class: type[Goal], *_args: Any, **fields: Any) -> Goal:
        funding_goal = fields.pop("funding_goal")
        request = ShowRequest(
            user_id=funding_goal.metadata.user_id,
            funding_goal_id=str(funding_goal.pk),
            session_id=funding_goal.conditions.session_id,
            **fields,
        )
        return run_in_transaction(lambda: create_show_goal(request, now=timezone.now()))


def whole_second() -> datetime:
    """Return the present time in whole seconds, as nbf and exp are stored."""
    return timezone.now().replace(microsecond=0)
