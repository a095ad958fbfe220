"""The peers' own environment: their packages, and a Redis server for those that need it."""

import hashlib
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from config.environment import ROOT
from lab.bench.lateness.systems import PeerKind
from lab.bench.report import Write

PACKAGE = "lab.bench.peers"
REQUIREMENTS = ROOT / "lab" / "bench" / "peers" / "requirements.txt"
CELERY_OPTIONS = ["--loglevel=WARNING", "--without-gossip", "--without-mingle"]
NAMES = ("django-q2", "celery", "apscheduler")
# The peers of `bench letin`. They make as many calls at a time as the product does with its default settings.
CALLERS = ("celery-prefork", "celery-threads")
CALLS_AT_A_TIME = 32


@contextmanager
def available_peers(names: list[str], directory: Path, say: Write) -> Iterator[list[PeerKind]]:
    """Yield the peers that this machine can run, and report why it can't run the others."""
    redis = shutil.which("redis-server")
    if redis is None and any(name.startswith("celery") for name in names):
        say("Celery is left out: there is no redis-server (Debian: apt-get install redis-server).")
        names = [name for name in names if not name.startswith("celery")]
    python = _install(directory / "peers", say) if names else ""
    if not python:
        yield []
        return
    kinds = {"django-q2": _stock_django_q(), "apscheduler": _apscheduler(python)}
    with tempfile.TemporaryDirectory(prefix="bench-") as redis_dir:  # a socket's path must be short
        if redis:
            celery = _Celery(python, redis, redis_dir)
            two = ["--pool=prefork", "--concurrency=2"]
            kinds["celery"] = celery.kind("celery", "Celery, eta, Redis", "celery_eta", two)
            for pool in ("prefork", "threads"):
                options = [f"--pool={pool}", f"--concurrency={CALLS_AT_A_TIME}"]
                kinds[f"celery-{pool}"] = celery.kind(f"celery-{pool}", f"Celery, {pool}", "celery_calls", options)
        yield [kinds[name] for name in names]


def _stock_django_q() -> PeerKind:
    return PeerKind(
        "django-q2",
        "django-q2, stock",
        f"{PACKAGE}.stock_django_q",
        {"qcluster": [sys.executable, "-m", "django", "qcluster"]},
        environment={"DJANGO_SETTINGS_MODULE": f"{PACKAGE}.stock_django_q_settings"},
    )


def _apscheduler(python: str) -> PeerKind:
    return PeerKind("apscheduler", "APScheduler, MongoDB", f"{PACKAGE}.apscheduler_mongo", {}, python)


@dataclass(frozen=True, slots=True)
class _Celery:
    """What all peers that run Celery share: Python, and a Redis server with its data in this directory."""

    python: str
    redis: str
    directory: str

    def kind(self, name: str, title: str, module: str, options: Sequence[str]) -> PeerKind:
        """Return a peer. Its Redis has an append-only file, as Redis's docs advise if no data may be lost."""
        path = f"{self.directory}/redis.sock"
        storage = ["--dir", self.directory, "--appendonly", "yes", "--save", ""]
        worker = [self.python, "-m", "celery", "-A", f"{PACKAGE}.{module}", "worker", *CELERY_OPTIONS, *options]
        return PeerKind(
            name,
            title,
            f"{PACKAGE}.{module}",
            {"redis": [self.redis, "--port", "0", "--unixsocket", path, *storage], "worker": worker},
            self.python,
            # If DJANGO_SETTINGS_MODULE were set, Celery would warn that Django is not installed.
            {"BENCH_REDIS_URL": f"redis+socket://{path}", "DJANGO_SETTINGS_MODULE": ""},
        )


def _install(directory: Path, say: Write) -> str:
    """Return the Python of the peers' own environment, or "" if they can't be installed.

    The environment is created again if the requirements have changed.
    """
    python = directory / "bin" / "python"
    stamp = directory / hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    if not stamp.exists():
        say(f"Installing the peers into {directory} ...")
        venv.create(directory, clear=True, with_pip=True)
        options = ["--quiet", "--disable-pip-version-check", "--require-hashes", "--requirement", str(REQUIREMENTS)]
        done = subprocess.run([python, "-m", "pip", "install", *options], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            say(f"The peers are left out, because they can't be installed: {done.stderr[-1000:]}")
            return ""
        stamp.touch()
    return str(python)
