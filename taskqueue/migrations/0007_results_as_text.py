"""Convert the arguments and errors of failed tasks, which an earlier release stored as pickles, to JSON.

The tasks can then be read and resubmitted. No class or function is loaded from a pickle, so it can't run code. A pickle
that holds anything but plain values stays as it is. Successes stay, too: they expire within a week.
"""

import base64
import io
import json
import pickle
from typing import Any, NoReturn

from django.db import migrations

RESULTS = "django_q_task"
FIELDS = ("args", "kwargs", "result")
PLAIN = (str, int, bool, type(None))


class Plain(pickle.Unpickler):
    """Loads strings, numbers and containers only."""

    def find_class(self, module: str, name: str) -> NoReturn:
        raise pickle.UnpicklingError(f"{module}.{name}")


def convert(apps: Any, schema_editor: Any) -> None:
    """Write the values of failed tasks as JSON."""
    results = schema_editor.connection.get_collection(RESULTS)
    for row in results.find({"success": False}, dict.fromkeys(FIELDS, True)):
        texts = {name: text for name in FIELDS if (text := _as_json(row.get(name))) is not None}
        if texts:
            results.update_one({"_id": row["_id"], **{name: row[name] for name in texts}}, {"$set": texts})


def _as_json(stored: Any) -> str | None:
    """Return a stored pickle as JSON, or None if it is not a pickle or holds more than plain values."""
    if not isinstance(stored, str) or _is_json(stored):
        return None
    try:
        value = Plain(io.BytesIO(base64.b64decode(stored))).load()
    except Exception:  # noqa: BLE001 - a forged pickle may raise anything
        return None
    is_plain = isinstance(value, PLAIN) or value == {}
    if is_plain or (isinstance(value, tuple) and all(isinstance(each, PLAIN) for each in value)):
        return json.dumps(value)
    return None


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def keep(apps: Any, schema_editor: Any) -> None:
    """Keep the JSON, which an earlier release shows as it is."""


class Migration(migrations.Migration):
    dependencies = [("taskqueue", "0006_vendor_outages"), ("django_q", "0002_results_as_text")]
    operations = [migrations.RunPython(convert, keep)]
