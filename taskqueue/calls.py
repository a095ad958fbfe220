"""The calls of a bulk task."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from bson import ObjectId

from api.request_id import NO_REQUEST, request_id
from mongodb.collections import collection
from mongodb.failures import is_away
from mongodb.transactions import write_last
from taskqueue.messages import MESSAGES, Primitive

Outcome = Primitive | Exception


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a bulk task. `attempt` counts from 1; `message_id` is None if the call comes from no message."""

    args: tuple[Primitive, ...]
    subject: str = ""
    attempt: int = 1
    request_id: str = NO_REQUEST
    message_id: ObjectId | None = None

    def delete_at_commit(self) -> None:
        """Delete the call's message among the last writes of the open transaction."""
        if self.message_id is not None:
            write_last(_delete, self.message_id, None)

    @contextmanager
    def for_its_request(self) -> Iterator[None]:
        """Make the call's request the current request for what the block logs, writes and enqueues."""
        token = request_id.set(self.request_id)
        try:
            yield
        finally:
            request_id.reset(token)


def one_by_one(run: Callable[..., Primitive], calls: Sequence[Call]) -> list[Outcome]:
    """Run the function for each call, and return the outcomes. The messages are still claimed and settled together.

    Raises the error if MongoDB is away, because all other calls would fail, too.
    """

    def outcome(call: Call) -> Outcome:
        try:
            with call.for_its_request():
                return run(*call.args)
        except Exception as error:
            if is_away(error):
                raise
            return error

    return [outcome(call) for call in calls]


def _delete(message_ids: dict[ObjectId, None]) -> None:
    collection(MESSAGES).delete_many({"_id": {"$in": list(message_ids)}})
