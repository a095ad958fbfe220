"""A stand-in for `mongosh`, which knows the calls that the page makes."""

import json
import re
from typing import Any

from pymongo import MongoClient
from pymongo.database import Database

from tests.handbook.table import NotInTable

STEPPED_DOWN_SECONDS = 60  # mongosh's default
SELECTED_WITHIN_MILLISECONDS = 30_000
Client = MongoClient[dict[str, Any]]
_KEY = re.compile(r"([{,]\s*)(\w+):")
_PATTERN = re.compile(r": /([^/]+)/")


def evaluate(uri: str, script: str) -> str:
    """Make the call on the server or the replica set of the URI, and return what mongosh prints."""
    is_one_server = "replicaSet=" not in uri
    with Client(uri, directConnection=is_one_server, serverSelectionTimeoutMS=SELECTED_WITHIN_MILLISECONDS) as client:
        return str(_call(client, client.get_default_database("test"), script.strip()))


def _call(client: Client, database: Database[dict[str, Any]], script: str) -> Any:
    admin = client.admin
    if found := re.fullmatch(r"rs\.initiate\((.*)\)", script):
        return admin.command("replSetInitiate", _value(found[1]))
    if script == "rs.stepDown()":
        return admin.command("replSetStepDown", STEPPED_DOWN_SECONDS)
    if script == "db.hello().primary":
        return admin.command("hello").get("primary")
    if found := re.fullmatch(r'db\.getSiblingDB\("(\w+)"\)\.createUser\((.*)\)', script):
        user = _value(found[2])
        return client[found[1]].command("createUser", user["user"], pwd=user["pwd"], roles=user["roles"])
    if found := re.fullmatch(r'db\.getSiblingDB\("(\w+)"\)\.grantRolesToUser\("(\w+)", (.*)\)', script):
        return client[found[1]].command("grantRolesToUser", found[2], roles=_value(found[3]))
    if found := re.fullmatch(r"db\.(\w+)\.deleteMany\((.*)\)", script):
        return database[found[1]].delete_many(_value(found[2])).deleted_count
    raise NotInTable(f"tests/handbook/mongosh.py does not know the call {script}")


def _value(text: str) -> Any:
    """Return the value of JavaScript that is like JSON, except that keys have no quotes, and values may be patterns."""
    return json.loads(_KEY.sub(r'\1"\2":', _PATTERN.sub(r': {"$regex": "\1"}', text)))
