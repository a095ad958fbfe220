"""Errors of goals. Each code is part of the API."""

from django.utils.translation import gettext_lazy as _

from config.errors import ProductError


class GoalNotFound(ProductError):
    """The goal does not exist, or the caller may not see it."""

    code = "goal_not_found"
    status = 404
    detail = _("There is no such goal.")


class AlreadyStarted(ProductError):
    """The show has started."""

    code = "already_started"
    status = 409
    detail = _("The show has already started.")


class NotStarted(ProductError):
    """The show has not started."""

    code = "not_started"
    status = 409
    detail = _("The show has not started.")


class AlreadyEnded(ProductError):
    """The show has ended, or the funding goal has closed."""

    code = "already_ended"
    status = 409
    detail = _("The show has ended.")


class NotChangeable(ProductError):
    """The goal is of a kind that can't be changed in this way."""

    code = "not_changeable"
    status = 409
    detail = _("Only shows can be changed.")


class NotCancellable(ProductError):
    """The goal is not a show, and only shows can be cancelled."""

    code = "not_cancellable"
    status = 409
    detail = _("Only shows can be cancelled.")


class TooManyChanges(ProductError):
    """The goal was changed a thousand times. It can still be started, cancelled, closed or ended."""

    code = "too_many_changes"
    status = 409
    detail = _("This goal was changed too often.")
