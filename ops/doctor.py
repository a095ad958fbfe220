"""The checks of `manage.py doctor`: what keeps shows from starting or people from being told, and what to do then."""

import time
from collections.abc import Callable, Iterator
from datetime import datetime
from socket import gethostname
from uuid import uuid4

import pymongo
from django.conf import settings
from django.core.checks import run_checks
from django.db import DatabaseError
from pymongo.errors import OperationFailure, PyMongoError

from config import clock
from config.cache import answers
from config.errors import Unavailable
from goals.holding import held
from mongodb.collections import Document, collection, connection
from mongodb.failures import explain, is_refused
from mongodb.pending import why_not_ready
from mongodb.transactions import run_in_transaction
from ops.checks import STAND_INS
from ops.findings import Finding, State
from ops.readiness import OK, UNKNOWN, living_clusters, readiness
from ops.structure import examine_structure
from ops.vendors import examine_realtime, examine_rtc
from taskqueue.claim_owner import host_of
from taskqueue.clock_skew import WARN_ABOVE_SECONDS, ClockWatch
from taskqueue.queues import Queue

ANSWERED_WITHIN_SECONDS = 5.0
OLDEST_MAJOR_VERSION = 6
PROBES = "doctor_probes"
# The states of a healthy member of the replica set.
HEALTHY = ("PRIMARY", "SECONDARY", "ARBITER")
MOST_SECONDS_BEHIND = 10.0
# The primary gets a heartbeat from each other member every 2 s. The remaining 0.5 s are spare.
SECONDS_BETWEEN_HEARTBEATS = 2.5
# Sentences for the states of the qclusters that `/readyz` reports.
NOT_READY = {
    "none_alive": "no qcluster has reported for 15 s: start `manage.py qcluster`",
    "no_locks": "a qcluster can't use DATA_DIR/locks; its log says why",
    "no_clock": "no qcluster knows the time, because the clocks are not steady: synchronise all hosts by NTP",
    UNKNOWN: "MongoDB has not answered",
}


def examine() -> Iterator[Finding]:
    """Yield all findings. If the check of MongoDB fails, the other checks that need MongoDB are left out."""
    yield from _settings()
    yield from _cache()
    about_mongodb = [*_safely("mongodb", _mongodb)]
    yield from about_mongodb
    if all(finding.state is not State.FAILED for finding in about_mongodb):
        for what, look in LOOKS.items():
            yield from _safely(what, look)


def _settings() -> Iterator[Finding]:
    messages = [message for message in run_checks() if not message.is_silenced()]
    for message in messages:
        state = State.FAILED if message.is_serious() else State.WARNING
        yield Finding("settings", state, f"({message.id}) {message.msg} `manage.py check` says what to do")
    if not any(message.is_serious() for message in messages):
        yield Finding("settings", State.FINE, "`manage.py check` finds no errors")
    for name in ("REALTIME_BACKEND", "RTC_BACKEND"):
        if getattr(settings, name) in STAND_INS:
            yield Finding("settings", State.WARNING, f"{name} is {getattr(settings, name)}: choose a real backend")


def _cache() -> Iterator[Finding]:
    if settings.CACHE_URL:
        place, advice = "the Redis of CACHE_URL", "start it"
    else:
        place, advice = "the cache in DATA_DIR", "make the directory writable, and see that its disk has space"
    if answers():
        yield Finding("cache", State.FINE, f"{place} answers")
    else:
        yield Finding("cache", State.WARNING, f"{place} does not answer, so everything is slower: {advice}")


def _mongodb() -> Iterator[Finding]:
    """Report problems of the whole replica set. If this check fails, no other check that needs MongoDB is made."""
    hello = connection.get_database().command("hello")
    version = connection.connection.server_info()["version"]
    if int(version.partition(".")[0]) < OLDEST_MAJOR_VERSION:
        yield Finding("mongodb", State.FAILED, f"version {version} is too old: install 6.0 or newer")
    if "setName" not in hello:
        yield Finding("mongodb", State.FAILED, "a single server has no transactions: start it with --replSet")
        return
    members = hello.get("hosts", [])
    state, advice = (State.FINE, "") if len(members) > 1 else (State.WARNING, "; use three, so that one may fail")
    yield Finding("mongodb", state, f"version {version}, members of the replica set: {len(members)}{advice}")


