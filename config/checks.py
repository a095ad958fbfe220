"""Functions for the system checks of several apps: ranges of numbers, names of hosts."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from django.core.checks import CheckMessage, Error

MOST_PORT = 65535

_LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST = re.compile(rf"(?:(?:{_LABEL}\.)*{_LABEL}|\[[0-9A-Fa-f:.]+\])\Z")
_HOST_AND_PORT = re.compile(r"(.+?)(?::([0-9]{1,5}))?\Z")


@dataclass(frozen=True, slots=True)
class Number:
    """The value of a setting, with its lowest and its highest allowed value."""

    value: int
    least: int
    most: int
    unit: str = ""


def check_numbers(numbers: Mapping[str, Number], *, hint: str, number: str) -> list[CheckMessage]:
    """Return an error for each setting that is out of range. `number` is the id of the error."""
    return [
        Error(f"{name} must be from {one.least} to {one.most}{one.unit}, not {one.value}.", hint=hint, id=number)
        for name, one in numbers.items()
        if not one.least <= one.value <= one.most
    ]


def is_host(text: str) -> bool:
    """Tell whether the text is the name or the address of a host, without a scheme, a port or a path."""
    return _HOST.match(text) is not None


def is_host_with_port(text: str) -> bool:
    """Tell whether the text is a host, with or without a colon and a port."""
    match = _HOST_AND_PORT.match(text)
    return match is not None and is_host(match[1]) and 1 <= int(match[2] or 1) <= MOST_PORT
