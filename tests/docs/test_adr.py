"""The decision records cover each of the 31 readings of the specification, and each record has all its parts."""

import re

import pytest

from tests.docs.markdown import ROOT, links, read, table_rows

INDEX = "docs/adr/README.md"
PAGES = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs/adr").glob("[0-9]*.md"))
READINGS = range(1, 32)


def test_index_maps_each_reading_to_a_page() -> None:
    readings = [row[0] for row in table_rows(INDEX) if row[0].isdecimal()]

    assert readings == [str(number) for number in READINGS]


def test_index_lists_each_page() -> None:
    listed = {path.relative_to(ROOT).as_posix() for path in links(INDEX)}

    assert listed == set(PAGES)


@pytest.mark.parametrize("page", PAGES)
def test_page_says_status_date_context_decision_and_consequences(page: str) -> None:
    text = read(page)
    number = page.rpartition("/")[2][:4]

    assert text.startswith(f"# {number}. ")
    assert re.search(r"^Status: \w+ · Date: \d{4}-\d{2}-\d{2}", text, re.MULTILINE)
    assert re.findall("^## (.+)", text, re.MULTILINE) == ["Context", "Decision", "Consequences"]


def test_page_names_the_readings_that_the_index_sends_to_it() -> None:
    sent: dict[str, list[str]] = {}
    for reading, _sentence, page in (row for row in table_rows(INDEX) if row[0].isdecimal()):
        sent.setdefault(page[1:5], []).append(reading)

    said = {page.rpartition("/")[2][:4]: _readings_of(page) for page in PAGES}

    assert {number: readings for number, readings in said.items() if readings} == sent


def _readings_of(page: str) -> list[str]:
    match = re.search(r"Readings? ([\d, ]+)$", read(page), re.MULTILINE)
    return match[1].split(", ") if match else []
