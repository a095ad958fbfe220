"""The whole product, running."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.running_product import RunningProduct, run_product


@pytest.fixture
def product(db: None, tmp_path: Path) -> Iterator[RunningProduct]:
    with run_product(tmp_path) as product:
        yield product
