"""All hosts of docs/handbook.md together, and the product that runs on them."""

import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
from bson import ObjectId
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import PyMongoError

from lab.bodies import show_body
from lab.stand_ins import StandIns
from tests.environment import ROOT
from tests.handbook import mongosh
from tests.handbook.hosts import Host, Stage
from tests.handbook.page import Block, blocks
from tests.handbook.units import environment_file
from tests.lab.process_tree import descendants

MEMBERS = ("db1", "db2", "db3")
APPS = ("app1", "app2")
NAMES = (*MEMBERS, "cache", *APPS)
# The database in a URI of the page.
DATABASE = "/showgoals?"
ADMIN = "mongodb://admin:choose%20a%20password@localhost/"
ROOMS = [path.parent.name for path in ROOT.glob("*/__init__.py") if path.parent.name != "tests"]
RELEASE = (*ROOMS, "clients", "deploy", "locale", "manage.py", "requirements.txt")
# The headers of a request that the proxy passes on.
PROXIED = {"Host": "api.example.com", "X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.1"}
# `proxy_read_timeout` of the proxy in deploy/README.md.
PROXY_READ_SECONDS = 30.0
SHOW_SECONDS = 3600
WITHIN_SECONDS = 180.0


class House:
    """The hosts, and the services that run on them."""

    def __init__(self, stage: Stage, stand_ins: StandIns) -> None:
        self.hosts = stage.hosts
        self.stand_ins = stand_ins
        # What `showgoals check --deploy` and `showgoals migrate` have printed.
        self.checked = ""
        self._roles = dict(zip(NAMES, NAMES, strict=True))

    def host(self, name: str) -> Host:
        """Return the host that has this name on the page, where db1 is the primary."""
        return self.hosts[self._roles[name]]

    def run(self, block: Block) -> list[str]:
        """Run the block on each of its hosts, and return what it prints there."""
        assert block.language == "sh"
        text = block.text
        if DATABASE in text:  # the database has another name after a restoration
            text = text.replace(DATABASE, f"/{self.settings()['MONGODB_NAME']}?")
        return [self.host(name).run(text) for name in block.hosts]

    def tell(self, name: str, commands: str) -> str:
        """Run commands of the page's text on one host, and return what they print."""
        return self.host(name).run(commands)

    def evaluate(self, script: str, *, uri: str = ADMIN) -> str:
        """Type a line into `mongosh` on the primary. Return what it prints."""
        return mongosh.evaluate(self.host("db1").here(uri), self.host("db1").here(script))

    def name_members(self) -> None:
        """Call the primary db1, as the page does."""
        until(lambda: self._primary() is not None, "a primary")
        primary = self._primary()
        others = [name for name in MEMBERS if name != primary]
        self._roles |= dict(zip(MEMBERS, [str(primary), *others], strict=True))

    def settings(self) -> dict[str, str]:
        return environment_file(self.hosts["app1"].path("/etc/showgoals.env"))

    def copy_settings(self) -> None:
        """Copy /etc/showgoals.env to app2, which has another port in these tests."""
        app1, app2 = (self.hosts[name] for name in APPS)
        text = app1.path("/etc/showgoals.env").read_text(encoding="utf-8")
        copy = app2.path("/etc/showgoals.env")
        copy.touch(mode=0o600)
        copy.write_text(text.replace(f":{app1.port}\n", f":{app2.port}\n"), encoding="utf-8")

    @contextmanager
    def database(self, name: str = "") -> Iterator[Database[dict[str, Any]]]:
        """Yield the product's database, or another one that its user may read."""
        settings = self.settings()
        with MongoClient[dict[str, Any]](settings["MONGODB_URI"], tz_aware=True) as client:
            yield client[name or settings["MONGODB_NAME"]]

    def is_serving(self, name: str) -> bool:
        """Tell whether the web server of the host responds."""
        try:
            return requests.get(f"http://127.0.0.1:{self.hosts[name].port}/healthz", headers=PROXIED, timeout=5).ok
        except requests.RequestException:
            return False

    def seeds(self, shows: int) -> list[dict[str, Any]]:
        """Return what `seed_demo` prints: streamers with a paid funding goal each, and their tokens."""
        printed = self.tell("app1", f"showgoals seed_demo --viewers 2 --shows {shows}")
        return [json.loads(line) for line in printed.splitlines()]

    def call(self, method: str, path: str, body: Any = None, *, token: str = "", on: Sequence[str] = APPS) -> Any:
        """Send a request as the proxy would: to the first of the hosts that takes the connection."""
        headers = PROXIED | ({"Authorization": f"Bearer {token}"} if token else {})
        for name in on:
            try:
                url = f"http://127.0.0.1:{self.hosts[name].port}{path}"
                return requests.request(method, url, json=body, headers=headers, timeout=PROXY_READ_SECONDS)
            except requests.ConnectionError:
                continue
        raise AssertionError(f"no host takes {method} {path}")

    def create_show(self, seed: Mapping[str, Any], *, seconds: float) -> ObjectId:
        """Create a show that is due after this many seconds, and return its id."""
        nbf = int(time.time() + seconds)
        body = show_body(seed["funding_goal_id"], seed["session_id"], nbf=nbf, target_seconds=SHOW_SECONDS)
        answer = self.call("POST", "/goals?type=show", body, token=seed["streamer"]["access"])
        assert answer.status_code == 201, answer.text
        return ObjectId(answer.json()["id"])

    def lateness(self, show: ObjectId, *, within: float = WITHIN_SECONDS) -> float:
        """Wait until the show has started. Return by how many seconds it was late."""
        with self.database() as database:
            goals = database["goals"]
            until(lambda: goals.count_documents({"_id": show, "activated_at": {"$ne": None}}), f"{show}", within)
            (goal,) = goals.find({"_id": show})
        return float((goal["activated_at"] - goal["nbf"]).total_seconds())

    def doctor(self) -> list[str]:
        """Return the lines that do not begin with `ok`. The command fails if one of them begins with `FAILED`."""
        printed = self.tell("app1", "showgoals doctor || true")
        return [line for line in printed.splitlines() if not line.startswith("ok ")]

    def await_health(self) -> None:
        """Wait until the doctor finds no fault, because members that have just started are behind for a moment."""
        until(lambda: not self.doctor(), "the doctor's approval")

    def releases(self) -> dict[str, set[str]]:
        """Return the directories of the releases whose code runs, by unit."""
        return {unit: self._releases_of(unit) for unit in ("showgoals-qcluster", "showgoals-web")}

    def unpack(self, name: str, changes: Sequence[tuple[str, str, str]] = ()) -> None:
        """Put the checkout of a release into /opt on app1 and app2.

        Each change is the path of a file, a text in it, and what replaces the text.
        """
        for directory in (self.hosts[app].path(f"/opt/{name}") for app in APPS):
            directory.mkdir()
            for each in RELEASE:
                copy = shutil.copytree if (ROOT / each).is_dir() else shutil.copy2
                copy(ROOT / each, directory / each)
            for path, old, new in changes:
                _change(directory / path, old, new)

    def rolling_restart(self) -> None:
        """Run the commands of *A rolling restart*."""
        qclusters, servers = blocks("A rolling restart")
        self.run(qclusters)
        self.run(servers)

    def _primary(self) -> str | None:
        return next((name for name in MEMBERS if _is_primary(f"127.0.0.1:{self.hosts[name].port}")), None)

    def _releases_of(self, unit: str) -> set[str]:
        pids = [self.hosts[name].services.pid(unit) for name in APPS]
        assert all(pids), f"{unit} has ended"
        return {Path(f"/proc/{pid}/cwd").readlink().name for main in pids for pid in (main, *descendants(main))}


def until(condition: Callable[[], object], what: str, within: float = WITHIN_SECONDS) -> None:
    """Wait until the condition holds."""
    give_up_at = time.monotonic() + within
    while not condition():
        assert time.monotonic() < give_up_at, f"{what}: not within {within:.0f} s"
        time.sleep(0.1)


def _change(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf-8")


def _is_primary(address: str) -> bool:
    with MongoClient[dict[str, Any]](address, directConnection=True, serverSelectionTimeoutMS=1000) as client:
        try:
            return bool(client.admin.command("hello")["isWritablePrimary"])
        except PyMongoError:
            return False
