"""The actions of an evening: people open funding goals, pay and start shows, and workers are killed."""

import os
import signal
import time
from contextlib import suppress

import psutil
from django.contrib.auth.models import Permission, User

from lab.bodies import FUNDING_CONTEXT, show_body
from lab.loopback.faults import Failure, Fault
from tests.e2e.running_product import Person, RunningProduct

SHOW_SECONDS = 4
AWAY = Fault(Failure.STATUS, status=500)


def open_funding(product: RunningProduct, *, hesitation_seconds: int = 3600) -> str:
    context = {**FUNDING_CONTEXT, "session_id": product.session_id, "hesitation_countdown": hesitation_seconds}
    body = {"levels": [{"title": "Tickets", "target": 100}], "context": {**context, "perform_duration": SHOW_SECONDS}}
    return str(product.streamer.post("/goals?type=show-funding", body, wanted=201)["id"])


def pay(goal_id: str, payer: Person, *amounts: int) -> int:
    for number, amount in enumerate(amounts):
        payer.post(f"/goals/{goal_id}/contributions", {"amount": amount}, wanted=201, key=f"{goal_id} {number}")
    return sum(amounts)


def start_show(product: RunningProduct, funding_goal_id: str) -> str:
    """Create a show that starts at once, and wait until it is live."""
    body = show_body(funding_goal_id, product.session_id, nbf=int(time.time()), target_seconds=SHOW_SECONDS)
    show_id = product.streamer.post("/goals?type=show", body, wanted=201)["id"]
    product.until(lambda: product.streamer.get(f"/goals/{show_id}")["status"] == "live")
    return str(show_id)


def promoted(person: Person) -> Person:
    """Make the person a member of staff who may view goals."""
    user = User.objects.get(pk=person.id)
    user.is_staff = True
    user.save(update_fields=["is_staff"])
    user.user_permissions.add(Permission.objects.get(codename="view_goal"))
    return person


def kill_workers(product: RunningProduct) -> int:
    """Kill all workers of the qcluster, which then starts new ones. Return how many were killed."""
    qcluster = psutil.Process(product.children._running["qcluster"].pid)
    workers = [
        child for child in qcluster.children(recursive=True) if "resource_tracker" not in " ".join(child.cmdline())
    ]
    for worker in workers:
        with suppress(ProcessLookupError):
            os.kill(worker.pid, signal.SIGKILL)
    return len(workers)
