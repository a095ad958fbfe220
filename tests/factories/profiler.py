"""Records the commands that reach MongoDB, and the query plan of each."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from api.known_users import known_users
from tests.factories.documents import connection

# These fields belong to the connection, not to the query.
_SESSION = frozenset(
    {"lsid", "txnNumber", "startTransaction", "autocommit", "$db", "$clusterTime", "readConcern", "writeConcern"}
)
# Our own name for an IXSCAN without bounds; MongoDB has no such stage.
WHOLE_INDEX = "WHOLE_INDEX"
_EXPLAINABLE = ("find", "aggregate", "count", "distinct", "findAndModify", "findandmodify")


@dataclass(frozen=True)
class Query:
    """A command with a plan, and the stages of that plan, including those of its `$lookup`s."""

    collection: str
    command: dict[str, Any]
    stages: frozenset[str]


@dataclass
class Profile:
    """The queries of a `profiled` block, once it has ended."""

    queries: list[Query] = field(default_factory=list)


@contextmanager
def profiled() -> Iterator[Profile]:
    """Have the server record each command of the block, then explain each command as it was sent.

    Known users are forgotten, so the first request of each caller reads the user.
    """
    known_users.forget()
    database, profile = connection.database, Profile()
    database.command("profile", 0)
    database.drop_collection("system.profile")
    database.command("profile", 2)
    try:
        yield profile
    finally:
        database.command("profile", 0)
        entries = list(database["system.profile"].find())
        database.drop_collection("system.profile")
    profile.queries += [query for entry in entries if (query := _explained(entry))]


def _explained(entry: dict[str, Any]) -> Query | None:
    name = entry["ns"].partition(".")[2]
    command = _explainable(entry, name)
    if command is None or name.startswith("system."):
        return None
    plan = connection.database.command("explain", command, verbosity="executionStats")
    stages = set(_stages(plan)) - (set() if _is_selective(command) else {WHOLE_INDEX})
    return Query(name, command, frozenset(stages))


def _explainable(entry: dict[str, Any], collection: str) -> dict[str, Any] | None:
    """Return the command without the fields of its connection, or None if it has no plan."""
    command = {name: value for name, value in entry.get("command", {}).items() if name not in _SESSION}
    if entry["op"] == "update":
        return {"update": collection, "updates": [command]}
    if entry["op"] == "remove":
        return {"delete": collection, "deletes": [command]}
    return command if any(name in command for name in _EXPLAINABLE) and "explain" not in command else None


def _is_selective(command: dict[str, Any]) -> bool:
    """Tell whether the command has a filter. If so, reading a whole index counts as a scan."""
    stages = command.get("pipeline", ())
    return bool(stages and "$match" in stages[0]) or bool(command.get("filter"))


def _stages(plan: Any) -> Iterator[str]:
    """Yield every stage. A `$lookup` that scanned a collection counts as COLLSCAN."""
    if isinstance(plan, dict):
        if isinstance(plan.get("stage"), str):
            yield plan["stage"]
        # The bounds of a COUNT_SCAN are a first and a last key, unlike those of an IXSCAN.
        of_fields = [each for each in plan.get("indexBounds", {}).values() if isinstance(each, list)]
        bounds = [bound for of_field in of_fields for bound in of_field]
        if bounds and set(bounds) <= {"[MinKey, MaxKey]", "[MaxKey, MinKey]"}:
            yield WHOLE_INDEX
        if plan.get("collectionScans"):
            yield "COLLSCAN"
        plan = [inner for name, inner in plan.items() if name != "rejectedPlans"]
    if isinstance(plan, list):
        for inner in plan:
            yield from _stages(inner)