def _members() -> Iterator[Finding]:
    """Report members that are away or far behind. If another member failed as well, the product might stop."""
    try:
        members = _ask_for_members()
        newest = max(member["optimeDate"] for member in members if member.get("optimeDate"))
        if any(_seconds_behind(member, newest) > MOST_SECONDS_BEHIND for member in members):
            # If nothing was written for a while, the primary hears of a member's newest write only with the next
            # heartbeat.
            time.sleep(SECONDS_BETWEEN_HEARTBEATS)
            members = _ask_for_members()
    except OperationFailure as error:
        if not is_refused(error):
            raise
        text = "the user of MONGODB_URI may not see the states of the members: give it the role clusterMonitor"
        yield Finding("members", State.WARNING, text)
        return
    problems = [problem for member in members if (problem := _problem_of(member, newest))]
    for problem in problems:
        yield Finding("members", State.WARNING, problem)
    if not problems:
        yield Finding("members", State.FINE, "all members are up and have the newest writes")


def _ask_for_members() -> list[Document]:
    members: list[Document] = connection.connection.admin.command("replSetGetStatus")["members"]
    return members


def _problem_of(member: Document, newest: datetime) -> str:
    if member["stateStr"] not in HEALTHY:
        return f"{member['name']} is {member['stateStr']}: start or repair it"
    if (behind := _seconds_behind(member, newest)) > MOST_SECONDS_BEHIND:
        return f"{member['name']} is {behind:.0f} s behind: see what keeps it busy"
    return ""


def _seconds_behind(member: Document, newest: datetime) -> float:
    """Return how much older the member's last known write is than `newest`; 0 for an arbiter, which has no data."""
    return (newest - member["optimeDate"]).total_seconds() if member.get("optimeDate") else 0.0


def _transactions() -> Iterator[Finding]:
    """Commit a transaction with w=majority. The commit hangs if too few members are running."""
    probe = {"_id": uuid4().hex}
    try:
        run_in_transaction(lambda: collection(PROBES).insert_one(probe))
    finally:
        connection.get_collection(PROBES).drop()
    yield Finding("transactions", State.FINE, "a transaction was committed on a majority")


def _clock() -> Iterator[Finding]:
    """Compare the database's clock with the clocks of this host and of the hosts that run a qcluster.

    After that, this process uses the right time. A wrong clock is not a failure, because the host then uses the
    database's clock, and shows still start on time.
    """
    ClockWatch().look()
    skews = {host_of(cluster["_id"]): cluster.get("skew_seconds") or 0.0 for cluster in living_clusters()}
    for host, skew in (skews | {gethostname(): clock.skew_seconds()}).items():
        text = f"the database's clock is {skew:+.3f} s ahead of that of {host}"
        if abs(skew) <= WARN_ABOVE_SECONDS:
            yield Finding("clock", State.FINE, text)
        else:
            yield Finding("clock", State.WARNING, f"{text}: synchronise both by NTP")


def _migrations() -> Iterator[Finding]:
    if problem := why_not_ready():
        yield Finding("migrations", State.FAILED, problem)
    else:
        yield Finding("migrations", State.FINE, "all are applied")


def _clusters() -> Iterator[Finding]:
    checks = readiness()
    if checks["cluster"] != OK:
        yield Finding("qcluster", State.FAILED, NOT_READY[checks["cluster"]])
        return
    alive = living_clusters()
    lanes = {key for cluster in alive for key, count in cluster["workers"].items() if count}
    if idle := [queue.value for queue in Queue if queue.value not in lanes]:
        yield Finding("qcluster", State.FAILED, f"no workers for {', '.join(idle)}: start a qcluster without -n")
    elif checks["queue"] != OK:
        yield Finding("qcluster", State.FAILED, "a message has waited for 30 s: start more workers or hosts")
    else:
        yield Finding("qcluster", State.FINE, "a qcluster is running, and every lane has enough workers")


def _held() -> Iterator[Finding]:
    """Report the shows that wait for a decision."""
    if count := collection("goals").count_documents(held(now=clock.now())):
        text = f"shows that wait for a decision since the restoration: {count}; run `manage.py held_shows`"
        yield Finding("held", State.WARNING, text)


# The checks that need MongoDB.
LOOKS = {
    "members": _members,
    "transactions": _transactions,
    "clock": _clock,
    "migrations": _migrations,
    "indexes": examine_structure,
    "qcluster": _clusters,
    "held": _held,
    "pusher": examine_realtime,
    "byteplus": examine_rtc,
}


def _safely(what: str, look: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    try:
        with pymongo.timeout(ANSWERED_WITHIN_SECONDS):
            yield from list(look())
    except (PyMongoError, DatabaseError, Unavailable) as error:
        yield Finding(what, State.FAILED, explain(error))
