"""What can be wrong with a goal. Each code is part of the API."""

from django.utils.translation import gettext_lazy as _

from config.errors import ProductError


class GoalNotFound(ProductError):
    code = "goal_not_found"
    status = 404
    detail = _("There is no such goal.")


class AlreadyStarted(ProductError):
    code = "already_started"
    status = 409
    detail = _("The show has already started.")


class NotStarted(ProductError):
    code = "not_started"
    status = 409
    detail = _("The show has not started.")


class AlreadyEnded(ProductError):
    code = "already_ended"
    status = 409
    detail = _("The show has ended.")


class NotChangeable(ProductError):
    code = "not_changeable"
    status = 409
    detail = _("Only shows can be changed.")


class NotCancellable(ProductError):
    code = "not_cancellable"
    status = 409
    detail = _("Only shows can be cancelled.")
