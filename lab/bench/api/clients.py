"""The clients of `bench api`, in a process of their own. Each client is a thread, with one connection to the server."""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import urllib3

from lab.bench.api.requests import CREATE, CREATED, OK, Client, ClientRequest, Data, Result, Shows
from lab.bench.witness import Pipe, answer_questions

TIMEOUT_SECONDS = 30.0
REPLAYED = "Idempotent-Replay"
SHOWN_BYTES = 200


@dataclass(frozen=True, slots=True)
class Turn:
    """Some seconds of load on one server, which is the product or its peer."""

    server: str
    port: int
    seconds: float
    is_peer: bool


@dataclass
class Answers:
    """The responses that the clients got during one turn."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    milliseconds: dict[str, list[float]] = field(default_factory=dict)  # by kind of request
    results: Counter[Result] = field(default_factory=Counter)
    paid: Counter[tuple[str, str]] = field(default_factory=Counter)  # (goal, viewer): amount
    payments: int = 0
    shows: list[str] = field(default_factory=list)
    unintended: list[str] = field(default_factory=list)


def run_clients(pipe: Pipe, *, data: Data, clients: int) -> None:
    """Run a turn for each Turn that comes through the pipe, and send back the clients' Answers."""
    clients_of: dict[str, list[Client]] = {}

    def play(turn: Turn) -> Answers:
        if turn.server not in clients_of:
            shows = Shows(data.shows)
            clients_of[turn.server] = [Client(data, shows, number) for number in range(clients)]
        return _play(turn, clients_of[turn.server])

    pipe.send(clients)
    answer_questions(pipe, play)


def _play(turn: Turn, clients: list[Client]) -> Answers:
    answers, lock = Answers(), threading.Lock()
    pool = urllib3.HTTPConnectionPool(
        "127.0.0.1", turn.port, maxsize=len(clients), timeout=TIMEOUT_SECONDS, retries=False
    )
    began, cpu_began = time.monotonic(), time.process_time()

    def work(client: Client) -> None:
        for request in _until(began + turn.seconds, client.requests()):
            sent_at = time.perf_counter()
            answer = _send(pool, request)
            milliseconds = (time.perf_counter() - sent_at) * 1000
            with lock:
                _note(answers, turn, request, answer, milliseconds)

    threads = [threading.Thread(target=work, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    answers.seconds, answers.cpu_seconds = time.monotonic() - began, time.process_time() - cpu_began
    pool.close()
    return answers


def _until(end: float, requests: Iterator[ClientRequest]) -> Iterator[ClientRequest]:
    """Yield requests until `end`. A request is created just before it is sent, because its client treats it as sent."""
    while time.monotonic() < end:
        yield next(requests)


def _send(pool: urllib3.HTTPConnectionPool, request: ClientRequest) -> urllib3.BaseHTTPResponse | str:
    """Return the response, or the error in words."""
    headers = {"Authorization": f"Bearer {request.caller.access}"}
    if request.key:
        headers |= {"Content-Type": "application/json", "Idempotency-Key": request.key}
    try:
        body = json.dumps(request.body).encode() if request.body else None
        return pool.request(request.method, request.path, body=body, headers=headers)
    except urllib3.exceptions.HTTPError as error:
        return f"{type(error).__name__}: {error}"


def _note(
    answers: Answers, turn: Turn, request: ClientRequest, answer: urllib3.BaseHTTPResponse | str, milliseconds: float
) -> None:
    answers.milliseconds.setdefault(request.kind, []).append(milliseconds)
    if isinstance(answer, str):
        answers.unintended.append(f"{request.method} {request.path}: {answer}")
        return
    body: Any = answer.json() if "json" in answer.headers.get("Content-Type", "") else {}
    result = answer.status, body.get("code", "")
    answers.results[result] += 1
    if result not in ({OK, CREATED} if turn.is_peer else {request.intended}):
        said = answer.data[:SHOWN_BYTES].decode(errors="replace")
        answers.unintended.append(f"{request.method} {request.path}: {answer.status} {said}")
    if result == CREATED and not turn.is_peer and REPLAYED not in answer.headers:
        _book(answers, request, body)


def _book(answers: Answers, request: ClientRequest, body: Any) -> None:
    """Remember the show or the payment that the server has confirmed with a 201."""
    if request.kind == CREATE:
        answers.shows.append(body["id"])
    elif request.body:
        answers.payments += 1
        answers.paid[body["goal_id"], request.caller.id] += request.body["amount"]
