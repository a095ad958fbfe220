"""A qcluster tells systemd when its workers are running."""

import socket
from pathlib import Path

import pytest

from taskqueue.supervisor import say_ready


@pytest.mark.parametrize("kind", ["file", "abstract"])
def test_systemd_is_told_once_at_its_address(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    address = str(tmp_path / "notify") if kind == "file" else f"@{tmp_path}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(address.replace("@", "\0"))
        systemd.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", address)

        say_ready()

        assert systemd.recv(100) == b"READY=1"


def test_nobody_is_told_without_systemd(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)

    say_ready()


@pytest.mark.parametrize("address", ["/nowhere/notify", "x" * 200], ids=["missing", "too long"])
def test_systemd_that_can_not_be_reached_stops_nothing(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", address)

    say_ready()
