"""The steps of the demo: migrate, seed, serve, `POST /goals`, watch, count."""

import json
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC
from typing import Any

from pymongo import MongoClient

from lab.bodies import SHOW_SECONDS, show_body
from lab.demo.api import Api, start_gunicorn
from lab.demo.children import Children, DemoFailed
from lab.demo.credentials import verify_credentials
from lab.demo.expectations import Show, authorizations, count, is_complete
from lab.demo.screen import Screen, clock
from lab.stand_ins import StandIns

VIEWERS = 250
STARTS_IN_SECONDS = 5
# With `--watch`, the show starts after LOOKED_AT_SECONDS and lasts LOOKED_AT_TARGET seconds, so that people have the
# time to sign in and to press every button.
LOOKED_AT_SECONDS = 60
LOOKED_AT_TARGET = 600
UP_WITHIN_SECONDS = 30.0
# Everything has to arrive within COMPLETE_WITHIN_SECONDS after nbf. The demo then waits until nothing has happened for
# QUIET_SECONDS.
COMPLETE_WITHIN_SECONDS = 20.0
QUIET_SECONDS = 1.0
POLL_SECONDS = 0.2
MOST_ROWS = 200


@dataclass(frozen=True)
class Play:
    """One run of the demo."""

    stand_ins: StandIns
    children: Children
    mongodb: MongoClient[dict[str, Any]]
    screen: Screen
    web: Children
    waits: bool

    def perform(self) -> bool:
        """Run all steps, and return whether everything was right.

        If `waits` is true, keep the pages open until Ctrl-C.
        """
        self.screen.title("Preparations")
        self.mongodb.drop_database(self.stand_ins.database)
        self.children.run("migrate", ["manage.py", "migrate"])
        self.screen.step(f"migrated a new database, {self.stand_ins.database}")
        with start_gunicorn(self.web) as api:
            self.children.start("qcluster", ["manage.py", "qcluster"])
            seeded = self._seed()
            self._await(api)
            show = self._create_show(api, seeded)
            self._show_pages(api, show, seeded)
            self._watch(api, show)
            goal = api.get(f"/goals/{show.goal_id}")
            if self.waits and _is_changed(goal, show):
                passed = True
                self.screen.step("the show was moved or cancelled on its page, so its events are not counted")
            else:
                # A show that starts late ends later, because its payers get their whole time.
                passed = self._report(replace(show, access_exp=goal["access_exp"]))
            if self.waits:
                self._wait()
        return passed

    def _seed(self) -> dict[str, Any]:
        printed = self.children.run("seed_demo", ["manage.py", "seed_demo", "--viewers", str(VIEWERS)])
        seeded: dict[str, Any] = json.loads(printed)
        self.screen.step(f"seeded a streamer, a live session, a funding goal that {VIEWERS} viewers have paid")
        return seeded

    def _await(self, api: Api) -> None:
        deadline = time.monotonic() + UP_WITHIN_SECONDS
        while not api.is_up():
            self._check()
            if time.monotonic() > deadline:
                raise DemoFailed(f"gunicorn does not answer within {UP_WITHIN_SECONDS:.0f} s")
            time.sleep(POLL_SECONDS)
        self.screen.step(f"gunicorn serves {api.base_url}, qcluster runs")

    def _create_show(self, api: Api, seeded: dict[str, Any]) -> Show:
        """Sign in as the streamer and create the show, over real HTTP."""
        streamer = seeded["streamer"]
        api.sign_in(streamer["username"], streamer["password"])
        self.screen.step("POST /auth/token: signed in as the streamer")
        path, began = "/goals?lang=zh-hant&type=show", time.perf_counter()
        starts_in, target = (LOOKED_AT_SECONDS, LOOKED_AT_TARGET) if self.waits else (STARTS_IN_SECONDS, SHOW_SECONDS)
        nbf = int(time.time()) + starts_in
        body = show_body(seeded["funding_goal_id"], seeded["session_id"], nbf=nbf, target_seconds=target)
        goal = api.post(path, body)
        took = f"{(time.perf_counter() - began) * 1000:.0f} ms"
        self.screen.step(f"POST {path}: 201 in {took}, show {goal['id']}, nbf {clock(goal['nbf'])}")
        return Show(
            goal_id=goal["id"],
            session_id=seeded["session_id"],
            streamer_id=streamer["id"],
            viewers=[viewer["id"] for viewer in seeded["viewers"]],
            nbf=goal["nbf"],
            access_exp=goal["access_exp"],
        )

    def _show_pages(self, api: Api, show: Show, seeded: dict[str, Any]) -> None:
        """Write the addresses of the show's pages, and how to sign in there."""
        streamer, payer = seeded["streamer"], seeded["viewers"][0]
        self.screen.title(
            "The pages, while the demo runs" if self.waits else "The pages (to look at them: make demo WATCH=1)"
        )
        for name, page, person in (("streamer", "shows", streamer), ("payer", "watch", payer)):
            self.screen.fact(name, f"{api.base_url}/{page}/{show.goal_id}")
            self.screen.fact("", f"user name {person['username']}, password {streamer['password']}")

    def _wait(self) -> None:
        """Wait until Ctrl-C, or until a process ends."""
        self.screen.title("The pages stay open. Ctrl-C ends the demo")
        with suppress(KeyboardInterrupt):
            while True:
                self._check()
                time.sleep(POLL_SECONDS)

    def _watch(self, api: Api, show: Show) -> None:
        """Write the rows of the timeline as they come, until everything has arrived, or time is up."""
        self.screen.title("The show's timeline, in seconds from nbf")
        path = f"/goals/{show.goal_id}/timeline?page_size={MOST_ROWS}"
        written: set[tuple[Any, ...]] = set()
        quiet_since = time.time()
        while True:
            rows = [row for row in api.get(path)["results"] if tuple(row.values()) not in written]
            for row in rows:
                self.screen.timeline_row(row, show.nbf)
                written.add(tuple(row.values()))
            now = time.time()
            if rows or not is_complete(show, self.stand_ins.pusher, self.stand_ins.byteplus):
                quiet_since = now
            if now - quiet_since > QUIET_SECONDS:
                return
            if now > show.nbf + COMPLETE_WITHIN_SECONDS:
                if self.waits and _is_changed(api.get(f"/goals/{show.goal_id}"), show):
                    return
                self.screen.step(f"gave up: not all has come {COMPLETE_WITHIN_SECONDS:.0f} s after nbf")
                return
            self._check()
            time.sleep(POLL_SECONDS)

    def _report(self, show: Show) -> bool:
        """Write the lateness, the counts and the credentials. Return whether all counts and credentials are right."""
        arrivals = [event.at for event in authorizations(self.stand_ins.pusher)]
        self.screen.title("Lateness, from nbf")
        self.screen.lateness("activated_at", self._activated_at(show), show.nbf)
        self.screen.lateness("first stream.authorized at Pusher", min(arrivals, default=None), show.nbf)
        self.screen.lateness("last stream.authorized at Pusher", max(arrivals, default=None), show.nbf)
        counts = count(show, self.stand_ins.pusher, self.stand_ins.byteplus)
        self.screen.title("What the two servers saw")
        self.screen.counts(counts)
        for reason in (*self.stand_ins.pusher.reasons, *self.stand_ins.byteplus.reasons):
            self.screen.fact("refused", reason)
        verified = verify_credentials(self.stand_ins, show, now=int(time.time()))
        self.screen.title("One viewer's credentials")
        self.screen.credentials(verified)
        return all(each.is_exact for each in counts) and all(each.is_right for each in verified)

    def _activated_at(self, show: Show) -> float | None:
        """Return `activated_at` from the database, where it has milliseconds; the API returns whole seconds."""
        goals = self.mongodb[self.stand_ins.database]["goals"]
        goal = goals.find_one({"conditions.session_id": show.session_id, "_cls": "ShowGoal"})
        activated_at = goal and goal["activated_at"]
        return activated_at.replace(tzinfo=UTC).timestamp() if activated_at else None

    def _check(self) -> None:
        """Raise DemoFailed if a process has ended."""
        self.children.check()
        self.web.check()


def _is_changed(goal: dict[str, Any], show: Show) -> bool:
    """Tell whether somebody has moved or cancelled the show."""
    return bool(goal["nbf"] != show.nbf or goal["status"] == "cancelled")
