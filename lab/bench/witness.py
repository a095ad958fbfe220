"""Observers and clients in processes of their own, so that it does not matter how busy the benchmark itself is."""

import signal
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any, Self, TypeAlias

from lab.bench.environment import BenchFailed

ANSWERS_WITHIN_SECONDS = 30.0
Pipe: TypeAlias = "Connection[Any, Any]"
# A spawned process inherits no client, thread or lock of the benchmark.
_spawn = get_context("spawn")


class Witness:
    """Runs `watch(pipe, **arguments)` in a process of its own inside the block.

    The function sends one greeting when it is ready. Then it replies to questions until the pipe is closed
    (`answer_questions`).
    The process ends with the benchmark, even if the benchmark is killed.
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

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._process.pid or 0

    def ask(self, question: object = None, *, more_seconds: float = 0) -> Any:
        """Send a question and return the reply. Raises BenchFailed if the process has ended or replies too late.

        `more_seconds` is how much longer than usual the reply may take.
        """
        self._pipe.send(question)
        return self._receive(more_seconds)

    def _receive(self, more_seconds: float = 0) -> Any:
        try:
            if self._pipe.poll(ANSWERS_WITHIN_SECONDS + more_seconds):
                return self._pipe.recv()
        except (EOFError, OSError) as error:
            raise BenchFailed(f"{self._watch.__name__} has ended.") from error
        raise BenchFailed(f"{self._watch.__name__} does not answer.")


def answer_questions(pipe: Pipe, answer: Callable[[Any], object]) -> None:
    """Send the reply to each question until the other side closes the pipe."""
    try:
        while True:
            pipe.send(answer(pipe.recv()))
    except (EOFError, OSError):
        return


def _begin(watch: Callable[..., None], pipe: Pipe, **arguments: object) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # on Ctrl-C the benchmark closes the pipe
    watch(pipe, **arguments)
