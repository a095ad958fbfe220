"""A replica set made with the commands of `docs/handbook.md` works, and survives the loss of its primary."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from lab.mongod_binary import find_mongod
from tests.docs.markdown import read
from tests.environment import ROOT

pytestmark = [pytest.mark.crash, pytest.mark.long, pytest.mark.xdist_group("mongod")]

PAGE = "docs/handbook.md"
WITHIN_SECONDS = 60.0
Client = MongoClient[dict[str, Any]]


def block(language: str, number: int = 0) -> str:
    found: list[str] = re.findall(rf"^```{language}\n(.*?)^```$", read(PAGE), re.DOTALL | re.MULTILINE)
    return found[number]


def calls(text: str) -> list[dict[str, Any]]:
    """Return the argument of each call in the JavaScript."""
    arguments = re.findall(r"^\S+\((\{.*\})\)$", text, re.MULTILINE)
    return [json.loads(re.sub(r"(\w+): ", r'"\1": ', each)) for each in arguments]


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Run three servers with the page's key and configuration. Yield their addresses by the page's host names."""
    subprocess.run(["bash", "-ec", block("sh")], cwd=tmp_path, check=True)
    addresses, processes = {}, []
    for name in ("db1:27017", "db2:27017", "db3:27017"):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        directory = tmp_path / name.partition(":")[0]
        (directory / "data").mkdir(parents=True)
        settings = yaml.safe_load(block("yaml"))
        settings["storage"]["dbPath"] = str(directory / "data")
        settings["systemLog"]["path"] = str(directory / "log")
        settings["security"]["keyFile"] = str(tmp_path / "mongod.key")
        settings["net"]["port"] = port
        settings["net"]["unixDomainSocket"] = {"enabled": False}
        (directory / "mongod.conf").write_text(yaml.safe_dump(settings))
        addresses[name] = f"127.0.0.1:{port}"
        processes.append(subprocess.Popen([str(find_mongod()), "--config", str(directory / "mongod.conf")]))
    try:
        yield addresses
    finally:
        for process in processes:
            process.send_signal(signal.SIGKILL)
            process.wait()


def test_replica_set_of_the_page_works_and_survives_its_primary(hosts: dict[str, str]) -> None:
    initiate, (admin, user) = block("js"), calls(block("js", 1))
    (config,) = calls(initiate)
    for member in config["members"]:
        member["host"] = hosts[member["host"]]
    for address in hosts.values():
        run(address, "hello")  # each member must listen before the set is initiated
    run(hosts["db1:27017"], "replSetInitiate", config)
    primary = primary_of(hosts)
    run(primary, "createUser", **renamed(admin))
    run(primary, "createUser", **renamed(user), username=admin["user"], password=admin["pwd"])
    uri = re.findall(r"^(mongodb://.*)$", read(PAGE), re.MULTILINE)[0]
    for name, address in hosts.items():
        uri = uri.replace(name, address)
    environment = os.environ | {"MONGODB_URI": uri, "MONGODB_NAME": "showgoals"}

    migrated = manage(environment, "migrate", "--verbosity=0")
    before = manage(environment, "doctor").stdout
    run(primary, "shutdown", force=True, username=admin["user"], password=admin["pwd"])
    primary_of({name: address for name, address in hosts.items() if address != primary})
    give_up_at = time.monotonic() + WITHIN_SECONDS
    # The other members notice the shutdown only with their next heartbeats.
    while "warning  members: " not in (after := manage(environment, "doctor").stdout):
        assert time.monotonic() < give_up_at, after

    assert migrated.returncode == 0, migrated.stderr
    assert re.search(r"^ok       mongodb: version .*, members of the replica set: 3\.$", before, re.MULTILINE)
    assert "ok       members: " in before
    for found in (before, after):
        assert "ok       transactions: a transaction was committed on a majority." in found


def renamed(user: dict[str, Any]) -> dict[str, Any]:
    return {"value": user["user"], "pwd": user["pwd"], "roles": user["roles"]}


def run(host: str, command: str, value: Any = 1, *, username: str = "", password: str = "", **more: Any) -> None:
    """Run a command of the database `admin` on one server, as soon as it listens."""
    account: dict[str, Any] = {"username": username, "password": password} if username else {}
    with Client(host, directConnection=True, serverSelectionTimeoutMS=30_000, **account) as client:
        try:
            client.admin.command(command, value, **more)
        except PyMongoError:
            if command != "shutdown":  # this command closes the connection
                raise


def primary_of(hosts: dict[str, str]) -> str:
    give_up_at = time.monotonic() + WITHIN_SECONDS
    while time.monotonic() < give_up_at:
        for address in hosts.values():
            with Client(address, directConnection=True, serverSelectionTimeoutMS=2000) as client:
                if client.admin.command("hello").get("isWritablePrimary"):
                    return address
        time.sleep(0.1)
    raise AssertionError("no primary")


def manage(environment: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "manage.py", *words]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
