"""Runs a program that gets SIGTERM when the process that started it ends, even if that process is killed.

    python -m lab.tied PARENT_PID PROGRAM [ARGUMENT...]

Source: prctl(2). On systems other than Linux, the program gets no signal.
"""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

PR_SET_PDEATHSIG = 1
ROOT = Path(__file__).resolve().parent.parent


def start(
    command: Sequence[str],
    environment: Mapping[str, str],
    *,
    stdout: IO[bytes] | int,
    stderr: IO[bytes],
    pass_fds: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Start Python with these arguments, in a process group of its own, so that Ctrl-C reaches only the caller."""
    return subprocess.Popen(
        [sys.executable, "-m", "lab.tied", str(os.getpid()), sys.executable, *command],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        pass_fds=pass_fds,
        start_new_session=True,
    )


def main(parent: int, command: list[str]) -> None:
    """Replace this process with the program."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # the parent has ended already
        sys.exit(1)
    os.execv(command[0], command)  # noqa: S606 - our own command, no shell


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
