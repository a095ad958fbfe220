"""`POST /byteplus/callback`, with which BytePlus reports that a recording has started or stopped."""

import hashlib
import hmac
import json
import logging
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from pymongo.errors import DuplicateKeyError
from rest_framework.exceptions import PermissionDenied, Throttled
from rest_framework.request import Request
from rest_framework.response import Response

from api.access import Role
from api.throttles import count_refused
from api.views import PublicView
from config import clock
from config.errors import raises
from mongodb.collections import collection
from mongodb.transactions import run_in_transaction
from sessions_app.models import RecordingCallback
from sessions_app.recordings.state import find_recording, goal_of_task
from sessions_app.recordings.tasks import check_recording

logger = logging.getLogger(__name__)

BYTEPLUS = Role("BytePlus", needs_token=False)

CALLBACKS = RecordingCallback._meta.db_table
ABOUT_RECORDINGS = frozenset({"RecordStarted", "RecordStopped"})
MAX_EVENT_ID_CHARACTERS = 200
_SIGNED = ("EventType", "EventData", "EventTime", "EventId", "AppId", "Version")


class BytePlusCallback(PublicView):
    """Takes signed callbacks from BytePlus. BytePlus repeats a callback that does not get a 200 within 5 seconds."""

    access = {"post": (BYTEPLUS,)}
    throttle_classes = ()  # many shows may start at once, so only refused callbacks count against the limit

    @raises(PermissionDenied, Throttled)
    def post(self, request: Request) -> Response:
        """A recording has started or stopped.

        Only BytePlus calls this. A callback that is not signed with the shared secret gets 403. A callback is only a
        hint: after it, the server asks BytePlus for the state of the recording. Idempotent.
        """
        body: Any = request.data  # any JSON value
        if not isinstance(body, dict) or not is_genuine(body):
            logger.warning("callback refused")
            count_refused(request)
            raise PermissionDenied
        goal_id = _recorded_show(body)
        if goal_id is not None and find_recording(goal_id) is not None:
            _take(body["EventId"], goal_id)
        return Response({})


def is_genuine(body: Mapping[str, Any]) -> bool:
    """Tell whether BytePlus has signed the callback.

    A callback is not genuine if a signed field is missing or malformed, or if no secret is configured.
    """
    nonce = body.get("Noce", body.get("Nonce"))  # BytePlus spells it "Noce", and VolcEngine spells it "Nonce"
    values = [*(body.get(name) for name in _SIGNED), nonce]
    given = body.get("Signature")
    if not settings.BYTEPLUS_CALLBACK_SECRET or not isinstance(given, str):
        return False
    if not all(isinstance(value, str) for value in values):
        return False
    if not 0 < len(body["EventId"]) <= MAX_EVENT_ID_CHARACTERS:
        return False
    return hmac.compare_digest(given.encode(), signature(values, settings.BYTEPLUS_CALLBACK_SECRET).encode())


def signature(values: list[Any], secret: str) -> str:
    """Sort and concatenate the values and the secret, and return the SHA-256 hash in hexadecimal."""
    return hashlib.sha256("".join(sorted([*values, secret])).encode()).hexdigest()


def _recorded_show(body: Mapping[str, Any]) -> str | None:
    if body["EventType"] not in ABOUT_RECORDINGS or body["AppId"] != settings.BYTEPLUS_APP_ID:
        return None
    try:
        task_id = json.loads(body["EventData"])["TaskId"]
    except (ValueError, LookupError, TypeError, RecursionError):
        logger.warning("callback without a task event=%s", body["EventType"])
        return None
    return goal_of_task(task_id) if isinstance(task_id, str) else None


def _take(event_id: str, goal_id: str) -> None:
    """Queue a check of the recording, unless the event has been processed before."""

    def effect() -> None:
        collection(CALLBACKS).insert_one({"_id": event_id, "received_at": clock.now()})
        check_recording.enqueue(goal_id, subject=goal_id)

    try:
        run_in_transaction(effect)
    except DuplicateKeyError:
        logger.info("repeated callback ignored goal=%s", goal_id)
