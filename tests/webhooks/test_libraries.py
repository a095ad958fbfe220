"""The published Python and JavaScript libraries of Standard Webhooks verify our calls."""

import base64
import json
import subprocess
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from standardwebhooks import Webhook, WebhookVerificationError

from sessions_app.models import Session
from tests.factories.client import ApiClient
from tests.factories.goals import ShowFundingGoalFactory
from tests.webhooks.endpoints import add
from tests.webhooks.partner import Partner
from webhooks.tasks import publish_events

pytestmark = pytest.mark.django_db
SCRIPT = Path(__file__).with_name("verify.mjs")
# The secret with which a server verifies a call, its headers and its body.
Call = tuple[str, dict[str, str], bytes]


def in_python(calls: Sequence[Call]) -> list[bool]:
    return [is_genuine(*call) for call in calls]


def is_genuine(secret: str, headers: dict[str, str], body: bytes) -> bool:
    try:
        Webhook(secret).verify(body, headers)
    except WebhookVerificationError:
        return False
    return True


def in_javascript(calls: Sequence[Call]) -> list[bool]:
    told = [
        {"secret": secret, "headers": headers, "body": base64.b64encode(body).decode()}
        for secret, headers, body in calls
    ]
    done = subprocess.run(["node", SCRIPT], input=json.dumps(told), capture_output=True, text=True, check=True)
    verdicts: list[bool] = json.loads(done.stdout)
    return verdicts


@pytest.mark.parametrize(
    "verify", [in_python, pytest.param(in_javascript, marks=pytest.mark.needs("standardwebhooks"))]
)
def test_library_takes_our_calls_and_refuses_others(
    staff: ApiClient, partner: Partner, session: Session, verify: Callable[[Sequence[Call]], list[bool]]
) -> None:
    endpoint = add(staff, f"{partner.url}/ok", types=["goal.added"])
    rotated = staff.patch(f"/webhook-endpoints/{endpoint['id']}", {"rotate_secret": True}).body
    ShowFundingGoalFactory(session=session, levels=[{"title": "唱歌 🎤", "target": 5}])
    publish_events()
    ((_path, headers, body),) = partner.calls
    another: dict[str, Any] = {**headers, "webhook-id": "1"}
    with time_machine.travel(datetime.now(UTC) - timedelta(minutes=6)):
        ShowFundingGoalFactory(session=session)
        publish_events()
    _path, old_headers, old_body = partner.calls[-1]

    genuine = [(made["secret"], headers, body) for made in (endpoint, rotated)]
    forged = [
        ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", headers, body),
        (endpoint["secret"], headers, body + b" "),
        (endpoint["secret"], another, body),
        (endpoint["secret"], old_headers, old_body),
    ]
    assert verify([*genuine, *forged]) == [True, True, False, False, False, False]
