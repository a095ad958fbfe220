"""Ports to vendors. For each, a setting chooses the backend: `{"BACKEND": "dotted.Class", "OPTIONS": {...}}`."""

import os
from functools import cache
from typing import Any

from django.conf import settings
from django.core.signals import setting_changed
from django.utils.module_loading import import_string

PORTS = frozenset({"REALTIME", "RTC", "ANALYTICS"})


@cache
def load_port(setting: str) -> Any:
    """Return the backend that the named setting chooses. Each process has one instance."""
    configuration: dict[str, Any] = getattr(settings, setting)
    backend = import_string(configuration["BACKEND"])
    return backend(**configuration.get("OPTIONS", {}))


def _forget(setting: str, **_kwargs: object) -> None:
    if setting in PORTS:
        load_port.cache_clear()


# A child process must not share the sockets of a backend.
os.register_at_fork(after_in_child=load_port.cache_clear)
setting_changed.connect(_forget, dispatch_uid="config.ports.forget")
