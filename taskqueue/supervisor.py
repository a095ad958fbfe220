"""Tells the supervisor systemd that this process is ready, by the protocol of sd_notify(3)."""

import os
import socket
from contextlib import suppress


def say_ready() -> None:
    """Tell systemd that this process works, if systemd has asked for it (`Type=notify`) and can be reached."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified:
        # An address that begins with @ is abstract: it has no file.
        notified.sendto(b"READY=1", "\0" + address[1:] if address.startswith("@") else address)
