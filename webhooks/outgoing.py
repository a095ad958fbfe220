"""Makes calls to unknown servers. These may hang, respond slowly, send gigabytes, or lead into our own network.

Several calls run at a time in one thread. Each call has a time limit. Redirects are not followed. A response is cut off
after KEPT_BYTES and never decompressed. The IP address is checked when a socket is opened, so it does no harm if a name
has got another address since an earlier check. Certificates are verified.
"""

import socket
import time
from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pycurl

from config import clock
from config.curl import ended_handles, new_handle

CONCURRENCY = 160
# The most calls to one endpoint at a time. If there are many endpoints, each may have fewer (`share`), so that hanging
# endpoints leave room for the others.
CALLS_AT_ONCE = 8
KEPT_BYTES = 1000
MOST_HEADER_BYTES = 16_000
CONNECT_SECONDS = 5.0
WAIT_SECONDS = 0.05
QUICK_EXIT = 322  # CURLOPT_QUICK_EXIT: a call can end while a name server hangs
REFUSED, CUT_OFF = "address_refused", "WRITE_ERROR"
# Networks of translators between IPv4 and IPv6, which could reach private addresses.
_TRANSLATED = [
    ip_network("64:ff9b::/96"),
    ip_network("64:ff9b:1::/48"),
    ip_network("2002::/16"),
    ip_network("2001::/32"),
]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A call to the endpoint `of`. Only a call that `may_be_private` reaches addresses that are not public."""

    of: str
    url: str
    headers: Sequence[str]
    body: bytes
    may_be_private: bool = False


@dataclass(slots=True)
class Returned:
    """The result of a call: a status or an error, the first bytes of the response, and how long the call took."""

    began_at: datetime
    status: int | None
    error: str
    answer: bytes
    seconds: float

    @property
    def is_success(self) -> bool:
        """Tell whether the server has taken the call."""
        return self.status is not None and 200 <= self.status < 300  # noqa: PLR2004 - HTTP's own


@dataclass(slots=True)
class _Under:
    """A call under way. `key` is the caller's name for the call."""

    key: str
    call: Outgoing
    began_at: datetime
    began: float
    refused: bool = False
    header_bytes: int = 0
    body: bytearray = field(default_factory=bytearray)
    sockets: list[socket.socket] = field(default_factory=list)

    def open_socket(self, _purpose: int, address: tuple[int, int, int, tuple[str, int]]) -> socket.socket | int:
        """Open a socket to an address that libcurl has looked up. Refuse an address that the call must not reach."""
        family, kind, protocol, (host, *_port) = address
        if not self.call.may_be_private and not is_public(host):
            self.refused = True
            return int(pycurl.SOCKET_BAD)
        opened = socket.socket(family, kind, protocol)
        self.sockets.append(opened)  # libcurl uses a duplicate, and does not close this one
        return opened

    def take_header(self, line: bytes) -> int:
        """Count the bytes of the header. Cut the response off after MOST_HEADER_BYTES."""
        self.header_bytes += len(line)
        return len(line) if self.header_bytes <= MOST_HEADER_BYTES else 0

    def take_body(self, part: bytes) -> int:
        """Keep the first bytes, and cut the rest off."""
        self.body += part[: KEPT_BYTES - len(self.body)]
        return len(part) if len(self.body) < KEPT_BYTES else 0


