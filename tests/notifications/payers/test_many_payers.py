"""In a show with a large audience, every payer is listed once, and the sums agree."""

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from lab.seed import SeededShow, seed_shows, show_request
from mongodb.transactions import run_in_transaction
from notifications.tasks import batch_notify_stream_authorized
from showgoals.tasks import create_show_goal
from tests.factories.client import ApiClient
from tests.factories.goals import whole_second
from tests.notifications.conftest import started

pytestmark = [pytest.mark.django_db, pytest.mark.timeout(300)]
PRICE = 200


def live_show(viewers: int) -> SeededShow:
    (seeded,) = seed_shows(1, viewers=viewers, now=timezone.now())
    request = show_request(seeded, nbf=whole_second(), target_seconds=3600)
    show = started(run_in_transaction(lambda: create_show_goal(request, now=timezone.now())))
    batch_notify_stream_authorized(str(show.pk), seeded.funding_goal_id)
    return seeded


@pytest.mark.parametrize("viewers", [2_500, pytest.param(100_000, marks=pytest.mark.long)])
def test_each_of_many_payers_is_listed_once(viewers: int) -> None:
    seeded = live_show(viewers)
    client = ApiClient(User.objects.get(pk=seeded.streamer.id))

    for state in ("", "planned"):
        asked = {"page_size": "200"} | ({"state": state} if state else {})
        page = client.get(f"/goals/{seeded.funding_goal_id}/payers", **asked).body
        listed = [(row["viewer_id"], row["amount"], row["sd"]) for row in page["results"]]
        while page["next"]:
            page = client.get(page["next"]).body
            listed += [(row["viewer_id"], row["amount"], row["sd"]) for row in page["results"]]
        assert listed == [(viewer.id, PRICE, "planned") for viewer in sorted(seeded.viewers)]

    planned = {"planned": viewers, "sent": 0, "unknown": 0, "failed": 0, "expired": 0}
    assert client.get(f"/goals/{seeded.funding_goal_id}/deliveries").body == {
        "viewers": viewers,
        **dict.fromkeys(("preview", "sd"), planned),
        **dict.fromkeys(("received", "credentials_fetched"), 0),
    }
