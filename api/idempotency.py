"""`Idempotency-Key`: a POST that is sent twice has one effect, and both requests get the same response."""

import hashlib
import json
import re
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from http import HTTPStatus
from inspect import isgeneratorfunction
from typing import Any

from django.utils.translation import gettext_lazy as _
from pymongo.errors import DuplicateKeyError, OperationFailure
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from api.models import IdempotencyRecord
from config import clock
from config.errors import ProductError, raises
from mongodb.collections import collection
from mongodb.failures import is_write_conflict
from mongodb.transactions import run_in_transaction

KEPT = timedelta(hours=24)
HEADER = "Idempotency-Key"
REPLAY_HEADER = "Idempotent-Replay"
COLLECTION = IdempotencyRecord._meta.db_table
# Printable ASCII without commas. Servers join repeated headers with a comma, so a comma may mean that two keys were
# sent.
_VALID_KEY = re.compile(r"[\x20-\x2b\x2d-\x7e]{1,255}")


class IdempotencyKeyRequired(ProductError):
    """The call needs an `Idempotency-Key`."""

    code = "idempotency_key_required"
    status = 400
    detail = _("Please send an Idempotency-Key.")


class InvalidIdempotencyKey(ProductError):
    """The key must be 1 to 255 printable ASCII characters without a comma, and the header must be sent once."""

    code = "invalid_idempotency_key"
    status = 400
    detail = _("Send one Idempotency-Key of 1 to 255 printable ASCII characters without a comma.")


class IdempotencyKeyReused(ProductError):
    """The key was used for another request."""

    code = "idempotency_key_reused"
    status = 422
    detail = _("This Idempotency-Key was used for another request.")


class IdempotencyInProgress(ProductError):
    """The first request with the key is still running."""

    code = "idempotency_in_progress"
    status = 409
    detail = _("The first request with this Idempotency-Key is still running.")


@raises(IdempotencyKeyRequired, InvalidIdempotencyKey)
def require_key(request: Request) -> None:
    """Raise IdempotencyKeyRequired if the request has no key, or InvalidIdempotencyKey if the key is invalid."""
    if _key(request) is None:
        raise IdempotencyKeyRequired


@raises(InvalidIdempotencyKey, IdempotencyKeyReused, IdempotencyInProgress)
def respond_once(request: Request, effect: Callable[[], Any], *, status: int = 201, location: str = "") -> Response:
    """Run the effect in one transaction and respond with the JSON value that it returns. With a key, run it only once.

    `location` is the path of what was created. By default, it is the request's path followed by the value's `id`. An
    effect that knows its value beforehand may be a generator that yields the value before it reads or writes. Then the
    key's record is written once, not twice.

    The key's record is the first write of the effect's transaction. So after an error or a crash nothing is stored, and
    the client can use the key again. A concurrent second request conflicts with the open write of the first. Errors
    of the effect are raised unchanged.
    """
    key = _key(request)
    if key is None:
        return _created(request, run_in_transaction(partial(_run, effect, {})), status, location)
    record_id = f"{request.user.pk}:{hashlib.sha256(key.encode()).hexdigest()}"
    fingerprint = _fingerprint(request)
    record = {"_id": record_id, "fingerprint": fingerprint, "status": status, "expires_at": clock.now() + KEPT}
    try:
        return _created(request, run_in_transaction(partial(_run, effect, record)), status, location)
    except IdempotencyInProgress:
        body, status = _kept_answer(record_id, fingerprint)
    response = _created(request, body, status, location)
    response[REPLAY_HEADER] = "true"
    return response


def _run(effect: Callable[[], Any], record: dict[str, Any]) -> Any:
    """Claim the key, unless the record is empty. Then run the effect, and return its value."""
    if isgeneratorfunction(effect):
        steps = effect()
        body = next(steps)
        _claim(record and {**record, "body": _rendered(body)})
        next(steps, None)
        return body
    _claim(record)
    body = effect()
    if record:
        collection(COLLECTION).update_one({"_id": record["_id"]}, {"$set": {"body": _rendered(body)}})
    return body


def _created(request: Request, body: Any, status: int, location: str) -> Response:
    if not location and "id" in body:
        location = f"{request.path}/{body['id']}"
    is_new = status == HTTPStatus.CREATED and location
    return Response(body, status=status, headers={"Location": location} if is_new else None)


def _key(request: Request) -> str | None:
    key: str | None = request.headers.get(HEADER)
    if key is not None and not _VALID_KEY.fullmatch(key):
        raise InvalidIdempotencyKey
    return key


def _fingerprint(request: Request) -> str:
    """Return the hash of what makes two requests the same: method, path, query without `lang`, and the body as JSON."""
    query = sorted((name, values) for name, values in request.query_params.lists() if name != "lang")
    canonical = json.dumps([request.method, request.path, query, request.data], sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _claim(record: dict[str, Any]) -> None:
    """Insert the record, if there is one. Raises IdempotencyInProgress if the key is stored or is being written.

    The error is a ProductError on purpose: MongoDB labels the write conflict as transient, so `run_in_transaction`
    would retry until the first request is done.
    """
    try:
        if record:
            collection(COLLECTION).insert_one(record)
    except DuplicateKeyError as error:
        raise IdempotencyInProgress from error
    except OperationFailure as error:
        if is_write_conflict(error):
            raise IdempotencyInProgress from error
        raise


def _rendered(body: Any) -> str:
    rendered: bytes = JSONRenderer().render(body)
    return rendered.decode()


def _kept_answer(record_id: str, fingerprint: str) -> tuple[Any, int]:
    """Return the body and the status of the first answer.

    Raises IdempotencyInProgress if the answer isn't committed yet, and IdempotencyKeyReused if the key was used for
    another request.
    """
    record = collection(COLLECTION).find_one({"_id": record_id})
    if record is None:
        raise IdempotencyInProgress
    if record["fingerprint"] != fingerprint:
        raise IdempotencyKeyReused
    return json.loads(record["body"]), record["status"]
