"""Errors of sessions. Each code is part of the API."""

from django.utils.translation import gettext_lazy as _

from config.errors import ProductError


class SessionNotFound(ProductError):
    """The session does not exist, or is not the caller's."""

    code = "session_not_found"
    status = 404
    detail = _("There is no such session.")


class SessionEnded(ProductError):
    """The session is not live."""

    code = "session_ended"
    status = 409
    detail = _("The session has ended.")


class TooManyLiveSessions(ProductError):
    """The streamer has as many live sessions as a streamer may have."""

    code = "too_many_live_sessions"
    status = 409
    detail = _("You have too many live sessions. Please end one of them first.")


class SessionPairMissing(ProductError):
    """The session has no entry for the funding goal."""

    code = "session_pair_missing"
    status = 409
    detail = _("The session doesn't know this funding goal.")


class ShowOverlaps(ProductError):
    """The session has another show at that time."""

    code = "show_overlaps"
    status = 409
    detail = _("The session has another show at that time.")