def is_public(host: str) -> bool:
    """Tell whether the IP address is public, and can be the address of a server."""
    address: IPv4Address | IPv6Address = ip_address(host.partition("%")[0])
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped:
            return is_public(str(address.ipv4_mapped))
        if any(address in network for network in _TRANSLATED):
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def share(endpoints: int) -> int:
    """Return how many calls each endpoint may have under way if there are this many endpoints."""
    return max(1, min(CALLS_AT_ONCE, CONCURRENCY // max(endpoints, 1)))


def send(calls: Sequence[Outgoing], *, seconds: float, begin_within: float) -> dict[int, Returned]:
    """Make the calls, each within `seconds`. Return the results by the indexes of their calls.

    No call begins later than `begin_within` seconds from now. Calls that did not begin are not in the result.
    """
    waiting: defaultdict[str, deque[tuple[int, Outgoing]]] = defaultdict(deque)
    for index, call in enumerate(calls):
        waiting[call.of].append((index, call))
    most, begin_until = share(len(waiting)), time.monotonic() + begin_within
    returned: dict[int, Returned] = {}
    with exchange() as lines:
        while True:
            for of, theirs in waiting.items():
                while theirs and lines.busy(of) < most and time.monotonic() < begin_until:
                    index, call = theirs.popleft()
                    lines.begin(str(index), call, seconds=seconds)
            if not lines.is_busy():
                return returned
            returned |= {int(key): each for key, each in lines.collect().items()}


@contextmanager
def exchange() -> Iterator["Exchange"]:
    """Yield an exchange, and keep it with its open connections for the next caller. After an error, it is not kept."""
    lines = _spare.pop() if _spare else Exchange()
    yield lines
    _spare.append(lines)


class Exchange:
    """The calls that are under way in one thread, and their connections, which stay open."""

    def __init__(self) -> None:
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_MAXCONNECTS, CONCURRENCY)
        self._idle: list[pycurl.Curl] = []
        self._under_way: dict[pycurl.Curl, _Under] = {}
        self._busy: Counter[str] = Counter()

    def is_busy(self) -> bool:
        """Tell whether a call is under way."""
        return bool(self._under_way)

    def busy(self, of: str) -> int:
        """Return how many calls to the endpoint are under way."""
        return self._busy[of]

    def full(self) -> list[str]:
        """Return the endpoints that have their whole share of calls under way."""
        busy = {of: count for of, count in self._busy.items() if count}
        most = share(len(busy))
        return [of for of, count in busy.items() if count >= most]

    def keys(self) -> list[str]:
        """Return the keys of the calls that are under way."""
        return [under.key for under in self._under_way.values()]

    def begin(self, key: str, call: Outgoing, *, seconds: float) -> None:
        """Begin a call, which may take this many seconds. The call makes progress while `collect` runs."""
        curl = self._idle.pop() if self._idle else new_handle(connect_seconds=CONNECT_SECONDS)
        under = _Under(key, call, clock.now(), time.monotonic())
        curl.setopt(QUICK_EXIT, 1)
        curl.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTPS | (pycurl.PROTO_HTTP if call.may_be_private else 0))
        curl.setopt(pycurl.TIMEOUT_MS, int(seconds * 1000))
        curl.setopt(pycurl.OPENSOCKETFUNCTION, under.open_socket)
        curl.setopt(pycurl.HEADERFUNCTION, under.take_header)
        curl.setopt(pycurl.WRITEFUNCTION, under.take_body)
        curl.setopt(pycurl.URL, call.url)
        curl.setopt(pycurl.HTTPHEADER, list(call.headers))
        curl.setopt(pycurl.POSTFIELDS, call.body)
        self._busy[call.of] += 1
        self._under_way[curl] = under
        self._multi.add_handle(curl)
        self._multi.perform()

    def collect(self) -> dict[str, Returned]:
        """Let the calls make progress for a moment. Return the results of the calls that have ended, by their keys."""
        if any(self._multi.fdset()):
            self._multi.select(WAIT_SECONDS)
        else:
            time.sleep(0.005)
        self._multi.perform()
        return dict(self._end(curl, error) for curl, error in ended_handles(self._multi))

    def _end(self, curl: pycurl.Curl, error: str) -> tuple[str, Returned]:
        under = self._under_way.pop(curl)
        for opened in under.sockets:
            opened.close()
        self._busy[under.call.of] -= 1
        status = curl.getinfo(pycurl.RESPONSE_CODE) or None
        if error == CUT_OFF and status is not None:
            error = ""  # the status came before the part that was cut off
        if error and under.refused:
            error = REFUSED
        self._multi.remove_handle(curl)
        self._idle.append(curl)
        seconds = time.monotonic() - under.began
        return under.key, Returned(under.began_at, None if error else status, error, bytes(under.body), seconds)


_spare: list[Exchange] = []
