"""schemathesis finds no difference between a real gunicorn and the document. `make fuzz` runs longer."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.server import KillableServer
from tests.fuzz.data import EVERYONE, create_data
from tests.fuzz.runner import fuzz

# The user of `make test`; `make check-all` runs the other users.
QUICK = "viewer"
OTHERS = tuple(person for person in EVERYONE if person != QUICK)
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "0"))
SHORT, SHORT_PHASES = 2, "examples,fuzzing,stateful"
LONG_PHASES = "examples,coverage,fuzzing,stateful"
SEED = int(os.environ.get("FUZZ_SEED", "1"))

pytestmark = [pytest.mark.django_db, pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(3600 if EXAMPLES else 120)]


@pytest.fixture
def server(child_environment: dict[str, str]) -> Iterator[KillableServer]:
    server = KillableServer(child_environment)
    server.start()
    yield server
    server.close()


@pytest.mark.parametrize("person", [QUICK, *(pytest.param(person, marks=pytest.mark.long) for person in OTHERS)])
def test_server_answers_what_the_document_says(person: str, server: KillableServer, tmp_path: Path) -> None:
    report = fuzz(
        person,
        create_data(),
        server.url,
        tmp_path,
        examples=EXAMPLES or SHORT,
        phases=LONG_PHASES if EXAMPLES else SHORT_PHASES,
        seed=SEED,
    )

    print(f"{person}: {report.requests} requests")  # noqa: T201 - seen with -s, as `make fuzz` runs it
    assert report.passed, report.text
    assert report.requests > 0
