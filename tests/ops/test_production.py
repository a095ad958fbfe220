"""The product works without the folder lab/, and with only the packages of requirements.txt."""

import ast
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import requests
from django.conf import settings

from analytics.models import AnalyticsEvent
from lab.bodies import FUNDING_CONTEXT
from lab.stand_ins import run_stand_ins
from tests.environment import ROOT, known_settings

UP_WITHIN_SECONDS = 60.0
STOPPED_WITHIN_SECONDS = 60.0
ROOMS = [path.name for path in ROOT.iterdir() if (path / "__init__.py").is_file() and path.name not in ("lab", "tests")]
PASSWORD = "a long password"
NO_MONGODB = "?: (ops.E001) MONGODB_URI is not set.\n"
COMMANDS = {
    **{name: ["manage.py", name] for name in ("migrate", "qcluster", "serve", "check", "createsuperuser")},
    "gunicorn": ["-m", "gunicorn", "--config", "python:ops.gunicorn_settings"],
}
# Python runs the module `sitecustomize` first. This one blocks imports of packages that only developers install.
SITECUSTOMIZE = """
import sys


class OnlyRequirements:
    names = frozenset({names})

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name.partition(".")[0] in cls.names:
            raise ModuleNotFoundError(name + " is not in requirements.txt", name=name)


sys.meta_path.insert(0, OnlyRequirements)
"""


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A directory with what a production image contains."""
    directory = tmp_path / "image"
    directory.mkdir()
    shutil.copy(ROOT / "manage.py", directory)
    for room in (*ROOMS, "clients", "locale"):
        shutil.copytree(ROOT / room, directory / room, ignore=shutil.ignore_patterns("__pycache__"))
    return directory


@pytest.fixture
def production(db: None, tmp_path: Path, child_environment: dict[str, str]) -> Iterator[dict[str, str]]:
    """An environment with real backends, without DEBUG, and without packages that only developers install."""
    path = tmp_path / "path"
    path.mkdir()
    (path / "sitecustomize.py").write_text(SITECUSTOMIZE.format(names=sorted(_names_of_developers())))
    uri, database = child_environment["MONGODB_URI"], child_environment["MONGODB_NAME"]
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with run_stand_ins(mongodb_uri=uri, database=database, directory=tmp_path / "data") as stand_ins:
        yield stand_ins.environment() | {"PYTHONPATH": str(path), "PORT": str(port)}


@pytest.mark.e2e
@pytest.mark.slow
def test_production_serves_requests_and_works_off_tasks(image: Path, production: dict[str, str]) -> None:
    run(image, production, "migrate")
    created = run(
        image, production | {"DJANGO_SUPERUSER_PASSWORD": PASSWORD},
        *("createsuperuser", "--noinput", "--username=streamer", "--email="),
    )  # fmt: skip
    assert created.returncode == 0, created.stderr

    with serve(image, production) as url:
        access = post(f"{url}/auth/token", {"username": "streamer", "password": PASSWORD}, status=200)["access"]
        session_id = post(f"{url}/sessions", {"title": "Evening"}, access)["id"]
        context = {"session_id": session_id, **FUNDING_CONTEXT}
        body = {"levels": [{"title": "Tickets", "target": 1000}], "context": context}
        goal_id = post(f"{url}/goals?type=show-funding", body, access)["id"]

        # A task that the goal's creation has queued stores this event.
        wait_until(lambda: AnalyticsEvent.objects.filter(goal_id=goal_id, name="goal.created").exists())


@pytest.mark.e2e
@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_command_does_not_start_without_mongodb(image: Path, production: dict[str, str], command: str) -> None:
    done = subprocess.run(
        [sys.executable, *COMMANDS[command]],
        cwd=image,
        env=production | {"MONGODB_URI": ""},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode > 0, done.stdout) == (True, "")
    assert (NO_MONGODB in done.stderr, "Traceback" in done.stderr) == (True, False)


@pytest.mark.e2e
@pytest.mark.slow
def test_image_can_be_built_without_a_deployment(image: Path, production: dict[str, str]) -> None:
    nothing = dict.fromkeys(known_settings(), "") | {"DATA_DIR": str(image / "data")}

    done = run(image, production | nothing, "collectstatic", "--noinput")

    assert (done.returncode, done.stderr) == (0, "")


def test_product_imports_only_what_production_installs() -> None:
    installed = packages_distributions()
    required = _required("requirements.txt")
    sources = [source for room in ROOMS for source in (ROOT / room).rglob("*.py")]
    missing = {
        f"{source.relative_to(ROOT)}: {name}"
        for source in sources
        for name in _imported(source)
        if not required & {_normal(each) for each in installed.get(name, ["requirements"])}
        and name not in (*sys.stdlib_module_names, *ROOMS)
    }

    assert missing == set()


def test_settings_of_the_image_name_lab_only_as_a_string() -> None:
    assert settings.EMBEDDED_MONGODB == "lab.embedded_mongo.start"
    assert "lab" not in {name for room in ROOMS for source in (ROOT / room).rglob("*.py") for name in _imported(source)}


def run(image: Path, environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.run(command, cwd=image, env=environment, capture_output=True, text=True, check=False)


@contextmanager
def serve(image: Path, environment: dict[str, str]) -> Iterator[str]:
    """Yield the URL of a running `serve`, once `/readyz` says that all is well."""
    url = f"http://127.0.0.1:{environment['PORT']}"
    process = subprocess.Popen([sys.executable, "manage.py", "serve", "--host=127.0.0.1"], cwd=image, env=environment)
    try:
        wait_until(lambda: process.poll() is None and _is_ready(url))
        yield url
    finally:
        process.terminate()
        assert process.wait(STOPPED_WITHIN_SECONDS) == 0


def post(url: str, body: object, access: str = "", *, status: int = 201) -> dict[str, str]:
    headers = {"Authorization": f"Bearer {access}"} if access else {}
    answer = requests.post(url, json=body, headers=headers, timeout=10)
    assert answer.status_code == status, answer.text
    answered: dict[str, str] = answer.json()
    return answered


def wait_until(is_reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + UP_WITHIN_SECONDS
    while not is_reached():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def _is_ready(url: str) -> bool:
    try:
        return requests.get(f"{url}/readyz", timeout=2).ok
    except requests.RequestException:
        return False


def _imported(source: Path) -> set[str]:
    """Return the top-level name of each module that the file imports, anywhere in the file."""
    nodes = list(ast.walk(ast.parse(source.read_text(encoding="utf-8"))))
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    named = {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
    return {name.partition(".")[0] for name in plain | named}


def _names_of_developers() -> set[str]:
    """Return the modules of the packages that requirements.txt does not install."""
    required = _required("requirements.txt") | {"pip", "setuptools"}
    return {
        name
        for name, packages in packages_distributions().items()
        if not required & {_normal(package) for package in packages} and name.isidentifier()
    }


def _required(path: str) -> set[str]:
    return {_normal(name) for name in re.findall(r"^([\w.-]+)[\[=]", (ROOT / path).read_text(), re.MULTILINE)}


def _normal(package: str) -> str:
    return re.sub(r"[-_.]+", "-", package).lower()
