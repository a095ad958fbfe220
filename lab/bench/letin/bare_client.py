"""Repeats the product's calls over the same number of connections, to measure the least time that calls can take."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import pycurl

from lab.bench.witness import Pipe, Witness
from lab.loopback.exchange import LoopbackRequest

MOST_SECONDS = 60.0
WAIT_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Spent:
    """The time that the client has used."""

    seconds: float
    cpu_seconds: float


def spent_by_bare_client(requests: Sequence[LoopbackRequest], *, connections: int) -> Spent:
    """Make the calls again in a separate process, and return the time that this has taken."""
    with Witness(_client, requests=requests, connections=connections) as client:
        spent: Spent = client.ask(more_seconds=MOST_SECONDS)
        return spent


def _client(pipe: Pipe, *, requests: Sequence[LoopbackRequest], connections: int) -> None:
    pipe.send("ready")
    pipe.recv()
    began, cpu_began = time.monotonic(), time.process_time()
    _make(requests, connections)
    pipe.send(Spent(time.monotonic() - began, time.process_time() - cpu_began))


def _make(requests: Sequence[LoopbackRequest], connections: int) -> None:
    """Keep all connections busy until every call has got its response."""
    multi = pycurl.CurlMulti()
    multi.setopt(pycurl.M_MAXCONNECTS, connections)
    idle = [pycurl.Curl() for _ in range(connections)]
    left, under_way = list(reversed(requests)), 0
    while left or under_way:
        while left and idle:
            multi.add_handle(_prepared(idle.pop(), left.pop()))
            under_way += 1
        multi.perform()
        _more, answered, failed = multi.info_read(connections)
        for curl in (*answered, *(curl for curl, _code, _text in failed)):
            multi.remove_handle(curl)
            idle.append(curl)
            under_way -= 1
        if under_way and not answered:
            multi.select(WAIT_SECONDS)


def _prepared(curl: pycurl.Curl, request: LoopbackRequest) -> pycurl.Curl:
    headers = {name: value for name, value in request.headers.items() if name != "content-length"}
    curl.setopt(pycurl.NOSIGNAL, 1)
    curl.setopt(pycurl.PROXY, "")
    curl.setopt(pycurl.WRITEFUNCTION, len)
    curl.setopt(pycurl.URL, f"http://{request.headers['host']}{request.target}")
    curl.setopt(pycurl.HTTPHEADER, [f"{name}: {value}" for name, value in headers.items()])
    curl.setopt(pycurl.POSTFIELDS, request.body)
    return curl
