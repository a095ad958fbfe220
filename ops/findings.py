"""What `manage.py doctor` prints: one line for each finding."""

from dataclasses import dataclass
from enum import Enum


class State(Enum):
    """How bad a finding is. Only FAILED makes the command fail."""

    FINE = "ok"
    WARNING = "warning"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report: what was examined, and what is wrong with it or worth knowing."""

    what: str
    state: State
    text: str
