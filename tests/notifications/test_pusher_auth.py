import hashlib
import hmac
import json
from typing import Any
from urllib.parse import urlencode

import pytest
from bson import ObjectId
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from api.authentication import issue_access
from goals.models import Goal
from goals.tasks import activate_goal
from mongodb.collections import collection
from mongodb.transactions import run_in_transaction
from notifications.backends.locmem import KEY, SECRET
from sessions_app.models import Session
from sessions_app.serializers import SessionSerializer
from showgoals.changes import cancel_show_goal
from showgoals.serializers import GoalSerializer
from tests.factories.client import Answer, ApiClient
from tests.factories.goals import ShowGoalFactory
from tests.factories.people import UserFactory

pytestmark = pytest.mark.django_db
SOCKET = "1234.5678"


def subscribe(client: ApiClient, channel: str, socket_id: Any = SOCKET) -> Answer:
    return client.post("/pusher/auth", {"socket_id": socket_id, "channel_name": channel})


def signature(to_sign: str) -> str:
    return f"{KEY}:{hmac.digest(SECRET.encode(), to_sign.encode(), hashlib.sha256).hex()}"


def sd_channel(streamer: User, viewer: User) -> str:
    return f"presence-stream-viewer@{streamer.pk}.sd.{viewer.pk}"


def test_form_as_pusher_js_posts_it_is_answered(viewer: User) -> None:
    channel = f"presence-stream-viewer@{ObjectId()}.preview.{viewer.pk}"
    response = Client().post(
        "/pusher/auth",
        f"socket_id={SOCKET}&channel_name={channel.replace('@', '%40')}",
        content_type="application/x-www-form-urlencoded",
        headers={"Authorization": f"Bearer {issue_access(viewer)}"},
    )
    channel_data = json.dumps({"user_id": str(viewer.pk), "user_info": {"name": "viewer"}})
    assert (response.status_code, response.json()) == (
        200,
        {"auth": signature(f"{SOCKET}:{channel}:{channel_data}"), "channel_data": channel_data},
    )


@pytest.mark.parametrize(
    ("name", "shown"),
    [("\N{PARTY POPPER}" * 150, "\N{PARTY POPPER}" * 74), ("\u5b57" * 150, "\u5b57" * 149), ("a" * 150, "a" * 150)],
    ids=["four bytes each", "three bytes each", "ASCII"],
)
def test_long_name_is_cut_to_what_pusher_takes(db: None, name: str, shown: str) -> None:
    user = UserFactory(username=name)

    answer = subscribe(ApiClient(user), f"presence-stream@{user.pk}")

    data = answer.body["channel_data"]
    assert (answer.status, json.loads(data)) == (200, {"user_id": str(user.pk), "user_info": {"name": shown}})
    assert len(data) <= 1024


@pytest.mark.parametrize("prefix", ["private-stream", "presence-stream"])
def test_anyone_signed_in_may_follow_a_streamer_and_sees_what_runs(
    viewer_client: ApiClient, session: Session, funding_goal: Goal, prefix: str
) -> None:
    answer = subscribe(viewer_client, f"{prefix}@{session.user_id}")
    assert answer.status == 200
    session.refresh_from_db()
    assert answer.body["data"] == {
        "session": SessionSerializer(session).data,
        "goals": [GoalSerializer(Goal.objects.get(pk=funding_goal.pk)).data],
    }


def test_channel_data_of_a_streamer_without_a_session_is_empty(viewer_client: ApiClient) -> None:
    answer = subscribe(viewer_client, f"private-stream@{ObjectId()}")
    assert answer.body["data"] == {"session": None, "goals": []}


def test_private_user_channel_is_for_that_user(viewer_client: ApiClient, viewer: User, streamer: User) -> None:
    assert subscribe(viewer_client, f"private-user@{viewer.pk}").status == 200
    assert subscribe(viewer_client, f"private-user@{streamer.pk}").problem == (403, "channel_forbidden", [])


def test_preview_channel_is_for_that_viewer(viewer_client: ApiClient, viewer: User, streamer: User) -> None:
    assert subscribe(viewer_client, f"presence-stream-viewer@{streamer.pk}.preview.{viewer.pk}").status == 200
    foreign = f"presence-stream-viewer@{streamer.pk}.preview.{ObjectId()}"
    assert subscribe(viewer_client, foreign).problem == (403, "channel_forbidden", [])


def test_sd_channel_is_for_payers_before_and_during_the_show(
    viewer_client: ApiClient, viewer: User, streamer: User, funding_goal: Goal
) -> None:
    channel = sd_channel(streamer, viewer)
    assert subscribe(viewer_client, channel).status == 200  # no show yet, payment not folded
    show = ShowGoalFactory(funding_goal=funding_goal, nbf=timezone.now().replace(microsecond=0))
    assert subscribe(viewer_client, channel).status == 200  # waiting
    activate_goal(str(show.pk), int(show.nbf.timestamp()))
    assert subscribe(viewer_client, channel).status == 200  # live


