"""Test vectors: RTC AccessTokens and a signed StartRecord request, with made-up keys."""

import json
from pathlib import Path
from typing import Any


def load_vectors(name: str) -> dict[str, Any]:
    """Return the vectors of the named file beside this module."""
    vectors: dict[str, Any] = json.loads((Path(__file__).parent / f"{name}.json").read_text(encoding="utf-8"))
    return vectors
