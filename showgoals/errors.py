"""Errors of shows and their funding. Each code is part of the API."""

from django.utils.translation import gettext_lazy as _

from config.errors import ProductError


class UnknownGoalType(ProductError):
    """`type` is not `show` or `show-funding`."""

    code = "unknown_goal_type"
    status = 400
    detail = _("The type must be show or show-funding.")


class FundingGoalNotFound(ProductError):
    """The caller has no such funding goal in this session."""

    code = "funding_goal_not_found"
    status = 404
    detail = _("You have no such funding goal in this session.")


class TooManyOpenGoals(ProductError):
    """The session has too many open funding goals, or too many that wait for a show or whose show has not ended."""

    code = "too_many_open_goals"
    status = 409
    detail = _("This session has too many funding goals that are open or wait for a show.")


class FundingStillOpen(ProductError):
    """The funding goal has not closed yet."""

    code = "funding_still_open"
    status = 409
    detail = _("The funding goal is still open.")


class FundingClosed(ProductError):
    """The funding goal accepts no more contributions."""

    code = "funding_closed"
    status = 409
    detail = _("The funding goal takes no more contributions.")


class OwnGoal(ProductError):
    """A streamer can't pay for a goal of their own."""

    code = "own_goal"
    status = 409
    detail = _("You can't pay for your own goal.")


class PayerExcluded(ProductError):
    """The viewer was excluded from the goal, so a payment would buy nothing, and no events are sent to the viewer."""

    code = "payer_excluded"
    status = 409
    detail = _("This viewer was excluded from the show.")


class PayerDeactivated(ProductError):
    """The viewer's account is deactivated, so no events are sent to the viewer."""

    code = "payer_deactivated"
    status = 409
    detail = _("The account of this payer is deactivated, so nothing can be sent.")


class ViewerNotFound(ProductError):
    """The viewer has not paid for the show."""

    code = "viewer_not_found"
    status = 404
    detail = _("This viewer has not paid for the show.")


class ShowGoalExists(ProductError):
    """The funding goal has a show already."""

    code = "show_goal_exists"
    status = 409
    detail = _("The funding goal has a show already.")


class FundingLapsed(ProductError):
    """The payments of the funding goal are settled, so it can no longer get a show."""

    code = "funding_lapsed"
    status = 409
    detail = _("The funding goal can have no show any more.")


class FundingUnsettled(ProductError):
    """Viewers have paid for a funding goal without a show. `cancel_shows: true` makes the funding goal lapse."""

    code = "funding_unsettled"
    status = 409
    detail = _("Viewers have paid for a show that has not taken place. Send cancel_shows: true to give it up.")


class ShowScheduled(ProductError):
    """The session has a show that has not started. `cancel_shows: true` cancels it."""

    code = "show_scheduled"
    status = 409
    detail = _("A show waits in this session. Send cancel_shows: true to cancel it.")


class KeyAlreadyPaid(ProductError):
    """The `Idempotency-Key` was used for an earlier payment."""

    code = "idempotency_key_reused"
    status = 422
    detail = _("This Idempotency-Key has paid for something before.")


class ShowCannotBeAnnounced(ProductError):
    """A show started without its session, funding goal or level, so its viewers can't be let in."""

    code = "show_cannot_be_announced"
    status = 500
    detail = _("The show, its funding goal or its session is missing or broken.")
