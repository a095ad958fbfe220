"""Replacements for the programs that a test cannot run unchanged: those of `REPLACED` in table.py, and pip."""

import re
import shlex
import subprocess
import sysconfig
import venv
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from tests.handbook import mongosh
from tests.handbook.table import NotInTable
from tests.handbook.units import Here, Services, Unit

# Options of `systemd-run` that a test ignores. All processes of a test run as the user who runs it.
WITHOUT_EFFECT = ("--quiet", "--wait", "--collect", "--pipe", "--uid=showgoals")
PIP = ["install", "--require-hashes", "--requirement", "requirements.txt"]
PINNED = re.compile(r"^([\w.-]+)(?:\[[\w,]+\])?==([^\s;\\]+)", re.MULTILINE)
GUNICORN = "#!{python}\nimport sys\n\nfrom gunicorn.app.wsgiapp import run\n\nsys.exit(run())\n"


class Said(NamedTuple):
    """What a program prints and how it ends."""

    code: int = 0
    printed: str = ""
    errors: str = ""


class Programs:
    """The replaced programs of one host."""

    def __init__(self, root: Path, services: Services, here: Here) -> None:
        self._root = root
        self._services = services
        self._here = here
        self._known: Mapping[str, Callable[[Sequence[str], Path], Said]] = {
            "install": _install,
            "mongosh": _mongosh,
            "pip": _pip,
            "python3": self._python3,
            "systemctl": self._systemctl,
            "systemd-run": self._systemd_run,
            "useradd": _useradd,
        }

    def run(self, name: str, words: Sequence[str], directory: Path) -> Said:
        """Do what the program does with these arguments in this directory."""
        return self._known[name](words, directory)

    def _systemctl(self, words: Sequence[str], _directory: Path) -> Said:
        self._services.systemctl(words)
        return Said()

    def _systemd_run(self, words: Sequence[str], _directory: Path) -> Said:
        """Run a command with the settings of a unit."""
        end = next(at for at, word in enumerate(words) if not word.startswith("--"))
        lines = [line for option in words[:end] if (line := _line_of(option))]
        lines.append(("ExecStart", shlex.join(words[end:])))
        unit = Unit([(key, self._here(value)) for key, value in lines])
        done = self._services.run(unit)
        return Said(done.returncode, done.stdout, done.stderr)

    def _python3(self, words: Sequence[str], directory: Path) -> Said:
        """Make a virtual environment with another `pip`."""
        if words != ["-m", "venv", ".venv"]:
            raise NotInTable(f"tests/handbook/programs.py does not know python3 {' '.join(words)}")
        venv.create(directory / ".venv", symlinks=True)
        (directory / ".venv/bin/pip").symlink_to(self._root / "bin/pip")
        return Said()


def _line_of(option: str) -> tuple[str, str] | None:
    """Return the line of a unit that has the same effect as the option of `systemd-run`, or None if there is none."""
    name, _equals, value = option.partition("=")
    match name:
        case "--working-directory":
            return "WorkingDirectory", value
        case "--setenv":
            return "Environment", value
        case "--property":
            key, _equals, setting = value.partition("=")
            return key, setting
        case _ if option in WITHOUT_EFFECT:
            return None
    raise NotInTable(f"tests/handbook/programs.py does not know systemd-run {option}")


def _install(words: Sequence[str], directory: Path) -> Said:
    """Run `install` without `--owner`, because all files belong to the user who runs the test."""
    kept = list(words)
    while "--owner" in kept:
        del kept[kept.index("--owner") : kept.index("--owner") + 2]
    done = subprocess.run(["install", *kept], cwd=directory, capture_output=True, text=True, check=False)
    return Said(done.returncode, done.stdout, done.stderr)


def _mongosh(words: Sequence[str], _directory: Path) -> Said:
    match words:
        case ["--quiet", uri, "--eval", script] if urlsplit(uri).scheme == "mongodb":
            return Said(printed=f"{mongosh.evaluate(uri, script)}\n")
    raise NotInTable(f"tests/handbook/programs.py does not know mongosh {' '.join(words)}")


def _pip(words: Sequence[str], directory: Path) -> Said:
    """Let the environment use the packages of the tests, which `make` has installed from the same pins."""
    if words != PIP:
        raise NotInTable(f"tests/handbook/programs.py does not know pip {' '.join(words)}")
    pins = dict(PINNED.findall((directory / "requirements.txt").read_text(encoding="utf-8")))
    if wrong := {name: pin for name, pin in pins.items() if _installed(name) not in ("", pin)}:
        return Said(1, errors=f"`make setup` has installed other versions than requirements.txt pins: {wrong}")
    (packages,) = (directory / ".venv/lib").glob("python3*/site-packages")
    (packages / "tests.pth").write_text(sysconfig.get_paths()["purelib"], encoding="utf-8")
    gunicorn = directory / ".venv/bin/gunicorn"
    gunicorn.write_text(GUNICORN.format(python=directory / ".venv/bin/python"), encoding="utf-8")
    gunicorn.chmod(0o755)
    return Said()


def _useradd(words: Sequence[str], _directory: Path) -> Said:
    """Create no user, because all processes run as the user who runs the test."""
    if words != ["--system", "--no-create-home", "--shell", "/usr/sbin/nologin", "showgoals"]:
        raise NotInTable(f"tests/handbook/programs.py does not know useradd {' '.join(words)}")
    return Said()


def _installed(name: str) -> str:
    """Return the version of the package; "" if it is not installed, because this system does not need it."""
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
