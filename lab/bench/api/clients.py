"""The clients: as many threads, each with a connection that it keeps, in a process of their own."""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import urllib3

from lab.bench.api.calls import CREATE, CREATED, OK, Call, Client, Outcome, Shows
from lab.bench.api.scene import Scene
from lab.bench.lateness.witness import Pipe

TIMEOUT_SECONDS = 30.0
REPLAYED = "Idempotent-Replay"
SHOWN_BYTES = 200


@dataclass(frozen=True, slots=True)
class Turn:
    """So many seconds of load on one server. Outcomes count where the product answers, not its peer."""

    server: str
    port: int
    seconds: float
    is_peer: bool


@dataclass
class Heard:
    """What the clients of one turn have met."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    milliseconds: dict[str, list[float]] = field(default_factory=dict)  # by kind
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    paid: Counter[tuple[str, str]] = field(default_factory=Counter)  # (goal, viewer): amount
    payments: int = 0
    shows: list[str] = field(default_factory=list)
    unintended: list[str] = field(default_factory=list)


def run_clients(pipe: Pipe, *, scene: Scene, clients: int) -> None:
    """Greet, then play each Turn that comes through the pipe and answer with what was Heard."""
    crowds: dict[str, list[Client]] = {}
    pipe.send(clients)
    try:
        while True:
            turn: Turn = pipe.recv()
            if turn.server not in crowds:
                shows = Shows(scene.shows)
                crowds[turn.server] = [Client(scene, shows, number) for number in range(clients)]
            pipe.send(_play(turn, crowds[turn.server]))
    except (EOFError, OSError):
        return


def _play(turn: Turn, crowd: list[Client]) -> Heard:
    heard, lock = Heard(), threading.Lock()
    pool = urllib3.HTTPConnectionPool(
        "127.0.0.1", turn.port, maxsize=len(crowd), timeout=TIMEOUT_SECONDS, retries=False
    )
    began, cpu_began = time.monotonic(), time.process_time()

    def work(client: Client) -> None:
        for call in _until(began + turn.seconds, client.calls()):
            sent_at = time.perf_counter()
            answer = _send(pool, call)
            milliseconds = (time.perf_counter() - sent_at) * 1000
            with lock:
                _note(heard, turn, call, answer, milliseconds)

    threads = [threading.Thread(target=work, args=(client,)) for client in crowd]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    heard.seconds, heard.cpu_seconds = time.monotonic() - began, time.process_time() - cpu_began
    pool.close()
    return heard


def _until(end: float, calls: Iterator[Call]) -> Iterator[Call]:
    """Yield calls until then; what a client has chosen is always sent, for it remembers it."""
    while time.monotonic() < end:
        yield next(calls)


def _send(pool: urllib3.HTTPConnectionPool, call: Call) -> urllib3.BaseHTTPResponse | str:
    """Return the answer, or what came instead of one."""
    headers = {"Authorization": f"Bearer {call.caller.access}"}
    if call.key:
        headers |= {"Content-Type": "application/json", "Idempotency-Key": call.key}
    try:
        body = json.dumps(call.body).encode() if call.body else None
        return pool.request(call.method, call.path, body=body, headers=headers)
    except urllib3.exceptions.HTTPError as error:
        return f"{type(error).__name__}: {error}"


def _note(heard: Heard, turn: Turn, call: Call, answer: urllib3.BaseHTTPResponse | str, milliseconds: float) -> None:
    heard.milliseconds.setdefault(call.kind, []).append(milliseconds)
    if isinstance(answer, str):
        heard.unintended.append(f"{call.method} {call.path}: {answer}")
        return
    body: Any = answer.json() if "json" in answer.headers.get("Content-Type", "") else {}
    outcome = answer.status, body.get("code", "")
    heard.outcomes[outcome] += 1
    if outcome not in ({OK, CREATED} if turn.is_peer else {call.intended}):
        said = answer.data[:SHOWN_BYTES].decode(errors="replace")
        heard.unintended.append(f"{call.method} {call.path}: {answer.status} {said}")
    if outcome == CREATED and not turn.is_peer and REPLAYED not in answer.headers:
        _book(heard, call, body)


def _book(heard: Heard, call: Call, body: Any) -> None:
    """Remember what the server has promised with its 201."""
    if call.kind == CREATE:
        heard.shows.append(body["id"])
    elif call.body:
        heard.payments += 1
        heard.paid[body["goal_id"], call.caller.id] += call.body["amount"]
