"""Takes the screenshot for the README while `make demo WATCH=1` runs.

python -m tests.browser.picture ADDRESS USERNAME PASSWORD FILE
"""

import sys
import tempfile
import time
from pathlib import Path

from tests import tools
from tests.browser.chromium import Chromium
from tests.browser.pages_site import Screen

SIZE = (1120, 700)
ALL_THERE_SECONDS = 3.0


def main(address: str, username: str, password: str, file: str) -> None:
    """Sign in on the page at the address, and write a screenshot as a WebP file."""
    executable = tools.chromium()
    assert executable, "There is no Chromium."
    with tempfile.TemporaryDirectory() as folder, Chromium(executable, Path(folder) / "profile") as browser:
        page = browser.open(address)
        page.resize(*SIZE)
        page.prefer("light")
        screen = Screen(page)
        screen.sign_in(username, password)
        screen.await_text("state", "Live", seconds=90)
        screen.await_text("told", "Everybody was told.")
        time.sleep(ALL_THERE_SECONDS)
        Path(file).write_bytes(page.picture("webp", quality=85))


if __name__ == "__main__":
    main(*sys.argv[1:])
