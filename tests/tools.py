"""The tools that a test can require with a mark, such as `@pytest.mark.needs("chromium")`."""

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pytest

from tests.environment import ROOT

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
# `make test` installs these packages if the machine has npm.
PUSHER_JS = ROOT / "tests/browser/node_modules/pusher-js/dist/web/pusher.min.js"
AXE = ROOT / "tests/browser/node_modules/axe-core/axe.min.js"
STANDARD_WEBHOOKS = ROOT / "tests/webhooks/node_modules/standardwebhooks/package.json"
# `make check-all` installs these. All but the first need npm.
GENERATORS = ROOT / "tests/generators/.venv/bin/openapi-generator-cli"
NODE_GENERATORS = ROOT / "tests/generators/node_modules/.bin/openapi-typescript"
SOKETI = ROOT / "tests/soketi/node_modules/@soketi/soketi/bin/server.js"
# The environment variable that names the tools that may be missing, separated by commas. A test that needs any other
# missing tool fails. If the variable is not set, tests whose tools are missing are skipped.
ALLOW_MISSING = "ALLOW_MISSING"


@dataclass(frozen=True)
class Tool:
    """A program or file that tests need, and what to do if it is missing."""

    is_installed: Callable[[], bool]
    remedy: str


def generators_are_installed() -> bool:
    """Tell whether `make check-all` has installed the generators. Without npm, it installs only one of them."""
    return GENERATORS.is_file() and (NODE_GENERATORS.is_file() or shutil.which("npm") is None)


def chromium() -> str | None:
    """Return the path of Chromium."""
    return next(filter(None, map(shutil.which, CHROMIUM)), None)


TOOLS: Mapping[str, Tool] = {
    "chromium": Tool(lambda: chromium() is not None, "apt-get install chromium"),
    "curl": Tool(lambda: shutil.which("curl") is not None, "apt-get install curl"),
    "gcc": Tool(lambda: shutil.which("gcc") is not None, "apt-get install gcc libc6-dev"),
    "generators": Tool(generators_are_installed, "make check-all"),
    "java": Tool(lambda: shutil.which("java") is not None, "apt-get install default-jre-headless"),
    "node": Tool(lambda: shutil.which("node") is not None, "apt-get install nodejs"),
    "soketi": Tool(SOKETI.is_file, "apt-get install npm; make check-all"),
    "standardwebhooks": Tool(STANDARD_WEBHOOKS.is_file, "apt-get install npm; make test"),
    "promtool": Tool(lambda: shutil.which("promtool") is not None, "apt-get install prometheus"),
    "systemd-analyze": Tool(lambda: shutil.which("systemd-analyze") is not None, "apt-get install systemd"),
    "npm": Tool(lambda: PUSHER_JS.is_file() and AXE.is_file(), "apt-get install npm; make test"),
}


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose tool is missing, or let it fail if the tool is required."""
    needed = {name for marker in item.iter_markers("needs") for name in marker.args}
    missing = {name: f"no {name} ({TOOLS[name].remedy})" for name in sorted(needed) if not TOOLS[name].is_installed()}
    for name, missed in missing.items():
        if not _may_be_missing(name):
            pytest.fail(f"{missed}; {ALLOW_MISSING}={name} leaves this test out", pytrace=False)
    if missing:
        pytest.skip(f"LEFT OUT: {', '.join(missing.values())}")


def _may_be_missing(name: str) -> bool:
    allowed = os.environ.get(ALLOW_MISSING)
    return allowed is None or name in allowed.split(",")