def test_sd_channel_is_closed_after_the_show(
    viewer_client: ApiClient, viewer: User, streamer: User, session: Session, funding_goal: Goal
) -> None:
    show = ShowGoalFactory(funding_goal=funding_goal)
    collection("goals").update_one({"_id": show.pk}, {"$set": {"exp": timezone.now()}})
    assert subscribe(viewer_client, sd_channel(streamer, viewer)).problem == (403, "channel_forbidden", [])


def test_sd_channel_is_closed_for_a_cancelled_show(
    viewer_client: ApiClient, viewer: User, streamer: User, funding_goal: Goal
) -> None:
    show = ShowGoalFactory(funding_goal=funding_goal)
    run_in_transaction(lambda: cancel_show_goal(str(show.pk), now=timezone.now()))
    assert subscribe(viewer_client, sd_channel(streamer, viewer)).problem == (403, "channel_forbidden", [])


def test_sd_channel_is_refused_to_others(streamer: User, viewer: User, funding_goal: Goal) -> None:
    other = UserFactory()
    for channel in (sd_channel(streamer, other), sd_channel(streamer, viewer)):
        assert subscribe(ApiClient(other), channel).problem == (403, "channel_forbidden", [])
    assert subscribe(ApiClient(streamer), sd_channel(streamer, streamer)).problem == (403, "channel_forbidden", [])


def test_payment_to_another_streamer_opens_nothing(viewer_client: ApiClient, viewer: User, funding_goal: Goal) -> None:
    stranger = UserFactory()
    assert subscribe(viewer_client, sd_channel(stranger, viewer)).problem == (403, "channel_forbidden", [])


FORBIDDEN_NAMES = [
    *("private-user@{u}x", "xprivate-user@{u}", "private-user@{u}\n", "private-user@{u}\r\n", "private-user@{U}"),
    *("private-user@", "presence-user@{u}", "public", "private-encrypted-user@{u}", ':user::{{"id":"admin"}}'),
    *("presence-stream-viewer@{u}.hd.{u}", "presence-stream-viewer@{u}.preview.{u}.sd", "private-stream@{u}:extra"),
    *(" private-user@{u}", "private-user@{u} ", "private-user@ {u}", "private-user@@{u}", "private-user%40{u}"),
    *("Private-user@{u}", "private-user@{u},private-user@{u}", "private-user@{u};x", "private-users@{u}"),
    *("private-user@*", "private-*", "*", "private-user@{short}", "private-user@{wide}", "private-user@{u}\u200b"),
    *("presence-stream-viewer@{u}.SD.{u}", "presence-stream-viewer@{u}.sd.", "presence-stream-viewer@.sd.{u}"),
    *("presence-stream-viewer@{u}.sd.{u}\n", "presence-stream-viewer@{u}..{u}", "presence-stream-viewer@{u}.preview.*"),
    *("private-stream-viewer@{u}.preview.{u}", "presence-stream@{u}.preview.{u}", "cache-private-user@{u}"),
    *("presence-cache-stream@{u}", "#server-to-user-{u}", "client-user@{u}", "private-stream@{u}/../{u}"),
]


@pytest.mark.parametrize("name", FORBIDDEN_NAMES, ids=ascii)
def test_every_other_name_is_forbidden(viewer_client: ApiClient, viewer: User, name: str) -> None:
    own = str(viewer.pk)
    wide = "".join(chr(ord(digit) + 0xFEE0) for digit in own)
    channel = name.format(u=own, U=own.upper(), short=own[:-1], wide=wide)

    form = urlencode({"socket_id": SOCKET, "channel_name": channel}).encode()
    posted = viewer_client.post_bytes("/pusher/auth", form, content_type="application/x-www-form-urlencoded")

    assert subscribe(viewer_client, channel).problem == posted.problem == (403, "channel_forbidden", [])


@pytest.mark.parametrize("socket_id", ["", "1", "1.2:x", "1.2\n", "a.b", None, 12])
def test_socket_id_must_have_pushers_form(viewer_client: ApiClient, viewer: User, socket_id: Any) -> None:
    status, code, _errors = subscribe(viewer_client, f"private-user@{viewer.pk}", socket_id).problem
    assert (status, code) == (400, "invalid")


def test_subscribing_requires_a_token(viewer: User) -> None:
    assert subscribe(ApiClient(), f"private-user@{viewer.pk}").problem == (401, "not_authenticated", [])


def test_server_without_keys_is_reported(viewer: User, viewer_client: ApiClient, settings: Any) -> None:
    settings.REALTIME = {"BACKEND": "notifications.backends.console.ConsoleRealtime"}
    for answer in (subscribe(viewer_client, f"private-user@{viewer.pk}"), ApiClient().get("/realtime")):
        assert (answer.problem, "Retry-After" in answer.headers) == ((503, "realtime_unconfigured", []), True)


def test_anyone_may_ask_how_to_connect() -> None:
    answer = ApiClient().get("/realtime")
    connection = {"key": KEY, "cluster": "locmem", "host": "localhost", "port": 6001, "tls": False}
    assert (answer.status, answer.body) == (
        200,
        {**connection, "auth_endpoint": "http://testserver/pusher/auth"},
    )
