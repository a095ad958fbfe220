"""A small run of `bench pages`."""

import re

import pytest

from tests.lab.benches import bench, database_is_dropped


def test_bench_pages_refuses_numbers_that_mean_nothing() -> None:
    done = bench("pages", "--seconds", "14")

    assert (done.returncode, done.stdout) == (1, "")
    assert "--seconds at least 15" in done.stderr


@pytest.mark.long
def test_bench_measures_pages() -> None:
    done = bench("pages", "--pages", "2", "--seconds", "15")

    assert (done.returncode, done.stderr) == (0, "")
    for title in ("no pages", "pages", "pages without validators"):
        assert re.search(rf"^  {title} +\d+\.\d\d +\d+\.\d\d$", done.stdout, re.MULTILINE), title
    assert "2 pages: " in done.stdout
    assert database_is_dropped()
