"""No command of docs/handbook.md escapes the tests of this directory."""

from pathlib import Path

import pytest

from tests.handbook.house import NAMES
from tests.handbook.page import all_blocks
from tests.handbook.table import NotInTable, check_translated, translate

ROOT = Path("/the/root/of/host")
PORTS = {name: 20_000 + number for number, name in enumerate(NAMES)}


def test_every_procedure_is_played_by_a_test() -> None:
    sources = [path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("*.py")]
    titles = {block.title for block in all_blocks()}

    assert titles
    assert {title for title in titles if not any(f'blocks("{title}")' in source for source in sources)} == set()


def test_every_block_names_its_hosts_and_has_no_value_without_a_replacement() -> None:
    for block in all_blocks():
        for host in block.hosts:
            check_translated(translate(block.text, root=ROOT, port=PORTS[host], ports=PORTS), root=ROOT)


@pytest.mark.parametrize(
    "command", ["rm -r /srv/showgoals", "cat </home/me/file", "curl http://app3:8000/", "redis-cli -h cache:6380 ping"]
)
def test_value_without_a_replacement_is_noticed(command: str) -> None:
    with pytest.raises(NotInTable):
        check_translated(translate(command, root=ROOT, port=1, ports=PORTS), root=ROOT)
