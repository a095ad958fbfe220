"""Processes that only watch: what they see doesn't depend on how busy the bench itself is."""

import signal
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any, Self, TypeAlias

from lab.bench.surroundings import BenchFailed

ANSWERS_WITHIN_SECONDS = 30.0
Pipe: TypeAlias = "Connection[Any, Any]"
# Nothing is inherited: no client, no thread, no lock of the bench.
_spawn = get_context("spawn")


class Witness:
    """Runs `watch(pipe, **arguments)` in a process of its own inside the block.

    The function sends one greeting when it is ready, then answers until the pipe is closed (`answer_questions`).
    It ends with the bench, however that one ends.
    """

    def __init__(self, watch: Callable[..., None], **arguments: object) -> None:
        self._watch = watch
        self._arguments = arguments
        self.greeting: Any = None

    def __enter__(self) -> Self:
        self._pipe, theirs = _spawn.Pipe()
        self._process = _spawn.Process(target=_begin, args=(self._watch, theirs), kwargs=self._arguments, daemon=True)
        self._process.start()
        theirs.close()
        self.greeting = self._receive()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._pipe.close()
        self._process.join(1)
        self._process.kill()
        self._process.join()

    def ask(self, question: object = None, *, more_seconds: float = 0) -> Any:
        """Return what it has seen since it was asked before, or its answer to a question that takes it longer."""
        self._pipe.send(question)
        return self._receive(more_seconds)

    def _receive(self, more_seconds: float = 0) -> Any:
        try:
            if self._pipe.poll(ANSWERS_WITHIN_SECONDS + more_seconds):
                return self._pipe.recv()
        except (EOFError, OSError) as error:
            raise BenchFailed(f"{self._watch.__name__} has ended.") from error
        raise BenchFailed(f"{self._watch.__name__} does not answer.")


def answer_questions(pipe: Pipe, news: Callable[[], object]) -> None:
    """Send the news whenever they are asked for, until the other side is gone."""
    try:
        while True:
            pipe.recv()
            pipe.send(news())
    except (EOFError, OSError):
        return


def _begin(watch: Callable[..., None], pipe: Pipe, **arguments: object) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the bench, which then closes the pipe
    watch(pipe, **arguments)
