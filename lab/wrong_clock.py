"""A wrong wall clock for processes that are started with its environment variables. See wrong_clock.c."""

import shutil
import struct
import subprocess
import time
from pathlib import Path

SOURCE = Path(__file__).with_suffix(".c")


class WrongClock:
    """The clock of a host. It is right until `set` is called, and ahead by `seconds` after that."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir()
        library, self._file = directory / "wrong_clock.so", directory / "wrong_clock"
        compiler = shutil.which("gcc") or "gcc"
        subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-o", str(library), str(SOURCE)], check=True)
        self._file.write_bytes(bytes(3 * 8))
        self.seconds = 0.0
        self.environment = {"LD_PRELOAD": str(library), "WRONG_CLOCK": str(self._file)}

    def set(self, seconds: float, *, gain: float = 0.0) -> None:
        """Set the clock ahead by this many seconds. From now on, let it gain `gain` seconds in each second."""
        self.seconds = seconds
        with self._file.open("r+b") as file:  # not replaced, because the processes have mapped it
            file.write(struct.pack("3d", seconds, gain, time.clock_gettime(time.CLOCK_BOOTTIME)))
