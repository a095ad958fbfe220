"""A real browser and a real site. Where the tools are missing these tests are left out, and it is said."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection as django_connection

from lab.demo.stage import set_stage
from tests.browser import tools
from tests.browser.chromium import Chromium
from tests.browser.site import Site, open_site

PAGE = Path(__file__).parent / "page"
LEFT_OUT = pytest.StashKey[int]()

connection: Any = django_connection


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the browser tests out where the tools are missing; fail if they must not be."""
    missing = tools.missing_tools()
    left_out = [item for item in items if item.get_closest_marker("browser")] if missing else []
    if left_out and tools.are_required():
        raise pytest.UsageError(f"{tools.REQUIRED}=required, but no {', no '.join(missing)}")
    config.stash[LEFT_OUT] = len(left_out)
    if left_out:
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=left_out)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say in one line what was left out, and why."""
    if left_out := config.stash.get(LEFT_OUT, 0):
        missing = ", no ".join(tools.missing_tools())
        terminalreporter.write_line(f"LEFT OUT: {left_out} browser tests; no {missing}", yellow=True)


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    executable = tools.chromium()
    assert executable
    with Chromium(executable, tmp_path_factory.mktemp("chromium") / "profile") as browser:
        yield browser


@pytest.fixture
def site(db: None, tmp_path: Path) -> Iterator[Site]:
    """The product on the test's database. Gunicorn serves the page too: it is of the API's origin, so no CORS."""
    static = shutil.copytree(PAGE, tmp_path / "static")
    shutil.copy(tools.PUSHER_JS, static)
    name = connection.settings_dict["NAME"]
    with (
        set_stage(mongodb_uri=os.environ["MONGODB_URI"], database=name, directory=tmp_path) as stage,
        open_site(stage) as site,
    ):
        yield site
