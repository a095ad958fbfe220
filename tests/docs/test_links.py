"""The files to which pages link, and the pages that comments name, exist."""

import re

import pytest

from tests.docs.markdown import ROOT, links

ROOMS = [path for path in ROOT.iterdir() if path.is_dir() and path.name != "tests" and not path.name.startswith(".")]
FILES = [path for room in ROOMS for path in room.rglob("*.*")]
PAGES = ["README.md", "CHANGELOG.md", *(str(path.relative_to(ROOT)) for path in FILES if path.suffix == ".md")]
SOURCES = [path for path in FILES if path.suffix in {".css", ".html", ".js", ".mjs", ".py", ".service", ".ts", ".yaml"}]


@pytest.mark.parametrize("page", PAGES)
def test_page_links_to_files_that_exist(page: str) -> None:
    assert [path for path in links(page) if not path.exists()] == []


def test_code_names_pages_that_exist() -> None:
    named = {page for source in SOURCES for page in re.findall(r"docs/[\w/-]+\.md", source.read_text())}

    assert {page for page in named if not (ROOT / page).is_file()} == set()
