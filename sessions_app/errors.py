"""What can be wrong with a session. Each code is part of the API."""

from django.utils.translation import gettext_lazy as _

from config.errors import ProductError


class SessionNotFound(ProductError):
    code = "session_not_found"
    status = 404
    detail = _("There is no such session.")


class SessionEnded(ProductError):
    code = "session_ended"
    status = 409
    detail = _("The session has ended.")


class SessionPairMissing(ProductError):
    code = "session_pair_missing"
    status = 409
    detail = _("The session doesn't know this funding goal.")


class ShowOverlaps(ProductError):
    code = "show_overlaps"
    status = 409
    detail = _("The session has another show at that time.")
