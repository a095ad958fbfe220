"""How a peer is told what to start, and when: lines of JSON over a socket that the bench hands on."""

import json
import socket
import sys
from collections.abc import Callable

# A goal's id and its nbf in Unix seconds.
Start = tuple[str, float]


def take_starts(schedule: Callable[[list[Start]], None]) -> None:
    """Schedule each line's starts, and say so when it is done. Returns when the bench has gone."""
    with socket.socket(fileno=int(sys.argv[1])) as bench, bench.makefile("rw") as lines:
        for line in lines:
            schedule([(goal_id, nbf) for goal_id, nbf in json.loads(line)])
            lines.write("scheduled\n")
            lines.flush()
