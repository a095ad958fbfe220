"""The two vendors' stand-ins, each in a process of its own, so that one can be stopped alone."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from lab.bench.letin.loads import Hang, Load, Vendor
from lab.bench.observers import AUTHORIZED, run_vendors
from lab.bench.witness import Witness
from lab.loopback.server import Exchange, LoopbackServer
from lab.stand_ins import StandIns

LATENCY_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Seen:
    """What a stand-in has seen since the last `forget`. `refused` and `over_limit` count calls.

    `connections` is the number of connections that are open now.
    """

    exchanges: list[Exchange]
    connections: int
    refused: int
    over_limit: int


@dataclass(frozen=True)
class Vendors:
    """The processes of the stand-ins, and the environment in which the product's processes use them as vendors."""

    environment: dict[str, str]
    _witnesses: dict[Vendor, Witness]

    def limit_byteplus(self, calls_per_second: int) -> None:
        """Let the stand-in for BytePlus refuse calls above this limit. 0 means no limit."""
        self._ask(Vendor.BYTEPLUS, _limit, calls_per_second)

    def forget(self) -> None:
        """Forget the earlier exchanges, and keep all later ones."""
        for vendor in Vendor:
            self._ask(vendor, _forget)

    def progress(self) -> tuple[int, int]:
        """Return how many `stream.authorized` events and how many StartRecord calls were accepted in all."""
        return self._ask(Vendor.PUSHER, _authorized), self._ask(Vendor.BYTEPLUS, _started)

    def answered(self) -> int:
        """Return how many requests got a response since `forget`."""
        return sum(self._ask(vendor, _answered) for vendor in Vendor)

    def seen(self, vendor: Vendor) -> Seen:
        """Return what the stand-in for the vendor has seen since the last `forget`."""
        seen: Seen = self._ask(vendor, _seen)
        return seen

    def cpu_seconds(self) -> float:
        """Return the CPU time of both processes, in seconds."""
        return float(sum(self._ask(vendor, _cpu_seconds) for vendor in Vendor))

    def hang(self, hang: Hang) -> float:
        """Let a vendor hang, and wait until it responds again. Return that moment, in Unix seconds."""
        witness = self._witnesses[hang.vendor]
        if hang.stopped:
            os.kill(witness.pid, signal.SIGSTOP)
        else:
            self._ask(hang.vendor, _hang, hang.seconds)
        try:
            time.sleep(hang.seconds)
        finally:
            if hang.stopped:
                os.kill(witness.pid, signal.SIGCONT)
        return time.time()

    def _ask(self, vendor: Vendor, question: Callable[..., Any], *arguments: object) -> Any:
        return self._witnesses[vendor].ask(partial(_of_server, vendor.value, question, arguments))


@contextmanager
def both_vendors(directory: Path, load: Load) -> Iterator[Vendors]:
    """Run the stand-ins inside the block, with the load's limit on calls to BytePlus."""
    seconds = {"pusher_seconds": LATENCY_SECONDS, "byteplus_seconds": LATENCY_SECONDS}
    with ExitStack() as stack:
        witnesses = {vendor: stack.enter_context(run_vendors(directory, **seconds)) for vendor in Vendor}
        byteplus = {
            name: value for name, value in witnesses[Vendor.BYTEPLUS].greeting.items() if name.startswith("BYTEPLUS_")
        }
        limit = {"BYTEPLUS_QPS": str(load.byteplus_per_second)}
        vendors = Vendors(witnesses[Vendor.PUSHER].greeting | byteplus | limit, witnesses)
        vendors.limit_byteplus(load.byteplus_per_second)
        yield vendors


# --- These functions run in the processes of the stand-ins. ---


def _of_server(name: str, question: Callable[..., Any], arguments: tuple[object, ...], stand_ins: StandIns) -> Any:
    return question(getattr(stand_ins, name), *arguments)


def _limit(server: LoopbackServer, calls_per_second: int) -> None:
    server.limit_calls(calls_per_second)


def _hang(server: LoopbackServer, seconds: float) -> None:
    server.hang(seconds=seconds)


def _forget(server: LoopbackServer) -> None:
    server.keep_exchanges()
    server.rejected = server.over_limit = 0


def _authorized(server: LoopbackServer) -> int:
    return server.counts()["events"][AUTHORIZED]


def _started(server: LoopbackServer) -> int:
    actions = server.counts()["actions"]
    return actions["StartRecord"] + actions["repeated"]


def _answered(server: LoopbackServer) -> int:
    return len(server.exchanges or ())


def _seen(server: LoopbackServer) -> Seen:
    return Seen(
        exchanges=[*(server.exchanges or ())],
        connections=server.open_connections,
        refused=server.rejected,
        over_limit=server.over_limit,
    )


def _cpu_seconds(_server: LoopbackServer) -> float:
    return time.process_time()
