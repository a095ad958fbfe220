"""The process of the partners' servers. It does not set up Django, so this module can't import models."""

import os
from collections.abc import Sequence

from lab.bench.witness import Pipe, answer_questions
from lab.loopback.partner import Arrival, PartnerLoopback

# The servers of real partners run on other hosts, so the product has priority over this process.
NICENESS = 10


def serve(pipe: Pipe) -> None:
    """Run the servers, and reply to each question with the calls since the last question."""
    os.nice(NICENESS)
    with PartnerLoopback() as partner:

        def take(_question: object) -> Sequence[Arrival]:
            taken, partner.arrivals = partner.arrivals, []
            return taken

        pipe.send(partner.address)
        answer_questions(pipe, take)
