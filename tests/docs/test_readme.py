"""The README shows the specification's example, commands that exist, and all packages of the project."""

import json
import re

from tests.docs.markdown import ROOT, in_code, read, table_rows

EXAMPLE = {
    "levels": [{"title": "Proceed", "target": 60}],
    "context": {
        "funding_goal_id": "ID",
        "session_id": "ID",
        "ticket_product_id": "livestream-show-ticket_200",
        "ticket_product_type": "show",
    },
    "nbf": 1745993863,
}


def test_readme_posts_the_flows_example_with_its_ids_replaced() -> None:
    (body,) = re.findall(r"<<BODY\n(.*?)\nBODY\n", read("README.md"), re.DOTALL)

    assert json.loads(re.sub(r"\$\(seed '[^']+'\)", "ID", body)) == EXAMPLE


def test_readme_names_make_targets_that_exist() -> None:
    named = set(re.findall(r"`?\bmake ([\w-]+)(?=`|   )", read("README.md")))
    targets = set(re.findall(r"^([a-z-]+):", read("Makefile"), re.MULTILINE))

    assert named == {"demo", "test", "run", "check", "check-all", "messages"}
    assert named - targets == set()


def test_readme_lists_each_room() -> None:
    listed = {room.rstrip("/") for row in table_rows("README.md") for room in in_code(row[0])}
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}

    assert listed == packages | {"docs", "deploy"}
