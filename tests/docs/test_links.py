"""The files to which pages link, and the pages that comments name, exist."""

import re

import pytest

from tests.docs.markdown import ROOT, links

PAGES = ["README.md", "CHANGELOG.md", *(str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*.md"))]
ROOMS = (
    *("analytics", "api", "config", "goals", "notifications", "ops", "pages", "sessions_app", "showgoals"),
    "taskqueue",
)


@pytest.mark.parametrize("page", PAGES)
def test_page_links_to_files_that_exist(page: str) -> None:
    assert [path for path in links(page) if not path.exists()] == []


def test_code_names_pages_that_exist() -> None:
    sources = [source for room in ROOMS for source in (ROOT / room).rglob("*.py")]
    named = {page for source in sources for page in re.findall(r"docs/[\w/-]+\.md", source.read_text())}

    assert {page for page in named if not (ROOT / page).is_file()} == set()
