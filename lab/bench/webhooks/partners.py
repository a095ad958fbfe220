"""The partners: their servers in a process of their own, their endpoints, and the calls that arrived."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from api.audit import Author
from api.models import AuthorRole
from config import clock
from goals.signals import goal_ended
from lab.bench.environment import connection
from lab.bench.webhooks.servers import serve
from lab.bench.witness import Witness
from lab.loopback.partner import FAILING, HANGING, Arrival
from mongodb.transactions import run_in_transaction
from webhooks.endpoints import create_endpoint
from webhooks.models import DELIVERIES, ENDPOINTS

ENDPOINTS_COUNT = 20


@dataclass(frozen=True)
class Partners:
    """The partners' servers. `host` is their address, with the port."""

    host: str
    _servers: Witness

    def add_endpoints(self) -> None:
        """Add the endpoints: one hangs, one fails, and the others accept all calls."""
        healthy = [f"/{number}" for number in range(ENDPOINTS_COUNT - 2)]
        by = Author(AuthorRole.STAFF, "", "bench")
        for path in (*healthy, HANGING, FAILING):
            fields = {"url": f"http://{self.host}{path}", "types": [goal_ended.name], "enabled": True}
            run_in_transaction(lambda fields=fields: create_endpoint(**fields, by=by, now=clock.now()))  # type: ignore[misc]

    def remove_endpoints(self) -> None:
        """Remove the endpoints, and all deliveries that wait for them."""
        for name in (ENDPOINTS, DELIVERIES):
            connection.get_collection(name).delete_many({})

    def arrivals(self) -> list[Arrival]:
        """Return the calls that have arrived since the last question."""
        arrived: list[Arrival] = self._servers.ask()
        return arrived


@contextmanager
def run_partners() -> Iterator[Partners]:
    """Run the servers inside the block."""
    with Witness(serve) as servers:
        yield Partners(servers.greeting, servers)


def seconds_late(announced: Mapping[str, float], arrivals: Sequence[Arrival]) -> tuple[list[float], int]:
    """Return how many seconds after the announcement each call came to a healthy endpoint, and how many are missing.

    Only the first call of an event to an endpoint counts.
    """
    first: defaultdict[tuple[str, str], float] = defaultdict(lambda: float("inf"))
    for each in arrivals:
        if each.path not in {HANGING, FAILING} and each.event_id in announced:
            key = each.path, each.event_id
            first[key] = min(first[key], each.at)
    late = [at - announced[event_id] for (_path, event_id), at in first.items()]
    return late, len(announced) * (ENDPOINTS_COUNT - 2) - len(late)
