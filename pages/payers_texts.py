"""The texts of the payer's page."""

from django.utils.translation import gettext_lazy as _

_REASONS = {
    "nothing_on_sale": _("There is no show at the moment."),
    "funding_open": _("The streamer is collecting for this show."),
    "no_show_yet": _("The funding has closed. The streamer has not set a time for the show yet."),
    "scheduled": _("The show starts at {when}."),
    "moved": _("The show was moved. It now starts at {when}."),
    "revived": _("The show was cancelled, but takes place after all, at {when}."),
    "due": _("The show should have started. It will start in a moment."),
    "delayed": _("The show should have started. It is delayed."),
    "fetching": _("The show has started. You are being let in."),
    "let_in": _("You are in."),
    "not_paid": _("The show is running. You have not paid for it."),
    "not_let_in": _("The show is running, but the server does not let you in. We are trying again."),
    "token_unavailable": _("The show is running, but the server cannot let you in at the moment. We are trying again."),
    "cancelled": _("The show was cancelled. It may still be brought back."),
    "session_ended": _("The livestream has ended."),
    "missed": _("The show could not be started in time, and was cancelled. It may still be brought back."),
    "no_show": _("There was no show in time. Your payment is due back."),
    "show_cancelled": _("The show was cancelled for good. Your payment is due back."),
    "refund_due": _("Your payment is due back."),
    "ended": _("The show is over."),
    "ended_early": _("The show has ended before its time."),
}
_PAYMENT = {
    "sold": _("A show of {count} minutes, only for those who have paid."),
    "sold_one": _("A show of one minute, only for those who have paid."),
    "paid": _("You paid {amount}."),
    "paid_once": _("You paid {amount} on {when}."),
    "paid_often": _("You have paid {amount}, last on {when}."),
    "not_paid_yet": _("You have not paid for this show."),
    "outcome_pending": "",
    "outcome_in_question": _("It is not decided yet what becomes of your payment."),
    "outcome_earned": _("The streamer has earned your payment."),
    "outcome_refund_due": _("Your payment is due back."),
}
_PICTURE = {
    "picture_waits": _("The video starts with the show."),
    "picture_over": _("The video is over."),
    "picture_none": _("There is no video."),
    "picture_here": _("Your player shows the paid video here."),
    "watch_until": _("You can watch until {until}."),
    "end_moved": _("The end has moved to {until}."),
    "room": _("Room"),
    "you_are": _("You are there as"),
}
_HELP = {
    "help": _("Not let in?"),
    "help_code": _("Give this code to support:"),
    "copy": _("Copy"),
    "copied": _("Copied."),
    "help_reading": _("Asking the server why ..."),
    "help_unknown": _("The server cannot say why at the moment."),
}
_WAY_IN = _("The show is running, and you have paid. If you are not in within a minute, give the code to support.")
# The keys are codes of `GET /goals/{id}/viewers/{viewer_id}`. The API's own explanations are written for support staff.
_WHY = {
    "why_not_paid": _("You have not paid for this show."),
    "why_excluded": _("You were excluded from the show."),
    "why_account_inactive": _("Your account is not active."),
    "why_lapsed": _("There was no show in time."),
    "why_settled": _("There is no show, and it was decided what becomes of the payments."),
    "why_funding_open": _("The streamer is still collecting, so there is no show yet."),
    "why_no_show_yet": _("The streamer has not set a time for the show yet."),
    "why_cancelled": _("The show was cancelled. It may still be brought back."),
    "why_scheduled": _("The show has not started yet."),
    "why_credentials_fetched": _("The show is running, and you were let in. If you see no video, reload this page."),
    "why_received": _WAY_IN,
    "why_sent": _WAY_IN,
    "why_unknown": _WAY_IN,
    "why_failed": _WAY_IN,
    "why_planned": _WAY_IN,
    "why_not_sent": _WAY_IN,
    "why_ended_early": _("The show was ended early."),
    "why_not_reached": _("The show is over, and you were not let in."),
    "why_no_evidence": _("The show is over."),
    "why_ended": _("The show is over."),
}
PAYERS_TEXTS = {
    "title": _("The show"),
    "welcome": _("Sign in to watch your show."),
    "not_found": _("You have not paid for a show here, or there is no such show."),
    **_REASONS,
    **_PAYMENT,
    **_PICTURE,
    **_HELP,
    **_WHY,
}
