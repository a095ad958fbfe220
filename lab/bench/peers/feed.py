"""How a peer receives its work: lines of JSON over a socket that the benchmark passes to it."""

import json
import socket
import sys
from collections.abc import Callable

# A goal's id and its nbf, or a call to a vendor as JSON and the moment when it is due. Times are in Unix seconds.
Start = tuple[str, float]


def take_starts(schedule: Callable[[list[Start]], None]) -> None:
    """Schedule the starts of each line, and confirm the line. Return when the benchmark closes the socket."""
    with socket.socket(fileno=int(sys.argv[1])) as bench, bench.makefile("rw") as lines:
        for line in lines:
            schedule([(goal_id, nbf) for goal_id, nbf in json.loads(line)])
            lines.write("scheduled\n")
            lines.flush()
