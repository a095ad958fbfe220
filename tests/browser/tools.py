"""What the browser tests need of the machine."""

import os
import shutil

from tests.environment import ROOT

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
# Installed by `make test`, where there is npm.
PUSHER_JS = ROOT / "tests/browser/node_modules/pusher-js/dist/web/pusher.min.js"
# `.ci/run` sets it: then a machine without the tools fails.
REQUIRED = "BROWSER_TESTS"


def chromium() -> str | None:
    """Return the path of Chromium."""
    return next(filter(None, map(shutil.which, CHROMIUM)), None)


def missing_tools() -> list[str]:
    """Return what isn't there, and how it would be."""
    tools = {
        "Chromium (apt-get install chromium)": chromium() is not None,
        "pusher-js (apt-get install npm; make test)": PUSHER_JS.is_file(),
    }
    return [tool for tool, is_there in tools.items() if not is_there]


def are_required() -> bool:
    """Tell whether a machine without the tools is a failure."""
    return os.environ.get(REQUIRED) == "required"
