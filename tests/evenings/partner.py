"""A partner's server, which reads `GET /events` now and then, and nothing else."""

from dataclasses import dataclass, field

from bson import ObjectId

from tests.evenings.cast import Person
from tests.evenings.client import ObedientClient, Picture

# The events of the list have no channel, so the client treats the whole list as one channel.
LIST = "events"


@dataclass
class Partner:
    """A member of staff who reads the list from where the last reading ended."""

    person: Person
    client: ObedientClient = field(default_factory=lambda: ObedientClient({LIST}, lambda _goal_id: None))
    after: str = field(default_factory=lambda: str(ObjectId("0" * 24)))

    @property
    def pictures(self) -> dict[str, Picture]:
        """The partner's picture of each goal."""
        return self.client.pictures

    def read(self) -> None:
        """Take the events that are new in the list."""
        while True:
            page = self.person.api.get("/events", after=self.after, page_size="200")
            assert page.status == 200, page
            for event in page.body["results"]:
                self.client.receive(LIST, event["type"], event["data"])
                self.after = event["id"]
            if len(page.body["results"]) < 200:
                return
