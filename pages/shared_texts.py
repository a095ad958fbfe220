"""The texts of both pages, by the names that the scripts use. The scripts fill in placeholders such as `{when}`."""

from django.utils.translation import gettext_lazy as _

_CONNECTION = {
    "starting": _("Connecting."),
    "channels_open": _("Connected."),
    "no_pusher": _("Checking for updates."),
    "realtime_unconfigured": _("Checking for updates."),
    "realtime_away": _("The live connection is broken. Checking for updates instead."),
    "channel_refused": _("The server refuses the live connection. Checking for updates instead."),
    "unreachable": _("The server cannot be reached. Are you offline? We are trying again."),
    "api_unavailable": _("The server cannot answer at the moment. We are trying again."),
    "throttled": _("The server has asked us to slow down. We are trying again."),
    "api_refused": _("The server refuses what this page asks for."),
    "not_authenticated": _("Please sign in again."),
    "session_not_found": _("There is no such livestream."),
    "closed": _("This page is closed."),
}
_SIGN_IN = {
    "sign_in": _("Sign in"),
    "signing_in": _("Signing in ..."),
    "sign_out": _("Sign out"),
    "username": _("User name"),
    "password": _("Password"),
    "language": _("Language"),
    "needs_script": _("This page needs JavaScript."),
    "error_invalid_credentials": _("The user name or the password is wrong."),
    "error_throttled": _("Too many attempts. Please wait a little."),
    "error_unreachable": _("The server cannot be reached. Are you offline?"),
    "error_api_unavailable": _("The server cannot answer at the moment. Please try again."),
    "error_not_authenticated": _("Please sign in again."),
    "other_account": _("Use another account"),
}
_STATES = {
    "state_none": _("Nothing yet"),
    "state_funding": _("Funding"),
    "state_no_show_yet": _("No time yet"),
    "state_waiting": _("Waiting"),
    "state_entering": _("Entering"),
    "state_live": _("Live"),
    "state_outside": _("Not let in"),
    "state_cancelled": _("Cancelled"),
    "state_lapsed": _("No show"),
    "state_ended": _("Over"),
}
_TIME = {
    "until_start": _("until the start"),
    "time_left": _("left"),
    "days": _("{days} days {time}"),
    "one_day": _("1 day {time}"),
}
SHARED_TEXTS = {"brand": _("Show goals"), **_CONNECTION, **_SIGN_IN, **_STATES, **_TIME}
