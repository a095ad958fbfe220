"""Given the same events, the JavaScript client and the model of a client in `tests/evenings` show the same states."""

import json
import random
import subprocess
from typing import Any

import pytest

from tests.environment import ROOT
from tests.evenings.client import ObedientClient
from tests.factories.moments import SECONDS

pytestmark = pytest.mark.needs("node")

SHOW, CHANNEL = "6811c05bf672c8b2cbdc2433", "private-stream@s"
EVENINGS = 400
LEVELS = [{"title": "Proceed", "target": 60}]
SCRIPT = """
const { Book } = await import("./clients/js/book.js");
const evenings = JSON.parse(await new Response(process.stdin).text());
const pictures = evenings.map((events) => {
  const book = new Book();
  for (const [name, data] of events) book.hear(name, data);
  return [...book.goals.values()].map(({ version, status, nbf, access_exp, progress }) =>
    ({ version, status, nbf, access_exp, progress }));
});
console.log(JSON.stringify(pictures));
"""

Event = tuple[str, dict[str, Any]]


def evening(dice: random.Random) -> list[Event]:
    """Return the events of a show that one client gets. Some are lost, and some come twice, late or as a redelivery."""
    events = list(life(dice))
    heard = [event for event in events if dice.random() < 0.8]
    heard += [again(event, dice) for event in events if dice.random() < 0.4]
    if dice.random() < 0.7:
        dice.shuffle(heard)
    return heard


def life(dice: random.Random) -> list[Event]:
    """Return the events of a show that may be moved, cancelled, brought back and extended."""
    nbf, version, told = SECONDS, 1, []

    def tell(name: str, **data: Any) -> None:
        common = {"event_id": f"{name} {version} {len(data)}", "version": version, "goal_id": SHOW, "type": "show"}
        told.append((name, {**common, **data}))

    tell("goal.added", nbf=nbf, levels=LEVELS, context={})
    for _change in range(dice.randrange(4)):
        version += 1
        nbf += dice.randrange(1, 100)
        window = {"nbf": nbf, "access_exp": nbf + 60}
        if dice.random() < 0.3:
            tell("goal.cancelled", **window, reason="cancelled")
            version += 1
            tell("goal.updated", **window, reason="revived")
        else:
            tell("goal.updated", **window, reason=dice.choice(["moved", "changed"]))
    end = nbf + 60
    version += 1
    tell("goal.started", progress=0, levels=LEVELS, context={}, access_exp=end)
    tell("stream.authorized", nbf=nbf, exp=end, jitter_factor=3)
    if dice.random() < 0.5:
        version, end = version + 1, end + 300
        tell("goal.updated", nbf=nbf, access_exp=end, reason="changed")
        tell("stream.authorized", nbf=nbf, exp=end, jitter_factor=3)
    version += 1
    tell("goal.ended", progress=60, exp=end)
    return told


def again(event: Event, dice: random.Random) -> Event:
    name, data = event
    return name, {**data, "redelivery": 1} if dice.random() < 0.3 else data


def test_book_and_model_come_to_the_same_picture() -> None:
    dice = random.Random(20)
    evenings = [evening(dice) for _ in range(EVENINGS)]

    command = ["node", "--input-type=module", "--eval", SCRIPT]
    told = json.dumps(evenings)
    done = subprocess.run(command, cwd=ROOT, input=told, capture_output=True, text=True, check=True)

    assert json.loads(done.stdout) == [pictures_of_model(events) for events in evenings]


def pictures_of_model(events: list[Event]) -> list[dict[str, Any]]:
    client = ObedientClient({CHANNEL}, lambda _goal_id: None)
    for name, data in events:
        client.receive(CHANNEL, name, data)
    return [
        {
            "version": picture.version,
            "status": picture.status,
            "nbf": picture.nbf,
            "access_exp": picture.access_exp,
            "progress": picture.progress,
        }
        for picture in client.pictures.values()
    ]
