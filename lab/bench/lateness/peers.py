"""The peers' own environment: their packages, and a Redis for the one that needs it."""

import hashlib
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from config.environment import ROOT
from lab.bench.environment import BenchFailed
from lab.bench.lateness.systems import PeerKind
from lab.bench.report import Write

PACKAGE = "lab.bench.peers"
REQUIREMENTS = ROOT / "lab" / "bench" / "peers" / "requirements.txt"
CELERY_OPTIONS = ["--pool=prefork", "--concurrency=2", "--loglevel=WARNING", "--without-gossip", "--without-mingle"]
NAMES = ("django-q2", "celery", "apscheduler")


@contextmanager
def available_peers(names: list[str], directory: Path, say: Write) -> Iterator[list[PeerKind]]:
    """Yield the peers that this machine can run; say why it can't run the others."""
    redis = shutil.which("redis-server")
    if "celery" in names and redis is None:
        say("Celery is left out: there is no redis-server (Debian: apt-get install redis-server).")
        names = [name for name in names if name != "celery"]
    if not names:
        yield []
        return
    python = _install(directory / "peers", say)
    kinds = {"django-q2": _stock_django_q(), "apscheduler": _apscheduler(python)}
    with tempfile.TemporaryDirectory(prefix="bench-") as redis_dir:  # a socket's path must be short
        if redis:
            kinds["celery"] = _celery(python, redis, redis_dir)
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


def _celery(python: str, redis: str, redis_dir: str) -> PeerKind:
    """Run Redis with an append-only file, as its documentation advises if no data may be lost."""
    path = f"{redis_dir}/redis.sock"
    storage = ["--dir", redis_dir, "--appendonly", "yes", "--save", ""]
    return PeerKind(
        "celery",
        "Celery, eta, Redis",
        f"{PACKAGE}.celery_eta",
        {
            "redis": [redis, "--port", "0", "--unixsocket", path, *storage],
            "worker": [python, "-m", "celery", "-A", f"{PACKAGE}.celery_eta", "worker", *CELERY_OPTIONS],
        },
        python,
        # Otherwise Celery would warn that Django is not installed.
        {"BENCH_REDIS_URL": f"redis+socket://{path}", "DJANGO_SETTINGS_MODULE": ""},
    )


def _install(directory: Path, say: Write) -> str:
    """Return the Python of the peers' own environment, which is created again if the requirements have changed."""
    python = directory / "bin" / "python"
    stamp = directory / hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    if not stamp.exists():
        say(f"Installing the peers into {directory} ...")
        venv.create(directory, clear=True, with_pip=True)
        options = ["--quiet", "--disable-pip-version-check", "--requirement", str(REQUIREMENTS)]
        done = subprocess.run([python, "-m", "pip", "install", *options], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise BenchFailed(f"The peers can't be installed (--no-peers leaves them out): {done.stderr[-1000:]}")
        stamp.touch()
    return str(python)
