"""The catalogue of events describes the events that are really sent."""

import json
import re
from typing import Any

from django.contrib.auth.models import User
from django.utils.module_loading import import_string
from openapi_schema_validator import OAS31Validator

from api.openapi.schemas import resolved
from goals.tasks import activate_goal
from mongodb.collections import collection
from sessions_app.models import Session
from tests.factories.client import ApiClient
from tests.factories.documents import queued_messages
from tests.factories.goals import HOUR, ShowFundingGoalFactory, ShowGoalFactory, whole_second

ID = re.compile("[0-9a-f]{24}")


def test_events_of_an_evening_match_the_catalogue(
    document: dict[str, Any], outbox: list[Any], streamer: User, viewer: User, session: Session
) -> None:
    evening(session, viewer, ApiClient(streamer))

    assert {event: sorted(channels) for event, channels in seen(document, outbox, streamer, viewer).items()} == {
        event: sorted(item["post"]["x-channels"]) for event, item in document["webhooks"].items()
    }


def evening(session: Session, viewer: User, streamer: ApiClient) -> None:
    """Start a show, let its streamer begin and extend it, move and cancel another show, and end the session.

    The end of the session makes the funding goal of the cancelled show lapse. The deadline of a third funding goal is
    removed.
    """
    paid = ShowFundingGoalFactory(session=session, closed=True, paid_by=[viewer])
    show = ShowGoalFactory(funding_goal=paid, nbf=whole_second())
    activate_goal(str(show.pk), int(show.window[0].timestamp()))
    assert streamer.post(f"/goals/{show.pk}/start").status == 200
    deliver()
    assert streamer.post(f"/goals/{show.pk}/extend", {"seconds": 60}).status == 200
    assert streamer.patch(f"/goals/{ShowFundingGoalFactory(session=session).pk}", {"exp": None}).status == 200
    deliver()
    another = ShowGoalFactory(
        funding_goal=ShowFundingGoalFactory(session=session, closed=True, paid_by=[viewer]), nbf=whole_second() + HOUR
    )
    nbf = int((whole_second() + HOUR + HOUR).timestamp())
    assert streamer.patch(f"/goals/{another.pk}", {"nbf": nbf}).status == 200
    deliver()
    assert streamer.post(f"/goals/{another.pk}/cancel").status == 200
    assert streamer.post(f"/sessions/{session.pk}/end", {"cancel_shows": True}).status == 200
    deliver()


def deliver() -> None:
    """Run the queued tasks of notifications, and the tasks that they queue."""
    while waiting := [message for message in queued_messages() if message.func.startswith("notifications.")]:
        collection("django_q_ormq").delete_many({})
        for message in waiting:
            import_string(message.func)(*message.args)


def seen(document: dict[str, Any], outbox: list[Any], streamer: User, viewer: User) -> dict[str, set[str]]:
    """Return the channels on which each event was sent. Check the data against the schemas in the catalogue."""
    names = {str(streamer.pk): "{streamer_id}", str(viewer.pk): "{viewer_id}"}
    channels: dict[str, set[str]] = {}
    for event in outbox:
        channel = ID.sub(lambda match: names[match[0]], event.channel)
        name = event.name if event.name in document["webhooks"] else f"{event.name} ({channel.split('.')[1]})"
        content = document["webhooks"][name]["post"]["requestBody"]["content"]["application/json"]
        schema = {**resolved(document, content["schema"]), "components": document["components"]}
        OAS31Validator({**schema, "additionalProperties": False}).validate(json.loads(event.data))
        channels.setdefault(name, set()).add(channel)
    return channels
