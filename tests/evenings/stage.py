"""Runs calls that can be interrupted after any of their steps: killed there, or held while the evening goes on.

A step is a command that MongoDB has completed, or a call of a vendor.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from pymongo import monitoring

WRITE_CONFLICT = 112
# If the evening waits for MongoDB this long, the transaction of the held call must be in its way.
BLOCKED_SECONDS = 0.15
LOOK_EVERY_SECONDS = 0.02
# These commands end a call, or belong to the driver.
NO_STEPS = frozenset({"abortTransaction", "endSessions", "killSessions", "hello", "ping", "configureFailPoint"})


class Deed(Enum):
    """What is done to a call. A call that is held and killed dies one step after it goes on."""

    KILL = "kill"
    HOLD = "hold"
    HOLD_AND_KILL = "hold and kill"


@dataclass(frozen=True)
class Ambush:
    """What happens to a call, and after which of its steps, counted from 1."""

    deed: Deed
    step: int


class Killed(BaseException):
    """The process of the call was killed. This is a BaseException, because no code may handle it."""


class Lost:
    """Stands for the result of a call that was killed."""


LOST = Lost()


@dataclass
class _Plan:
    ambush: Ambush
    steps: int = 0
    reached: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)


@dataclass
class _Held:
    plan: _Plan
    result: Future[Any]
    then: Callable[[Any], None]


class Stage(monitoring.CommandListener):
    """Runs the calls of an evening, one after the other. At most one more call is held at any time."""

    def __init__(self) -> None:
        self._local = threading.local()
        self._main = threading.get_ident()
        self._held: _Held | None = None
        self._may_hold = False
        self._asked_at: float | None = None
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="held")

    @property
    def holds(self) -> bool:
        """Tell whether a call is held, or may yet be held."""
        return self._may_hold or self._held is not None

    def perform(self, call: Callable[[], Any], then: Callable[[Any], None], ambush: Ambush | None = None) -> None:
        """Make the call, and pass its result to `then`, or LOST if the call was killed. A held call ends later."""
        if ambush is None:
            then(call())
        elif ambush.deed is Deed.KILL:
            then(self._with(_Plan(ambush), call))
        else:
            self._hold(call, then, _Plan(ambush))

    def resume(self) -> None:
        """Let the held call go on until it ends or is killed."""
        if (held := self._held) is None:
            return
        held.plan.go_on.set()
        result = held.result.result()
        self._held = None
        held.then(result)

    def step(self) -> None:
        """Count a step of the call that runs in this thread. Interrupt the call if this is the step of its ambush."""
        plan: _Plan | None = getattr(self._local, "plan", None)
        if plan is None:
            return
        plan.steps += 1
        if plan.steps < plan.ambush.step:
            return
        self._local.plan = None
        if plan.ambush.deed is Deed.KILL:
            raise Killed
        if plan.ambush.deed is Deed.HOLD_AND_KILL:
            self._local.plan = _Plan(Ambush(Deed.KILL, 1))
        plan.reached.set()
        while not plan.go_on.wait(LOOK_EVERY_SECONDS):
            asked_at = self._asked_at
            if asked_at is not None and time.perf_counter() - asked_at > BLOCKED_SECONDS:
                return

    def started(self, _event: monitoring.CommandStartedEvent) -> None:
        """Note when the evening itself begins to wait for MongoDB."""
        if threading.get_ident() == self._main:
            self._asked_at = time.perf_counter()

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """Count a step."""
        self._answered()
        if event.command_name not in NO_STEPS:
            self.step()

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """Let the held call go on if the evening conflicts with its transaction."""
        self._answered()
        conflicts = event.failure.get("code") == WRITE_CONFLICT
        if conflicts and threading.get_ident() == self._main and self._held is not None:
            self._held.plan.go_on.set()

    def _answered(self) -> None:
        if threading.get_ident() == self._main:
            self._asked_at = None

    def _hold(self, call: Callable[[], Any], then: Callable[[Any], None], plan: _Plan) -> None:
        self.resume()
        self._may_hold = True
        result = self._pool.submit(self._with, plan, call)
        result.add_done_callback(lambda _result: plan.reached.set())
        self._held = _Held(plan, result, then)
        plan.reached.wait()
        self._may_hold = False
        if result.done():
            self.resume()

    def _with(self, plan: _Plan, call: Callable[[], Any]) -> Any:
        self._local.plan = plan
        try:
            return call()
        except Killed:
            return LOST
        finally:
            self._local.plan = None


STAGE = Stage()
