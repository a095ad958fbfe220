"""No process looks for the libraries of GeoDjango when it starts."""

import subprocess
import sys

from tests.environment import ROOT

SCRIPT = """
import sys
started = []
sys.addaudithook(lambda event, values: started.append(values[0]) if event == "subprocess.Popen" else None)
import django
django.setup()
from django.db import connection
print(connection.vendor, started)
"""


def test_start_of_a_process_runs_no_other_program() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], cwd=ROOT, capture_output=True, text=True, check=True)

    assert done.stdout == "mongodb []\n"
