"""Other projects' linters and generators accept docs/openapi.yaml, and the generated clients work."""

from pathlib import Path

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher, make_password
from django.contrib.auth.models import User

from tests.e2e.running_product import RunningProduct
from tests.generators.clients import CLIENTS, DOCUMENT, FOLDER, NODE_TOOLS, run

pytestmark = [pytest.mark.long, pytest.mark.needs("generators")]

JAVA, NODE = pytest.mark.needs("java"), pytest.mark.needs("npm")
PASSWORD = "a long password"
EVENING = {
    "location": True,
    "paid": 200,
    "refused": "funding_still_open",
    "closed": "closed",
    "preset": "sd",
    "room": True,
    "begun": "streamer",
    "payers": [200],
    "report": 200,
    "settlement": "in_question",
    "mine": ["in_question"],
    "timeline": True,
    "ended": "ended",
}


@pytest.mark.needs("npm")
@pytest.mark.parametrize(
    "command",
    [
        ("redocly", "lint", "--extends", "recommended", "--max-problems", "20"),
        ("spectral", "lint", "--fail-severity", "hint", "--ruleset", str(FOLDER / ".spectral.yaml")),
    ],
    ids=lambda command: command[0],
)
def test_linter_finds_nothing(command: tuple[str, ...], tmp_path: Path) -> None:
    said = run(NODE_TOOLS / command[0], *command[1:], DOCUMENT, folder=tmp_path)

    assert "warning" not in said, said


@pytest.mark.e2e
@pytest.mark.slow
@pytest.mark.parametrize(
    "script",
    [
        "evening_of_openapi_python_client.py",
        pytest.param("evening_of_openapi_generator.py", marks=JAVA),
        pytest.param("evening_of_openapi_typescript.ts", marks=NODE),
        pytest.param("evening_of_openapi_generator.ts", marks=[JAVA, NODE]),
    ],
)
def test_generated_client_plays_an_evening(script: str, tmp_path: Path, product: RunningProduct) -> None:
    generate, play = CLIENTS[script]
    folder = tmp_path / "client"
    folder.mkdir()
    # The server does not know the hasher of the tests.
    password = make_password(PASSWORD, hasher=PBKDF2PasswordHasher())
    User.objects.bulk_create(User(username=name, password=password) for name in ("mei", "kai"))

    generate(folder)
    told = play(script, folder, product.streamer.base_url, "mei", "kai", PASSWORD)

    assert told == EVENING
