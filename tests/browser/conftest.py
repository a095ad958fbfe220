"""A real browser and a real site."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection as django_connection

from lab.stand_ins import StandIns, run_stand_ins
from tests import tools
from tests.browser.chromium import Chromium
from tests.browser.pages_site import PagesSite
from tests.browser.partner_site import Gateway, PartnerSite, serve_page
from tests.browser.realtime import StandIn
from tests.browser.site import Site, open_site
from tests.docs.markdown import javascript, section

PAGE = Path(__file__).parent / "page"

connection: Any = django_connection


def pytest_itemcollected(item: pytest.Item) -> None:
    """Let one process run all of these tests. Several browsers at once would be too slow for them."""
    item.add_marker(pytest.mark.xdist_group("chromium"))


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    executable = tools.chromium()
    assert executable
    with Chromium(executable, tmp_path_factory.mktemp("chromium") / "profile") as browser:
        yield browser


@pytest.fixture
def chromium(browser: Chromium) -> Iterator[Chromium]:
    """The browser, without windows of earlier tests."""
    with browser.windows():
        yield browser


@contextmanager
def stand_ins_in(directory: Path) -> Iterator[StandIns]:
    """Run the stand-ins. The product uses this process's database and key, so it accepts this process's tokens."""
    uri, name = os.environ["MONGODB_URI"], connection.settings_dict["NAME"]
    with run_stand_ins(
        mongodb_uri=uri, database=name, directory=directory, secret_key=settings.SECRET_KEY
    ) as stand_ins:
        yield stand_ins


@pytest.fixture
def site(db: None, tmp_path: Path) -> Iterator[Site]:
    """The product on the test's database. Gunicorn also serves the test's page, which therefore needs no CORS."""
    static = shutil.copytree(PAGE, tmp_path / "static")
    shutil.copy(tools.PUSHER_JS, static)
    (static / "client.js").write_text(javascript(section("docs/clients.md", "Connect and subscribe")))
    with (
        stand_ins_in(tmp_path) as stand_ins,
        open_site(stand_ins) as site,
    ):
        yield site


@pytest.fixture
def desk(db: None, tmp_path: Path) -> Iterator[Site]:
    """The product on the test's database, with its admin. With DEBUG, cookies work without HTTPS."""
    (tmp_path / "static").mkdir()
    with (
        stand_ins_in(tmp_path) as stand_ins,
        open_site(stand_ins, DEBUG="on") as site,
    ):
        yield site


@pytest.fixture
def pages(db: None, tmp_path: Path, browser: Chromium, request: pytest.FixtureRequest) -> Iterator[PagesSite]:
    """The product on the test's database, with a qcluster and a browser. The parameter is the number of payers."""
    (tmp_path / "static").mkdir()
    shutil.copy(tools.PUSHER_JS, tmp_path / "static")
    with (
        stand_ins_in(tmp_path) as stand_ins,
        open_site(
            stand_ins,
            viewers=getattr(request, "param", 2),
            PUSHER_JS_URL="/static/pusher.min.js",
            PUSHER_JS_INTEGRITY="",
            web_workers=2,
        ) as site,
        browser.windows() as chromium,
    ):
        site.start_qcluster()
        yield PagesSite(site, chromium)


@pytest.fixture
def partner(db: None, tmp_path: Path, browser: Chromium, request: pytest.FixtureRequest) -> Iterator[PartnerSite]:
    """The product on the test's database with a qcluster, and a partner's page that imports the client.

    The parameter is what stands in for Pusher: StandIn or Soketi.
    """
    with (
        serve_page(tmp_path) as origin,
        Gateway(origin) as gateway,
        stand_ins_in(tmp_path) as stand_ins,
        open_site(
            stand_ins, realtime=getattr(request, "param", StandIn)(stand_ins.pusher), CORS_ALLOWED_ORIGINS=origin
        ) as site,
        browser.windows() as chromium,
    ):
        gateway.api = site.api.base_url
        site.start_qcluster()
        yield PartnerSite(site, gateway, origin, chromium)
