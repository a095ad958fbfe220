"""Run a program that is told to end when the process that started it does, however that one ends.

    python -m lab.demo.tied PARENT_PID PROGRAM [ARGUMENT...]

Source: prctl(2). Elsewhere than on Linux it just runs the program.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(parent: int, command: list[str]) -> None:
    """Become the program."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it was quicker
        sys.exit(1)
    os.execv(command[0], command)  # noqa: S606 - our own command, no shell


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
