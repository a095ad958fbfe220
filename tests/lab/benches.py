"""Functions that run benchmarks as commands, in processes of their own."""

import os
import subprocess
import sys

from django.db import connection
from pymongo import MongoClient

from tests.environment import ROOT


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `manage.py bench`."""
    with start_bench(*arguments) as process:
        printed, errors = process.communicate()
    return subprocess.CompletedProcess(arguments, process.returncode, printed, errors)


def start_bench(*arguments: str) -> subprocess.Popen[str]:
    """Start `manage.py bench`. Its database is named after the tests' database."""
    environment = {**os.environ, "MONGODB_NAME": connection.settings_dict["NAME"]}
    command = [sys.executable, "manage.py", "bench", *arguments]
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def database_is_dropped() -> bool:
    """Tell whether the database of the benchmarks is gone."""
    with MongoClient[dict[str, object]](os.environ["MONGODB_URI"]) as client:
        return f"{connection.settings_dict['NAME']}_bench" not in client.list_database_names()
