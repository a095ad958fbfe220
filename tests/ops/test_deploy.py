"""The files of deploy/ are valid, and the image works under a user who may write only to the data directory."""

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.config.production import without_vendors
from tests.environment import ROOT, known_settings

DEPLOY = ROOT / "deploy"
UNITS = ("showgoals-web.service", "showgoals-qcluster.service")
ROOMS = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"lab", "tests"}
USER = 10001
UP_WITHIN_SECONDS = 60.0
# systemd's scale ends at 10.
MOST_EXPOSURE = 4.0


def in_image() -> set[str]:
    """Return the names of the files and folders in the root of the checkout that the image contains."""
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    return {line.removeprefix("!") for line in lines if line.startswith("!")}


def from_dockerfile(instruction: str) -> str:
    """Return the arguments of the last instruction of this kind, in one line."""
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", "")
    found: list[str] = re.findall(rf"^{instruction} (.*)$", text, re.MULTILINE)
    return found[-1]


def services(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))["services"]
    return found


@pytest.fixture
def image() -> Iterator[Path]:
    """A directory with the files that the Dockerfile copies, owned by another user, and an empty data directory."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        directory.chmod(0o755)
        (directory / "code").mkdir()
        for source in (ROOT / name for name in in_image()):
            if source.is_dir():
                target = directory / "code" / source.name
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, directory / "code")
        for path in (directory / "code", *(directory / "code").rglob("*")):
            os.chown(path, USER, USER)
        (directory / "data").mkdir(mode=0o700)
        yield directory


def test_image_has_the_rooms_without_the_lab() -> None:
    assert in_image() == ROOMS | {"clients", "locale", "manage.py", "requirements.txt"}


def test_image_runs_as_a_user_without_rights() -> None:
    assert from_dockerfile("USER") == str(USER)
    assert from_dockerfile("VOLUME") == "/data"
    assert "DATA_DIR=/data" in from_dockerfile("ENV")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can take capabilities from a process")
@pytest.mark.django_db
@pytest.mark.slow
def test_web_and_queue_need_no_rights_but_to_write_their_data(image: Path, child_environment: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    environment = dict.fromkeys(known_settings(), "") | child_environment | without_vendors()
    environment |= {"DATA_DIR": str(image / "data"), "HOME": "/nonexistent", "PYTHONDONTWRITEBYTECODE": "1"}
    gunicorn = yaml.safe_load(from_dockerfile("CMD"))[1:-1]
    # Without capabilities, root is a user like any other. Another real user might not be allowed to run this Python.
    powerless = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs", "--"]
    web = [*powerless, sys.executable, "-m", "gunicorn", *gunicorn, f"127.0.0.1:{port}"]
    check = from_dockerfile("HEALTHCHECK").partition(" CMD ")[2].replace("python", sys.executable, 1)
    queue = [*powerless, sys.executable, "manage.py", "qcluster", "--run-once"]

    with subprocess.Popen(web, cwd=image / "code", env=environment) as process:
        try:
            healthy = healthy_within(UP_WITHIN_SECONDS, check.replace(":8000", f":{port}"), environment)
        finally:
            process.terminate()
    worked = subprocess.run(queue, cwd=image / "code", env=environment, check=False)

    assert (healthy, worked.returncode) == (True, 0)
    assert {path.stat().st_uid for path in (image / "code").rglob("*")} == {USER}


def healthy_within(seconds: float, check: str, environment: dict[str, str]) -> bool:
    give_up_at = time.monotonic() + seconds
    while time.monotonic() < give_up_at:
        if subprocess.run(check, shell=True, env=environment, capture_output=True, check=False).returncode == 0:
            return True
        time.sleep(0.2)
    return False


def test_release_that_runs_imports_nothing_of_the_next(tmp_path: Path, child_environment: dict[str, str]) -> None:
    """An upgrade switches the link through which the interpreter was started."""
    link = tmp_path / "showgoals"
    link.symlink_to(ROOT)
    python = str(link / Path(sys.executable).relative_to(ROOT))
    command = [python, "manage.py", "shell", "-c", "import sys; print(*sys.path, sep='\\n')"]
    done = subprocess.run(command, cwd=link, env=child_environment, capture_output=True, text=True, check=True)

    assert str(ROOT) in done.stdout
    assert str(link) not in done.stdout


def test_compose_file_runs_the_product_on_the_servers_of_the_development_file() -> None:
    production, development = services(DEPLOY / "compose.yaml"), services(ROOT / "compose.yaml")

    assert set(production) == {"migrate", "web", "queue", "mongo", "redis"}
    assert {name: production[name]["image"] for name in development} == {
        name: each["image"] for name, each in development.items()
    }
    assert production["queue"]["command"] == ["python", "manage.py", "qcluster"]
    assert production["migrate"]["command"] == ["python", "manage.py", "migrate"]
    assert {name for name, each in production.items() if "ports" in each} == {"web"}


@pytest.mark.needs("systemd-analyze")
@pytest.mark.parametrize("unit", UNITS)
def test_systemd_accepts_the_unit_and_finds_little_exposed(unit: str, tmp_path: Path) -> None:
    text = (DEPLOY / unit).read_text(encoding="utf-8")
    # systemd looks for the programs, which are not installed here.
    (tmp_path / unit).write_text(re.sub(r"/opt/showgoals/\.venv/bin/\w+", "/bin/true", text))

    verified = systemd_analyze("verify", "--man=no", str(tmp_path / unit))
    exposure = systemd_analyze("security", "--offline=true", str(DEPLOY / unit)).stdout

    assert (verified.returncode, verified.stdout, verified.stderr) == (0, "", "")
    found = re.search(rf"Overall exposure level for {unit}: ([0-9.]+)", exposure)
    assert found is not None
    assert float(found[1]) < MOST_EXPOSURE


def systemd_analyze(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemd-analyze", *words], capture_output=True, text=True, check=False)
