"""Pure functions that merge what BytePlus reports about a recording into what is stored."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sessions_app.rtc.answers import MAX_FILES
from sessions_app.rtc.base import RecordTask

File = dict[str, Any]


def provider_fields(task: RecordTask, *, known: Sequence[File]) -> dict[str, Any]:
    """Return the vendor's response in the form in which it is stored.

    `known` has the files that are already stored. The result also has these files. A recording that is started
    again keeps its task id. From then on, the vendor lists only the new files.
    """
    return {
        "status": task.status.name.lower(),
        "stop_reason": task.stop_reason,
        "files": _merged(known, [asdict(file) for file in task.files])[:MAX_FILES],
    }


def _merged(known: Sequence[File], told: Sequence[File]) -> list[File]:
    """Return the known files, each updated from the response, followed by the new files."""
    files = [dict(file) for file in known]
    for file in told:
        if same := next((other for other in files if _is_same(file, other)), None):
            same |= {name: value for name, value in file.items() if value}
        else:
            files.append(file)
    return files


def _is_same(one: File, other: File) -> bool:
    """Tell whether the two files have the same name in the vendor's video store or in the bucket, or are equal."""
    return one == other or any(one[name] and one[name] == other[name] for name in ("vid", "object_key"))
