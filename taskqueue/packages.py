"""Packages: what a message says about its task, as signed JSON.

A package is `{id, name, func, args, group, started, request_id}`, and `save: False` for a task whose successes are not
noted. Only packages signed with our key are read. django-q's own packages, which an earlier release queued and which
`async_task` still makes, are read too, once django-q has verified their signature. Remove the support for them a year
after that release was replaced, when none of its messages can wait any more.
"""

import json
from datetime import datetime
from typing import Any

from django.core import signing
from django_q.signing import SignedPackage
from django_q.utils import get_func_repr

# A package of django-q, with the fields that django-q's worker and our worker add.
Task = dict[str, Any]

_SALT = "taskqueue.packages"
# Hooks and chains are left out, because they would name further functions to call.
_FIELDS = ("id", "name", "func", "args", "kwargs", "group", "started", "request_id", "save", "timeout")


class PackageSerializer:
    """Serializes packages as JSON, with datetimes as text."""

    def dumps(self, package: Task) -> bytes:
        """Return the package as JSON."""
        return json.dumps(package, separators=(",", ":"), default=datetime.isoformat).encode()

    def loads(self, text: bytes) -> Task:
        """Return the package. Raises ValueError, KeyError or TypeError if the text is not a package."""
        package: Task = json.loads(text)
        return package | {"args": tuple(package["args"]), "started": datetime.fromisoformat(package["started"])}


def pack(package: Task) -> str:
    """Return the package as signed text."""
    return signing.dumps(package, salt=_SALT, serializer=PackageSerializer)


def unpack(payload: str) -> Task:
    """Return the package. May raise any exception if the package can't be read, or is not signed with our key."""
    try:
        return read(payload)
    except signing.BadSignature:
        package = SignedPackage.loads(payload)
    known = {name: package[name] for name in _FIELDS if name in package}
    return known | {"func": get_func_repr(package["func"])}


def read(payload: str) -> Task:
    """Return a package that `pack` has made. Raises BadSignature for all others."""
    package: Task = signing.loads(payload, salt=_SALT, serializer=PackageSerializer)
    return {"kwargs": {}, **{name: package[name] for name in _FIELDS if name in package}}
