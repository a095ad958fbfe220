"""The curl commands of `docs/api.md` work when a reader copies them."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.docs.markdown import ROOT, read
from tests.e2e.running_product import run_product


@pytest.mark.needs("curl")
@pytest.mark.long
@pytest.mark.e2e
@pytest.mark.slow
def test_curls_of_the_page_tell_a_shows_whole_life(db: None, tmp_path: Path) -> None:
    with run_product(tmp_path) as product:
        script = in_no_hurry(commands()).replace("BASE=http://127.0.0.1:8000", f"BASE={product.streamer.base_url}")
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script.replace(".venv/bin/python", sys.executable)],
            cwd=ROOT,
            env=product.stand_ins.environment(),
            capture_output=True,
            text=True,
            check=False,
        )

    assert done.returncode == 0, done.stderr
    paid, moved, before, during, show, timeline, begun, ended, mine, settlement = documents(done.stdout)
    assert (paid["amount"], moved["status"], before["preset"], during["preset"], show["status"]) == (
        *(200, "scheduled", "preview", "sd", "live"),
    )
    assert "activate_goal" in [row["name"] for row in timeline["results"]]
    assert (begun["context"]["started_by"], ended["status"]) == ("streamer", "ended")
    assert mine["results"][0]["outcome"] == settlement["state"] == "in_question"
    assert (settlement["reason"], settlement["total"], settlement["payers"]) == ("ended_early", 200, 1)


def test_commands_of_the_page_are_shell() -> None:
    done = subprocess.run(["bash", "-n"], input=commands(), capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")
    assert len(re.findall(r"\bapi ", commands())) >= 9


def commands() -> str:
    """Return all commands of the section, in order."""
    _before, _title, rest = read("docs/api.md").partition("## The life of a show, by curl\n")
    return "\n".join(re.findall(r"```sh\n(.*?)```", rest.partition("\n## ")[0], re.DOTALL))


def in_no_hurry(script: str) -> str:
    """Give each command more time than the page does, because a busy machine may be slow."""
    for on_the_page, longer in (
        ("+ 5)),", "+ 15)),"),
        ("sleep 6", "sleep 16"),
        ("+ 3))", "+ 10))"),
        ("sleep 5", "sleep 14"),
    ):
        assert script.count(on_the_page) == 1
        script = script.replace(on_the_page, longer)
    return script


def documents(text: str) -> list[Any]:
    """Parse the JSON documents that were printed one after another."""
    found = []
    while text := text.lstrip():
        document, end = json.JSONDecoder().raw_decode(text)
        found.append(document)
        text = text[end:]
    return found
