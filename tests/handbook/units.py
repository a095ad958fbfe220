"""What systemd does with the units of a host: it reads them, starts them and stops them."""

import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.environment import ROOT
from tests.handbook.table import NotInTable

READY_WITHIN_SECONDS = 240.0
# What systemd gives each service.
BASE = {"LANG": "C.UTF-8", "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin"}
Here = Callable[[str], str]


@dataclass(frozen=True)
class Unit:
    """The lines `key=value` of a unit, with the paths of the test."""

    lines: Sequence[tuple[str, str]]

    @classmethod
    def read(cls, text: str) -> "Unit":
        pairs = (line.partition("=") for line in text.splitlines() if line[:1].isupper() and "=" in line)
        return cls([(key, value) for key, _equals, value in pairs])

    def all(self, key: str) -> list[str]:
        return [value for name, value in self.lines if name == key]

    def one(self, key: str, default: str = "") -> str:
        return self.all(key)[-1] if self.all(key) else default

    def environment(self) -> dict[str, str]:
        """Return the environment of the unit's processes. The file takes precedence over the lines `Environment`."""
        given = dict(each.split("=", 1) for each in self.all("Environment"))
        for path in self.all("EnvironmentFile"):
            given |= environment_file(Path(path))
        return BASE | given


def environment_file(path: Path) -> dict[str, str]:
    """Read the file as systemd does. Raise NotInTable for a value that is in quotes or has a backslash."""
    values: dict[str, str] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line or line[0] in "#;":
            continue
        name, _equals, value = line.partition("=")
        if value[:1] in ("'", '"') or "\\" in value:
            raise NotInTable(f"tests/handbook/units.py does not read {name} as systemd does")
        values[name] = value
    return values


class Services:
    """The services of one host. They end with the test, even if the test is killed."""

    def __init__(self, root: Path, here: Here) -> None:
        self._root = root
        self._here = here
        self._units: dict[str, Unit] = {}
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def systemctl(self, words: Sequence[str]) -> None:
        """Do what the command says. A changed unit file has an effect only after `daemon-reload`."""
        match words:
            case ["daemon-reload"]:
                self._units.clear()
            case ["enable", "--now", *names] | ["start", *names]:
                for name in names:
                    self.start(name)
            case ["stop", *names]:
                for name in names:
                    self.stop(name)
            case ["restart", *names]:
                for name in names:
                    self.stop(name)
                    self.start(name)
            case _:
                raise NotInTable(f"tests/handbook/units.py does not know systemctl {shlex.join(words)}")

    def pid(self, name: str) -> int:
        """Return the id of the main process, or 0 if the service does not run."""
        process = self._running.get(name)
        return process.pid if process and process.poll() is None else 0

    def log(self, name: str) -> Path:
        """Return the path of the file with what `journalctl --unit` would show."""
        return self._root / f"var/log/{name}.log"

    def start(self, name: str) -> None:
        if self.pid(name):
            return
        if name not in self._units:
            path = self._root / f"etc/systemd/system/{name}.service"
            self._units[name] = Unit.read(self._here(path.read_text(encoding="utf-8")))
        unit = self._units[name]
        environment = unit.environment()
        for command in unit.all("ExecStartPre"):
            with self.log(name).open("ab") as log:
                code = self._popen(unit, command, environment, log.fileno()).wait()
            assert code == 0, f"{name} may not start: {self.log(name).read_text(encoding='utf-8')[-3000:]}"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified, self.log(name).open("ab") as log:
            if unit.one("Type") == "notify":
                environment["NOTIFY_SOCKET"] = self._listen(notified, name)
            process = self._popen(unit, unit.one("ExecStart"), environment, log.fileno())
            self._running[name] = process
            if unit.one("Type") == "notify":
                self._await_ready(notified, name)

    def stop(self, name: str) -> None:
        """Ask the main process to stop, wait for it, and then kill what is left, as `KillMode=mixed` does."""
        process = self._running.pop(name, None)
        if process is None:
            return
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(float(self._units[name].one("TimeoutStopSec", "90")) if name in self._units else 90.0)
        kill_group(process)

    def kill_all(self) -> None:
        for process in self._running.values():
            kill_group(process)
        self._running.clear()

    def run(self, unit: Unit) -> subprocess.CompletedProcess[str]:
        """Run the command of the unit to its end and return what it prints, as `systemd-run --wait --pipe` does."""
        process = self._popen(unit, unit.one("ExecStart"), unit.environment(), subprocess.PIPE)
        printed, errors = process.communicate()
        return subprocess.CompletedProcess([], process.returncode, printed.decode(), errors.decode())

    def _popen(self, unit: Unit, command: str, environment: Mapping[str, str], output: int) -> subprocess.Popen[bytes]:
        for name in unit.all("StateDirectory"):
            (self._root / "var/lib" / name).mkdir(mode=0o700, exist_ok=True)
        words = [_expand(word, environment) for word in shlex.split(command)]
        return subprocess.Popen(
            [sys.executable, str(ROOT / "lab/tied.py"), str(os.getpid()), *words],
            cwd=unit.one("WorkingDirectory", str(self._root)),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            umask=int(unit.one("UMask", "0022"), 8),
            start_new_session=True,
        )

    def _listen(self, notified: socket.socket, name: str) -> str:
        path = self._root / f"run/{name}"
        path.unlink(missing_ok=True)
        notified.bind(str(path))
        notified.settimeout(0.1)
        return str(path)

    def _await_ready(self, notified: socket.socket, name: str) -> None:
        give_up_at = time.monotonic() + READY_WITHIN_SECONDS
        while self.pid(name) and time.monotonic() < give_up_at:
            with suppress(TimeoutError):
                assert notified.recv(1024) == b"READY=1"
                return
        raise AssertionError(f"{name} does not start: {self.log(name).read_text(encoding='utf-8')[-3000:]}")


def kill_group(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _expand(word: str, environment: Mapping[str, str]) -> str:
    return environment[word[2:-1]] if word.startswith("${") else word
