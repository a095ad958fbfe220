"""Runs django-mongodb-backend without GeoDjango.

The backend imports GeoDjango, which runs a compiler 36 times to look for GDAL. That takes two seconds at the start of
each process. We store no geometries, so this module makes the search fail immediately, which the backend accepts.
"""

import ctypes.util


def _find_nothing(name: str) -> str | None:  # noqa: ARG001 - the signature of find_library
    return None


_find_library = ctypes.util.find_library
ctypes.util.find_library = _find_nothing
try:
    from django_mongodb_backend import base, operations
finally:
    ctypes.util.find_library = _find_library

__all__ = ("base", "operations")
