"""A partner's back office: it keeps a copy of the facts about all goals and payments (docs/back-office.md).

`python back_office.py 9000` takes webhooks on port 9000 until it is stopped.
"""

import csv
import json
import os
import sqlite3
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import requests
from standardwebhooks import Webhook, WebhookVerificationError

API, KEY, SECRET, FILE = (os.environ[name] for name in ("API", "KEY", "SECRET", "FILE"))
CATCH_UP_EVERY_SECONDS, AGAIN_AFTER_SECONDS = 600, 10
TABLES = """
create table if not exists facts (goal text, name text, rank integer, value text, primary key (goal, name));
create table if not exists reader (last_event text);
insert into reader select '000000000000000000000000' where not exists (select * from reader);
"""
NOTE = """insert into facts values (?, ?, ?, ?)
on conflict do update set rank = excluded.rank, value = excluded.value where excluded.rank > rank"""
UNREAD = """select goal, rank from facts as decided where name = 'settlement' and not exists
(select * from facts where goal = decided.goal and name = 'money' and rank >= decided.rank)"""
Fact = tuple[str, int, Any]
is_decided = threading.Event()


@contextmanager
def transaction() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(FILE, timeout=10)) as db, db:
        yield db


def facts(event: dict[str, Any]) -> Iterator[Fact]:
    """Yield the event's facts about its goal: (name, rank, value). A fact with a higher rank is newer."""
    name, version, data = event["type"], event["version"], event["data"]
    new, over = ("scheduled", "ended") if data.get("type") == "show" else ("open", "closed")
    if name == "goal.created":
        yield "type", 0, data["type"]
    statuses = {"goal.created": new, "goal.started": "live", "goal.cancelled": "cancelled", "goal.ended": over}
    if name in statuses or data.get("reason") == "revived":
        yield "status", version, statuses.get(name, new)
    if "nbf" in data:
        yield "nbf", version, data["nbf"]
    if name == "goal.progressed":  # most payments do not raise the version
        yield "progress", data["progress"], data["progress"]
    if name == "settlement.decided":
        yield "settlement", version, data["settlement"]


def note(db: sqlite3.Connection, goal: str, told: Iterable[Fact]) -> None:
    """Store the facts that are newer than the stored ones. So facts may arrive late, twice, and in any order."""
    db.executemany(NOTE, [(goal, name, rank, json.dumps(value)) for name, rank, value in told])


def get(path: str, **query: Any) -> requests.Response:
    answer = requests.get(f"{API}{path}", query, headers={"Authorization": f"Bearer {KEY}"}, timeout=10)
    answer.raise_for_status()
    return answer


def catch_up() -> None:
    """Read the events after the last event that this function has read. Webhooks do not move that position."""
    with transaction() as db:
        (last,) = db.execute("select last_event from reader").fetchone()
    while events := get("/events", after=last, page_size=200).json()["results"]:
        last = events[-1]["id"]
        with transaction() as db:
            for event in events:
                note(db, event["goal_id"], facts(event))
            db.execute("update reader set last_event = ?", (last,))


def read_money() -> None:
    """For each decision whose CSV file was not read yet, read it, and store what becomes of each viewer's money."""
    with transaction() as db:
        decided = db.execute(UNREAD).fetchall()
    for goal, rank in decided:
        rows = csv.DictReader(get(f"/goals/{goal}/settlement.csv").text.splitlines())
        due = {row["viewer"]: [int(row["amount"]), row["outcome"]] for row in rows}
        with transaction() as db:
            note(db, goal, [("money", rank, due)])


def read_on() -> None:
    """Catch up at the start, and then every CATCH_UP_EVERY_SECONDS.

    Read the money as soon as a webhook announces a decision.
    """
    next_at = time.monotonic()
    while True:
        try:
            if time.monotonic() >= next_at:
                catch_up()
                next_at = time.monotonic() + CATCH_UP_EVERY_SECONDS
            read_money()
        except Exception as error:  # noqa: BLE001 - all is read again, whether the API or the file has failed
            sys.stderr.write(f"{error!r}\n")
            next_at = time.monotonic() + AGAIN_AFTER_SECONDS
        is_decided.wait(next_at - time.monotonic())  # a decision does not postpone the next `catch_up`
        is_decided.clear()


class Webhooks(BaseHTTPRequestHandler):
    timeout = 10

    def do_POST(self) -> None:
        try:
            body = self.rfile.read(min(int(self.headers["Content-Length"]), 1_000_000))
            event = Webhook(SECRET).verify(body, dict(self.headers))
        except (WebhookVerificationError, TypeError, ValueError):
            self.send_error(400)
            return
        with transaction() as db:
            note(db, event["goal_id"], facts(event))
        self.send_response(204)  # only now, when the facts are stored
        self.end_headers()
        if event["type"] == "settlement.decided":
            is_decided.set()


if __name__ == "__main__":
    with transaction() as file:
        file.executescript(TABLES)
    threading.Thread(target=read_on, daemon=True).start()
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Webhooks).serve_forever()
