"""Requests in WSGI's form (PEP 3333): from an ASGI scope, or from the readable part of a malformed request."""

import re
import sys
from collections.abc import Mapping
from io import BytesIO
from typing import Any
from urllib.parse import unquote_to_bytes

Environ = dict[str, Any]

# The path as it was sent, for the log.
RAW_PATH = "RAW_PATH"
# A target that a client sends to a proxy, such as `http://host/path` (RFC 9112, section 3.2.2).
_ABSOLUTE = re.compile(rb"(?i:https?)://([^/]*)(.*)")
_CONTENT_HEADERS = frozenset({"CONTENT_LENGTH", "CONTENT_TYPE"})
_REQUEST_LINE = re.compile(rb"([A-Z]{1,20}) (/[!->@-~]{0,200})(?:\?([!-~]*))?")
# The headers that the middleware reads for a refusal. Other headers of an unreadable request are left out.
_READ = frozenset(
    {"HTTP_ACCEPT_LANGUAGE", "HTTP_ORIGIN", "HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO", "HTTP_X_REQUEST_ID"}
)


def environ_of_scope(scope: Mapping[str, Any]) -> Environ:
    """Return the request of an ASGI scope, without its body. Values of a repeated header are joined by commas.

    If the target names a host, this host replaces the header `Host`, as RFC 9112 says.
    """
    host, port = scope["server"] or ("", 0)
    absolute = _ABSOLUTE.fullmatch(scope["raw_path"])
    path = (absolute[2] or b"/") if absolute else scope["raw_path"]
    environ = _environ(scope["method"], path, scope["query_string"], (scope["client"] or ("",))[0])
    environ |= {
        "SERVER_NAME": str(host),
        "SERVER_PORT": str(port or 0),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "wsgi.url_scheme": scope["scheme"],
    }
    for name, value in scope["headers"]:
        key, text = _key(name.decode("latin-1")), value.decode("latin-1")
        environ[key] = f"{environ[key]},{text}" if key in environ else text
    if absolute and "HTTP_HOST" in environ:
        environ["HTTP_HOST"] = absolute[1].decode("latin-1")
    return environ


def environ_of_head(head: bytes, peer: str) -> Environ:
    """Return the readable part of a request that could not be parsed, or has not arrived completely."""
    line, *fields = head.split(b"\r\n")
    found = _REQUEST_LINE.match(line)
    method, path, query = found.groups(b"") if found else (b"-", b"-", b"")
    environ = _environ(method.decode(), path, query, peer)
    for field in fields:
        name, _colon, value = field.decode("latin-1").partition(":")
        if (key := _key(name)) in _READ:
            environ[key] = value.strip()
    return environ


def _environ(method: str, path: bytes, query: bytes, peer: str) -> Environ:
    return {
        "REQUEST_METHOD": method,
        RAW_PATH: path.decode("latin-1"),
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query.decode("latin-1"),
        "SERVER_NAME": "",
        "SERVER_PORT": "0",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": peer,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }


def _key(name: str) -> str:
    key = name.upper().replace("-", "_")
    return key if key in _CONTENT_HEADERS else f"HTTP_{key}"
