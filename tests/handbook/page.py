"""Reads the procedures of docs/handbook.md: their blocks of commands, and the hosts that each block is for."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tests.docs.markdown import read

PAGE = "docs/handbook.md"
HEADING = re.compile(r"##+ (.+)")
FENCE = re.compile(r"```(\w*)")
# The bold words above a block: "**On app1, then on app2:**".
PLACE = re.compile(r"\*\*(?:\d\. )?(.+?)[,:.]?\*\*")
NAME = re.compile(r"\b(?:db[123]|cache|app[12])\b")
# The places that name no host, and the hosts that the tests choose for them.
CHOSEN = {
    "On one host": ["db1"],
    "On each host": ["db1", "db2", "db3"],
    "On one of them": ["db1"],
    "On the primary": ["db1"],
    "Give all processes": [],
}


@dataclass(frozen=True)
class Block:
    """The commands between two fences, under the heading `title`."""

    title: str
    place: str
    language: str
    text: str

    @property
    def hosts(self) -> list[str]:
        """The names of the hosts that the block is for, in order.

        Raises KeyError if the place names no host and is not in CHOSEN.
        """
        return NAME.findall(self.place) or CHOSEN[self.place]


def blocks(title: str) -> list[Block]:
    """Return the blocks of the procedure, in the order in which the page prints them."""
    found = [block for block in all_blocks() if block.title == title]
    assert found, f"{PAGE} has no commands under {title!r}"
    return found


def all_blocks() -> Iterator[Block]:
    """Yield the blocks of all procedures."""
    title = place = ""
    language: str | None = None
    lines: list[str] = []
    for line in read(PAGE).splitlines():
        fence = FENCE.fullmatch(line)
        if language is not None and not fence:
            lines.append(line)
        elif language is not None:
            yield Block(title, place, language, "\n".join([*lines, ""]))
            language, place = None, ""
        elif fence:
            language, lines = fence[1], []
        elif heading := HEADING.fullmatch(line):
            title, place = heading[1], ""
        elif found := PLACE.match(line):
            place = found[1]
