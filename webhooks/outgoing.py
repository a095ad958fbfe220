"""Calls to servers that nobody here knows: they may hang, drip, answer gigabytes, or lead into our own network.

Several calls run at a time in one thread. Each has a time limit for all of it, redirects are not followed, an answer is
cut off after KEPT_BYTES and never unpacked. The address is checked when a socket is opened, so a name that has another
address by then is of no use. Certificates are verified.
"""

import socket
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pycurl

from config.curl import ended_handles, new_handle

CONCURRENCY = 64
# Of one endpoint.
CALLS_AT_ONCE = 8
KEPT_BYTES = 1000
MOST_HEADER_BYTES = 16_000
CONNECT_SECONDS = 5.0
WAIT_SECONDS = 0.05
QUICK_EXIT = 322  # CURLOPT_QUICK_EXIT: a name server that hangs does not hold up the end of a call
REFUSED, CUT_OFF, TIMED_OUT = "address_refused", "WRITE_ERROR", "OPERATION_TIMEDOUT"
# Translators between IPv4 and IPv6, which could reach private addresses.
_TRANSLATED = [
    ip_network("64:ff9b::/96"),
    ip_network("64:ff9b:1::/48"),
    ip_network("2002::/16"),
    ip_network("2001::/32"),
]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A call. `of` names the endpoint. Only a call that `may_be_private` reaches addresses that are not public."""

    of: str
    url: str
    headers: Sequence[str]
    body: bytes
    may_be_private: bool = False


@dataclass(slots=True)
class Returned:
    """What came of a call: a status, or an error; the first bytes of the answer, and how long it took."""

    status: int | None = None
    error: str = ""
    answer: bytes = b""
    seconds: float = 0.0

    @property
    def is_success(self) -> bool:
        """Tell whether the server has taken the call."""
        return self.status is not None and 200 <= self.status < 300  # noqa: PLR2004 - HTTP's own

    @property
    def has_timed_out(self) -> bool:
        """Tell whether the server took too long."""
        return self.error == TIMED_OUT


@dataclass(slots=True)
class _Under:
    """A call under way."""

    index: int
    call: Outgoing
    began_at: float
    refused: bool = False
    header_bytes: int = 0
    body: bytearray = field(default_factory=bytearray)
    sockets: list[socket.socket] = field(default_factory=list)

    def open_socket(self, _purpose: int, address: tuple[int, int, int, tuple[str, int]]) -> socket.socket | int:
        """Open a socket to an address that libcurl has looked up, unless it is not public."""
        family, kind, protocol, (host, *_port) = address
        if not self.call.may_be_private and not is_public(host):
            self.refused = True
            return int(pycurl.SOCKET_BAD)
        opened = socket.socket(family, kind, protocol)
        self.sockets.append(opened)  # libcurl uses a duplicate
        return opened

    def take_header(self, line: bytes) -> int:
        """Count the line. Cut the answer off after too many bytes."""
        self.header_bytes += len(line)
        return len(line) if self.header_bytes <= MOST_HEADER_BYTES else 0

    def take_body(self, part: bytes) -> int:
        """Keep the first bytes, and cut the rest off."""
        self.body += part[: KEPT_BYTES - len(self.body)]
        return len(part) if len(self.body) < KEPT_BYTES else 0


def is_public(host: str) -> bool:
    """Tell whether the address can be that of a server in the public internet."""
    address: IPv4Address | IPv6Address = ip_address(host.partition("%")[0])
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped:
            return is_public(str(address.ipv4_mapped))
        if any(address in network for network in _TRANSLATED):
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def send(calls: Sequence[Outgoing], *, seconds: float, begin_within: float) -> dict[int, Returned]:
    """Make the calls, each within so many seconds. Return what came of each, by its place.

    No call begins later than `begin_within` seconds from now; those that did not begin are missing.
    """
    exchange = _spare.pop() if _spare else _Exchange()
    returned = exchange.run(calls, seconds, time.monotonic() + begin_within)
    _spare.append(exchange)  # not after an exception, so that broken connections are forgotten
    return returned


class _Exchange:
    """The connections of one thread, which stay open. One `run` at a time."""

    def __init__(self) -> None:
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_MAXCONNECTS, CONCURRENCY)
        self._idle: list[pycurl.Curl] = []
        self._under_way: dict[pycurl.Curl, _Under] = {}
        self._busy: Counter[str] = Counter()

    def run(self, calls: Sequence[Outgoing], seconds: float, begin_until: float) -> dict[int, Returned]:
        """Make the calls. Those that can't begin in time are missing in what is returned."""
        self._waiting = deque(enumerate(calls))
        self._seconds, self._begin_until = seconds, begin_until
        self._returned: dict[int, Returned] = {}
        self._begin()
        while self._under_way:
            if any(self._multi.fdset()):
                self._multi.select(WAIT_SECONDS)
            else:
                time.sleep(0.005)
            self._multi.perform()
            for curl, error in ended_handles(self._multi):
                self._end(curl, error)
            self._begin()
        return self._returned

    def _begin(self) -> None:
        """Begin as many calls as may run at a time. The others wait for their turn."""
        for _ in range(len(self._waiting)):
            if len(self._under_way) >= CONCURRENCY or time.monotonic() >= self._begin_until:
                return
            index, call = self._waiting.popleft()
            if self._busy[call.of] >= CALLS_AT_ONCE:
                self._waiting.append((index, call))
            else:
                self._start(_Under(index, call, time.monotonic()))

    def _start(self, under: _Under) -> None:
        curl = self._idle.pop() if self._idle else new_handle(connect_seconds=CONNECT_SECONDS)
        curl.setopt(QUICK_EXIT, 1)
        curl.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTPS | (pycurl.PROTO_HTTP if under.call.may_be_private else 0))
        curl.setopt(pycurl.TIMEOUT_MS, int(self._seconds * 1000))
        curl.setopt(pycurl.OPENSOCKETFUNCTION, under.open_socket)
        curl.setopt(pycurl.HEADERFUNCTION, under.take_header)
        curl.setopt(pycurl.WRITEFUNCTION, under.take_body)
        curl.setopt(pycurl.URL, under.call.url)
        curl.setopt(pycurl.HTTPHEADER, list(under.call.headers))
        curl.setopt(pycurl.POSTFIELDS, under.call.body)
        self._busy[under.call.of] += 1
        self._under_way[curl] = under
        self._multi.add_handle(curl)
        self._multi.perform()

    def _end(self, curl: pycurl.Curl, error: str) -> None:
        under = self._under_way.pop(curl)
        for opened in under.sockets:
            opened.close()
        self._busy[under.call.of] -= 1
        status = curl.getinfo(pycurl.RESPONSE_CODE) or None
        if error == CUT_OFF and status is not None:
            error = ""  # the status came before what we have cut off
        if error and under.refused:
            error = REFUSED
        self._returned[under.index] = Returned(
            None if error else status, error, bytes(under.body), time.monotonic() - under.began_at
        )
        self._multi.remove_handle(curl)
        self._idle.append(curl)


_spare: list[_Exchange] = []
