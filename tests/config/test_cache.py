"""The effect of the setting CACHE_URL on a process."""

import os
import subprocess
import sys

import pytest

from tests.environment import ROOT
from tests.factories.caches import redis_server

PROGRAM = "import django; django.setup(); from django.core.cache import cache; {}"


def run(program: str, url: str) -> str:
    environment = {**os.environ, "CACHE_URL": url}
    command = [sys.executable, "-c", PROGRAM.format(program)]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.slow
def test_processes_share_what_the_redis_of_cache_url_holds() -> None:
    with redis_server() as url:
        run('cache.set("fan", {"id": 1}, 60)', url)

        assert run('print(cache.get("fan"))', url) == "{'id': 1}"
    assert run('print(cache.get("fan"))', "") == "None"
