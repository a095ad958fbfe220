"""Explanations of failed calls for staff."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from webhooks.outgoing import REFUSED

# The keys are libcurl's names (https://curl.se/libcurl/c/libcurl-errors.html), and REFUSED, which is our own.
ERRORS: dict[str, Promise] = {
    REFUSED: _("its name leads to an address that is not public"),
    "COULDNT_RESOLVE_HOST": _("its name is unknown"),
    "COULDNT_CONNECT": _("nobody answers at the address"),
    "OPERATION_TIMEDOUT": _("no answer in time"),
    "GOT_NOTHING": _("the connection was closed without an answer"),
    "RECV_ERROR": _("the connection was lost"),
    "SEND_ERROR": _("the connection was lost"),
    "PARTIAL_FILE": _("the answer was incomplete"),
    "SSL_CONNECT_ERROR": _("no secure connection"),
    "PEER_FAILED_VERIFICATION": _("its certificate is not valid"),
    "FTP_WEIRD_SERVER_REPLY": _("the answer is not HTTP"),
}


def error_in_words(error: str) -> str:
    """Return the explanation of an error, or the error itself if it has no explanation."""
    return str(ERRORS.get(error, error))
