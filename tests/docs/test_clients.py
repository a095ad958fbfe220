"""`docs/clients.md` names channels and events that exist, and its JavaScript follows the rules of the page."""

import json
import re
import subprocess
from typing import Any

import pytest

from notifications import events
from notifications.channels import streamer_channels, viewer_channel
from tests.docs.markdown import in_code, javascript, read, section, table_rows

PAGE = "docs/clients.md"
EVENT = re.compile(r"(goal|stream)\.\w+")
GOAL = "6811c05bf672c8b2cbdc2432"


def test_page_names_channels_and_events_that_exist() -> None:
    first = [in_code(row[0])[0] for row in table_rows(PAGE)]
    named = {name for row in table_rows(PAGE) for cell in row for name in in_code(cell) if EVENT.fullmatch(name)}

    assert [name for name in first if "@" in name] == [
        streamer_channels("s")[0],
        viewer_channel("s", "preview", "v"),
        viewer_channel("s", "sd", "v"),
    ]
    assert named == {str(value) for value in vars(events).values() if EVENT.fullmatch(str(value))}


def test_glossary_explains_each_word_once() -> None:
    table = read("docs/glossary.md").partition("\n## ")[0]
    words = [word.replace("`", "").lower() for word in re.findall(r"^\| (.+?) \| ", table, re.MULTILINE)[1:]]

    assert (len(words) > 20, words) == (True, sorted(set(words)))


@pytest.mark.needs("npm")
def test_events_are_passed_over_as_the_page_says() -> None:
    heard: list[tuple[str, dict[str, Any]]] = [
        ("goal.updated", {"event_id": "a", "version": 3}),
        ("goal.updated", {"event_id": "a", "version": 3}),  # on another channel
        ("goal.cancelled", {"event_id": "b", "version": 2}),  # late
        ("stream.authorized", {"event_id": "c", "version": 3}),
        ("stream.authorized", {"event_id": "c", "version": 3, "redelivery": 1}),
        ("goal.progressed", {"event_id": "d", "version": 1, "progress": 50}),
        ("goal.progressed", {"event_id": "e", "version": 9, "progress": 40}),
    ]
    rules = javascript(section(PAGE, "What to ignore"))
    told = json.dumps([[name, {"goal_id": GOAL, **data}] for name, data in heard])
    script = (
        f'{rules}\ngoals.set("{GOAL}", {{ version: 3, progress: 50 }});'
        f"console.log(JSON.stringify({told}.map(([name, data]) => isNew(name, data))));"
    )
    done = subprocess.run(["node", "--eval", script], capture_output=True, text=True, check=True)

    assert json.loads(done.stdout) == [True, False, False, True, True, True, False]
