"""libcurl's handles: their options, the options of each request, and the names of errors."""

import ssl
from functools import partial
from typing import Any

import pycurl

from config.vendor_calls import PendingCall, VendorRequest

MOST_KEPT_BYTES = 1024 * 1024  # the rest of a longer response is dropped

# A code may have several names. libcurl now uses the shortest name that is not in _OLD_NAMES. E_MULTI_* are codes of
# another interface.
_OLD_NAMES = {"E_FTP_ACCESS_DENIED", "E_HTTP_NOT_FOUND", "E_SSL_CACERT", "E_SSL_PEER_CERTIFICATE"}
_OLD_NAMES |= {"E_TFTP_DISKFULL", "E_TFTP_EXISTS"}
_NAMES = {name for name in dir(pycurl) if name.startswith("E_") and not name.startswith("E_MULTI_")}
_ERRORS = {
    getattr(pycurl, name): name.removeprefix("E_")
    for name in sorted(_NAMES.difference(_OLD_NAMES), key=lambda name: (-len(name), name))
}


def new_handle(*, connect_seconds: float) -> pycurl.Curl:
    """Return a handle that trusts the system's certificate authorities and ignores proxy environment variables."""
    curl = pycurl.Curl()
    curl.setopt(pycurl.NOSIGNAL, 1)  # libcurl's signals are not thread-safe
    curl.setopt(pycurl.PROXY, "")
    # With HTTP/2 all calls would share one connection, which has not been tested with any vendor.
    curl.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)
    curl.setopt(pycurl.CONNECTTIMEOUT_MS, int(connect_seconds * 1000))
    trusted = ssl.get_default_verify_paths()
    for option, path in ((pycurl.CAINFO, trusted.cafile), (pycurl.CAPATH, trusted.capath)):
        if path:
            curl.setopt(option, path)
    return curl


def prepare(curl: pycurl.Curl, request: VendorRequest, pending: PendingCall[Any], *, seconds: float) -> None:
    """Set up the handle for one try of the call. The try may take at most `seconds`."""
    pending.answer = None
    pending.head.clear()
    pending.body.clear()
    curl.setopt(pycurl.TIMEOUT_MS, int(seconds * 1000))
    curl.setopt(pycurl.HEADERFUNCTION, pending.head.append)
    curl.setopt(pycurl.WRITEFUNCTION, partial(_keep, pending.body))
    curl.setopt(pycurl.URL, request.url)
    curl.setopt(pycurl.HTTPHEADER, [f"{name}: {value}" for name, value in request.headers.items()])
    if request.method == "GET":
        curl.setopt(pycurl.HTTPGET, 1)
    else:
        curl.setopt(pycurl.POSTFIELDS, request.body)


def ended_handles(multi: pycurl.CurlMulti) -> list[tuple[pycurl.Curl, str]]:
    """Return the handles whose transfers have ended, each with the name of its error, or "" if there was none.

    The text of the error is left out, because it may quote the URL.
    """
    ended: list[tuple[pycurl.Curl, str]] = []
    left = 1
    while left:
        left, answered, failed = multi.info_read()
        ended += [(curl, "") for curl in answered]
        ended += [(curl, _ERRORS.get(code, "unknown")) for curl, code, _text in failed]
    return ended


def _keep(body: bytearray, part: bytes) -> None:
    """Keep the part, unless the body is already too long. libcurl reads the rest, so the connection stays open."""
    if len(body) < MOST_KEPT_BYTES:
        body += part
