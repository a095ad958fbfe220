"""On a machine without a tool, the tests that need it are skipped with a message, or fail."""

import os

import pytest

from tests import tools


@pytest.fixture
def bare(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> pytest.Item:
    """A test that needs Chromium and curl, on a machine without any programs."""
    monkeypatch.setenv("PATH", os.devnull)
    monkeypatch.delenv(tools.ALLOW_MISSING, raising=False)
    request.node.add_marker(pytest.mark.needs("chromium", "curl"))
    item: pytest.Item = request.node
    return item


@pytest.mark.parametrize("allowed", [None, "chromium,curl", "curl,npm,chromium"])
def test_test_without_its_tool_is_skipped(
    bare: pytest.Item, monkeypatch: pytest.MonkeyPatch, allowed: str | None
) -> None:
    if allowed is not None:
        monkeypatch.setenv(tools.ALLOW_MISSING, allowed)

    with pytest.raises(pytest.skip.Exception) as left_out:
        tools.pytest_runtest_setup(bare)
    assert str(left_out.value) == ("LEFT OUT: no chromium (apt-get install chromium), no curl (apt-get install curl)")


@pytest.mark.parametrize(("allowed", "missing"), [("", "chromium"), ("curl", "chromium"), ("chromium,npm", "curl")])
def test_test_without_a_required_tool_fails(
    bare: pytest.Item, monkeypatch: pytest.MonkeyPatch, allowed: str, missing: str
) -> None:
    monkeypatch.setenv(tools.ALLOW_MISSING, allowed)

    with pytest.raises(pytest.fail.Exception) as failed:
        tools.pytest_runtest_setup(bare)
    remedy = f"no {missing} (apt-get install {missing}); ALLOW_MISSING={missing} leaves this test out"
    assert str(failed.value) == remedy
