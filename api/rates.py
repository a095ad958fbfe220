"""Rates as settings say them: `600/min`."""

import re
from dataclasses import dataclass
from functools import cache

UNIT_SECONDS = {"s": 1, "min": 60, "hour": 3600, "day": 86400}
_RATE = re.compile(rf"([1-9][0-9]{{0,8}})/({'|'.join(UNIT_SECONDS)})")


@dataclass(frozen=True)
class Rate:
    """So many requests in so many seconds."""

    requests: int
    seconds: int


@cache
def parse_rate(text: str) -> Rate:
    """Return the rate. Raises ValueError if it is none."""
    match = _RATE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no rate")
    return Rate(int(match[1]), UNIT_SECONDS[match[2]])
