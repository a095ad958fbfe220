"""Reads MongoDB's URI without the network. The name in a `mongodb+srv://` URI is not looked up."""

import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pymongo.errors import PyMongoError
from pymongo.uri_parser import parse_uri, split_options, validate_options

SCHEME = "mongodb://"
SRV_SCHEME = "mongodb+srv://"
# A shorter time-out would make every call fail. It was probably meant in seconds, not in milliseconds.
LEAST_SECONDS = 0.1
TIMES = ("connecttimeoutms", "serverselectiontimeoutms", "sockettimeoutms", "timeoutms", "waitqueuetimeoutms")
ESCAPE = "percent-encode what is special in user and password; ports are from 1 to 65535"

_DATABASE = re.compile(r"[A-Za-z0-9_-]{0,63}\Z")


class BadUri(Exception):
    """The driver would refuse the URI, or the URI holds an obvious mistake.

    The text says why without quoting the URI, because the URI holds a password.
    """


@dataclass(frozen=True, slots=True)
class Uri:
    """The parts of a URI. The names of the options are in lower case."""

    database: str
    options: Mapping[str, Any]


def read_uri(uri: str) -> Uri:
    """Return the parts. Raise BadUri if the driver would refuse the URI, or if the URI holds an obvious mistake."""
    if not uri.startswith((SCHEME, SRV_SCHEME)):
        raise BadUri(f"it must begin with {SCHEME} or {SRV_SCHEME}")
    if "<" in uri or ">" in uri:
        raise BadUri("it has a placeholder in angle brackets")
    is_srv = uri.startswith(SRV_SCHEME)
    place, _mark, query = uri.partition("://")[2].partition("?")
    try:
        parts = parse_uri(SCHEME + place)
    except (PyMongoError, ValueError, IndexError) as error:
        raise BadUri(ESCAPE) from error
    # A database name or a query like this is the rest of a password that contains an unencoded "/" or "?".
    if not _DATABASE.match(parts["database"] or "") or "@" in query:
        raise BadUri(ESCAPE)
    if is_srv and (len(parts["nodelist"]) != 1 or ":" in place.rpartition("@")[2]):
        raise BadUri(f"{SRV_SCHEME} takes one name, without a port")
    options = _options(query) if query else {}
    if options.get("directconnection") and len(parts["nodelist"]) != 1:
        raise BadUri("directConnection=true takes one host")
    return Uri(database=parts["database"] or "", options=options)


def _options(query: str) -> dict[str, Any]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pymongo warns about options with deprecated names
            given = split_options(query, validate=False)
    except (PyMongoError, ValueError) as error:
        raise BadUri("its options contradict each other, or are not name=value") from error
    return {name.lower(): _valid(name, value) for name, value in given.items()}


def _valid(name: str, value: Any) -> Any:
    try:
        valid = next(iter(validate_options({name: value}).values()))
    except (PyMongoError, ValueError, TypeError) as error:
        raise BadUri(f"the driver does not accept its option {name}, or that option's value") from error
    if name.lower() in TIMES and valid and valid < LEAST_SECONDS:
        raise BadUri(f"its option {name} is in milliseconds, and too short")
    return valid
