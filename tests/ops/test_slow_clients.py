"""Clients that are slow, or silent, hold up only themselves, and not for long."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import User

from api.authentication import issue_access
from sessions_app.models import Session
from tests.crash.server import KillableServer
from tests.ops.slow_clients import HALF_BODY, HALF_HEADER, held_connections, slowest

pytestmark = [pytest.mark.django_db, pytest.mark.e2e, pytest.mark.long]


@pytest.fixture
def server(child_environment: dict[str, str], tmp_path: Path) -> Iterator[KillableServer]:
    keys = {"SECRET_KEY": settings.SECRET_KEY, "STREAM_TOKEN_KEY": settings.STREAM_TOKEN_KEY}
    server = KillableServer(child_environment | keys | {"DATA_DIR": str(tmp_path)})
    server.start()
    yield server
    server.close()


@pytest.mark.parametrize(("count", "sent"), [(1000, b""), (1000, HALF_HEADER), (1000, HALF_BODY), (5000, b"")], ids=str)
def test_others_are_answered_beside_slow_clients(
    server: KillableServer, session: Session, viewer: User, count: int, sent: bytes
) -> None:
    bearer = {"Authorization": f"Bearer {issue_access(viewer)}"}
    token = f"/sessions/{session.pk}/token"
    slowest(server, token, bearer)

    with held_connections(server, count, sent):
        assert slowest(server, "/healthz", {}) < 1
        assert slowest(server, token, bearer) < 2


def test_slow_clients_are_cut_off_in_time(server: KillableServer) -> None:
    """The silent client is cut off without a response, the others with a 408."""
    began = time.monotonic()
    with (
        held_connections(server, 1, b"") as silent,
        held_connections(server, 1, HALF_HEADER) as header,
        held_connections(server, 1, HALF_BODY) as body,
    ):
        answers = []
        for client in (*silent, *header, *body):
            answer = client.makefile("rb").read()
            seconds = round(time.monotonic() - began, -1)
            answers.append((answer.partition(b"\r\n")[0], b'"code": "request_timeout"' in answer, seconds))

    timed_out = b"HTTP/1.1 408 Request Timeout"
    assert answers == [(b"", False, 10), (timed_out, True, 10), (timed_out, True, 30)]
