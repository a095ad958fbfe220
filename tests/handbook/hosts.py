"""A host of docs/handbook.md: a directory instead of a disk, ports instead of an address, and a real shell."""

import json
import os
import random
import shutil
import socket
import subprocess
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from threading import Thread

from tests.handbook.programs import Programs, Said
from tests.handbook.table import AS_THEY_ARE, REPLACED, check_translated, translate
from tests.handbook.units import Services

BASH = shutil.which("bash") or "/bin/bash"
DONE_WITHIN_SECONDS = 300.0
DIRECTORIES = ("bin", "etc/cron.d", "etc/redis", "etc/systemd/system", "opt", "root", "run", "usr/local/sbin")
PACKAGES_MAKE = ("var/lib/mongodb", "var/log/mongodb")
# A script that replaces a program. It asks the process of the test, which answers with what the script prints.
ASK = """#!{python} -I
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as test, test.makefile() as answer:
    test.connect({address!r})
    test.sendall(json.dumps([{host!r}, os.path.basename(sys.argv[0]), sys.argv[1:], os.getcwd()]).encode() + b"\\n")
    code, printed, errors = json.loads(answer.readline())
sys.stdout.write(printed)
sys.stderr.write(errors)
sys.exit(code)
"""


class Host:
    """One host. Its shell finds the programs of table.py, pip, and what the page installs into /usr/local/sbin."""

    def __init__(self, name: str, directory: Path, ports: Mapping[str, int], address: str) -> None:
        self.name = name
        self.root = directory / name
        self.port = ports[name]
        self._ports = dict(ports)
        for each in (*DIRECTORIES, *PACKAGES_MAKE):
            (self.root / each).mkdir(parents=True)
        for program in AS_THEY_ARE:
            (self.root / "bin" / program).symlink_to(shutil.which(program) or f"/missing/{program}")
        for program in (*REPLACED, "pip"):
            path = self.root / "bin" / program
            path.write_text(ASK.format(python=sys.executable, address=address, host=name), encoding="utf-8")
            path.chmod(0o755)
        self.services = Services(self.root, self.here)
        self.programs = Programs(self.root, self.services, self.here)

    def here(self, text: str) -> str:
        """Return the text with the values of this host in place of the page's example values."""
        return translate(text, root=self.root, port=self.port, ports=self._ports)

    def path(self, path: str) -> Path:
        """Return where a file of the host is."""
        return self.root / path.removeprefix("/")

    def run(self, commands: str) -> str:
        """Run the commands in a shell, as if a reader pasted them. Return what they print. None of them may fail."""
        script = self.here(commands)
        check_translated(script, root=self.root)
        done = subprocess.run(
            [BASH, "-e", "-c", script],
            cwd=self.root / "root",
            env={"PATH": f"{self.root}/usr/local/sbin:{self.root}/bin", "LANG": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=DONE_WITHIN_SECONDS,
        )
        assert done.returncode == 0, f"on {self.name}:\n{script}\n{done.stdout}\n{done.stderr}"
        return done.stdout


class Stage:
    """Answers the replaced programs of all hosts, one at a time."""

    def __init__(self, address: Path) -> None:
        self.hosts: dict[str, Host] = {}
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(address))
        self._listener.listen()
        # The services are children of this thread, and end with it.
        self._thread = Thread(target=self._answer_all, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End all services."""
        for host in self.hosts.values():
            host.services.kill_all()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _answer_all(self) -> None:
        while True:
            try:
                asking, _address = self._listener.accept()
            except OSError:  # closed
                return
            with asking, asking.makefile("r") as lines:
                asking.sendall(json.dumps(self._answer(lines.readline())).encode() + b"\n")

    def _answer(self, line: str) -> Said:
        try:
            host, program, words, directory = json.loads(line)
            return self.hosts[host].programs.run(program, words, Path(directory))
        except Exception:  # noqa: BLE001 - the shell shows it, and the test fails
            return Said(125, errors=traceback.format_exc())


def free_ports(names: tuple[str, ...]) -> dict[str, int]:
    """Return a port for each name. The kernel gives clients only higher ports, so these ports stay free."""
    ports: dict[str, int] = {}
    candidates = random.Random(os.getpid()).sample(range(15_000, 30_000), 1000)
    for name in names:
        ports[name] = next(port for port in candidates if _is_free(port) and port not in ports.values())
    return ports


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
