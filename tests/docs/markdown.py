"""Reads tables, links and code blocks of the project's Markdown."""

import itertools
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

Row = list[str]


def read(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def table_rows(path: str) -> Iterator[Row]:
    """Yield the cells of each row of all tables of a page, without the headings."""
    return rows_in(read(path))


def rows_in(text: str) -> Iterator[Row]:
    """Yield the cells of each row of all tables of a text, without the headings."""
    lines = [*text.splitlines(), ""]
    for line, following in itertools.pairwise(lines):
        is_head = following.startswith("|--")
        if line.startswith("|") and not line.startswith("|--") and not is_head:
            yield [cell.strip().replace(r"\|", "|") for cell in re.split(r"(?<!\\)\|", line.strip("|"))]


def in_code(cell: str) -> list[str]:
    """Return the texts between backticks."""
    return re.findall(r"`([^`]+)`", cell)


def links(path: str) -> list[Path]:
    """Return the files that a page links to."""
    page = (ROOT / path).parent
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", read(path))
    return [(page / target).resolve() for target in targets if "://" not in target]


def section(path: str, title: str) -> str:
    """Return the text from a heading to the next heading of the same level."""
    _before, _heading, rest = read(path).partition(f"\n## {title}\n")
    assert rest, f"{path} has no section {title!r}"
    return rest.partition("\n## ")[0]


def code_blocks(text: str) -> list[str]:
    """Return the contents of the fenced blocks of Python."""
    return re.findall(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def javascript(text: str) -> str:
    """Return the fenced blocks of JavaScript."""
    return "\n".join(re.findall(r"^```js\n(.*?)^```$", text, re.DOTALL | re.MULTILINE))
