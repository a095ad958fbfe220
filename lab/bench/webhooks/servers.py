"""The process of the partners' servers, which is not set up to import models."""

from collections.abc import Sequence

from lab.bench.witness import Pipe, answer_questions
from lab.loopback.partner import Arrival, PartnerLoopback


def serve(pipe: Pipe) -> None:
    """Run the servers, and answer each question with the calls since the last one."""
    with PartnerLoopback() as partner:

        def take(_question: object) -> Sequence[Arrival]:
            taken, partner.arrivals = partner.arrivals, []
            return taken

        pipe.send(partner.address)
        answer_questions(pipe, take)
