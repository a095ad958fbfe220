"""Checks what must hold at the end of every evening, whatever has happened."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from django.conf import settings

from sessions_app.rtc.access_token import parse_access_token
from tests.evenings.cast import Person
from tests.evenings.client import Data, ObedientClient
from tests.evenings.facts import check_facts_have_ids, check_nothing_false_was_sent
from tests.evenings.money import check_money
from tests.evenings.opening import PAYERS
from tests.evenings.reading import READING
from tests.evenings.stage import STAGE
from tests.evenings.timelines import check_timeline
from tests.evenings.worker import queued
from tests.evenings.world import Sent, World, unix_now
from tests.factories.client import Answer
from tests.factories.documents import stored

LIFECYCLE = ("activate_goal", "deactivate_goal", "lapse_funding_goal")


def check_queue(world: World) -> None:
    """Check that a goal has at most one waiting start, one waiting end, and one waiting lapse."""
    waiting = [one for one in queued() if one["name"] in LIFECYCLE and one.get("owner") is None]
    twice = [each for each, times in Counter((one["name"], one["subject"]) for one in waiting).items() if times > 1]
    assert not twice, f"queued twice: {twice}"


def check_started(world: World) -> None:
    """Check that all due shows have started before the reconciler runs."""
    late = {"nbf": {"$lte": datetime.now(UTC)}, "activated_at": None, "exp": None, "cancelled_at": None}
    waiting = stored("goals", _cls="ShowGoal", **late)
    assert not waiting, f"only the reconciler can start {waiting}"


def check_token(world: World, viewer: Person) -> None:
    """Check that the viewer may watch a running show now if the viewer has paid for it, and may watch no other show.

    If the payment may not have been committed, both a response with access and one without are right.
    """
    if viewer.id in world.banned or STAGE.holds:
        return
    token = viewer.api.get(f"/sessions/{world.session_id}/token")
    if token.status == 409:
        return  # the session has ended
    shows = (goal for goal in READING.stored("goals") if goal["_cls"] == "ShowGoal" and goal["activated_at"])
    running = [show for show in shows if show["exp"] is None and show["cancelled_at"] is None]
    paid = {goal for goal, who in world.tried - world.excluded if who == viewer.id}
    open_to = [show for show in running if show["context"]["funding_goal_id"] in paid]
    windows = [truth.access for show in open_to if (truth := world.truths[str(show["_id"])]).access is not None]
    now = unix_now()
    allowed = [("sd", *window) for window in windows if window[0] <= now < window[1]]
    seen = token.body["preset"], token.body["nbf"], token.body["exp"]
    surely = any((show["context"]["funding_goal_id"], viewer.id) in world.paid for show in open_to)
    assert seen in (allowed if allowed and surely else [*allowed, ("preview", None, None)]), f"{viewer.id} sees {seen}"


def check_evening(world: World) -> None:
    """Check everything."""
    assert not world.worker.bugs, f"tasks failed: {world.worker.bugs}"
    stored_payments = {(paid["funding_goal_id"], paid["viewer_id"]) for paid in stored("contributions")}
    assert world.paid <= stored_payments, "a payment was answered 201 and got lost"
    world.paid = stored_payments
    goals = {goal["id"]: goal for goal in _goals(world)}
    tokens = {viewer.id: viewer.api.get(f"/sessions/{world.session_id}/token") for viewer in world.cast.viewers}
    _payers_are_in(world, goals, tokens)
    _nobody_else_is_in(world, goals, tokens)
    for check in (
        _clients_know,
        _partner_knows,
        check_nothing_false_was_sent,
        check_facts_have_ids,
        _redeliveries_arrive,
        _payers_heard,
        _starts_are_on_time,
        _sums_are_whole,
        _nothing_outdated_is_queued,
        check_money,
    ):
        check(world, goals)
    for goal in goals.values():
        check_timeline(world, goal)


def _goals(world: World) -> list[Data]:
    answer = world.cast.streamer.api.get("/goals", session_id=world.session_id)
    assert answer.status == 200, answer
    goals: list[Data] = answer.body["results"]
    return goals


def _clients_know(world: World, goals: dict[str, Data]) -> None:
    """Check that what every client knows of a goal equals the server's response."""
    for name, client in _named(world):
        for goal_id, picture in client.pictures.items():
            goal = goals[goal_id]
            hears = _told_to_phone if client in world.phones else _told_to_page
            wanted = {fact: goal[fact] for fact in hears(world, client, goal)}
            if picture.nbf is None:
                wanted.pop("nbf", None)
            seen = {fact: getattr(picture, fact) for fact in wanted}
            if not client.misses_events and not _is_banned(world, client):
                assert seen == wanted, f"{name} sees {picture}, the server says {wanted} of {goal_id}"
            assert picture.version <= goal.get("version", picture.version), f"{name} is ahead of the server"
    shows = {goal_id for goal_id, goal in goals.items() if goal["type"] == "show"}
    assert world.screen.misses_events or shows <= world.screen.pictures.keys(), "the streamer's screen misses a show"


def _partner_knows(world: World, goals: dict[str, Data]) -> None:
    """Check that a partner that reads only `GET /events` knows all goals and their progress as the server does."""
    world.partner.read()
    for goal_id, goal in goals.items():
        picture = world.partner.pictures[goal_id]
        wanted = {fact: goal[fact] for fact in (*_told_to_page(world, world.partner.client, goal), "progress")}
        if picture.nbf is None:
            wanted.pop("nbf", None)
        seen = {fact: getattr(picture, fact) for fact in wanted}
        assert seen == wanted, f"the partner sees {picture}, the server says {wanted} of {goal_id}"


def _is_banned(world: World, client: ObedientClient) -> bool:
    """Tell whether the client's user is banned, so that it can't read what it has missed."""
    return any(
        world.own_channels(viewer)[0] in client.channels for viewer in world.cast.viewers if viewer.id in world.banned
    )


def _told_to_page(world: World, page: ObedientClient, goal: Data) -> tuple[str, ...]:
    """Return the facts that a page knows from events: only the status, unless the goal is a show that has not ended."""
    return ("status",) if goal["type"] != "show" or goal["status"] == "ended" else ("status", "nbf", "access_exp")


def _told_to_phone(world: World, phone: ObedientClient, goal: Data) -> tuple[str, ...]:
    """Return the facts that a phone knows from its viewer's own channels.

    They report neither a changed length nor the end of a show. A phone knows when its own access to a live show ends.
    """
    viewer = world.cast.viewers[world.phones.index(phone)]
    if goal["type"] != "show" or (goal["context"]["funding_goal_id"], viewer.id) not in world.paid:
        return ()
    if goal["status"] == "ended" or not world.may_hear(viewer, goal["context"]["funding_goal_id"]):
        return ()
    return ("status", "nbf", "access_exp") if goal["status"] == "live" else ("status", "nbf")


def _payers_are_in(world: World, goals: dict[str, Data], tokens: dict[str, Answer]) -> None:
    """Check that the events for every payer of a live show were planned and sent, and that the payer was let in."""
    for show, viewer, payer in _audience(world, goals):
        token = tokens[payer.id]
        if payer.id in world.banned:
            assert token.status == 401
            continue
        paid_for = [each for each, who, _payer in _audience(world, goals) if who == viewer]
        running = {each["id"]: each["access_exp"] for each in paid_for}
        seen = token.body["preset"], token.body["nbf"], token.body["exp"]
        wanted = [("sd", each["nbf"], each["access_exp"]) for each in paid_for]
        assert seen in wanted, f"viewer {viewer} sees {token.body} of {show}"
        report = world.cast.staff.api.get(f"/goals/{show['id']}/viewers/{payer.id}").body
        assert report["listed"], f"viewer {viewer} is not listed: {report}"
        states = {event["preset"]: event["state"] for event in report["events"]}
        refused = world.pages[viewer].misses_events
        for preset in ("preview", "sd"):
            assert states.get(preset) in (("sent", "failed") if refused else ("sent",)), f"viewer {viewer}: {report}"
        if refused:
            continue
        told = [one for one in world.sent if _authorizes(one, show, world.own_channels(payer)[1])]
        assert told, f"viewer {viewer} was not sent credentials of {show}"
        for client in (world.pages[viewer], world.phones[viewer]):
            # A client that has missed the events of two concurrent shows gets the credentials of one of them.
            exps = {client.pictures[goal_id].credentials_exp for goal_id in running}
            assert exps & set(running.values()) - {None}, f"viewer {viewer} has no credentials: {client.pictures}"


def _audience(world: World, goals: dict[str, Data]) -> Iterator[tuple[Data, int, Any]]:
    """Yield each live show with each viewer who surely paid for it."""
    for goal in goals.values():
        if goal["status"] != "live" or unix_now() >= goal["access_exp"]:
            continue
        for number, viewer in enumerate(world.cast.viewers):
            if (goal["context"]["funding_goal_id"], viewer.id) in world.paid - world.excluded:
                yield goal, number, viewer


def _authorizes(one: Sent, show: Data, channel: str) -> bool:
    window = (one.data.get("nbf"), one.data.get("exp"))
    is_credentials = one.name == "stream.authorized" and one.channel == channel
    return is_credentials and one.data["goal_id"] == show["id"] and window == (show["nbf"], show["access_exp"])


def _nobody_else_is_in(world: World, goals: dict[str, Data], tokens: dict[str, Answer]) -> None:
    """Check that nobody got credentials without having paid, or after having been banned or excluded."""
    for one in world.sent:
        if "byteplus_token" not in one.data:
            continue
        user_id = one.channel.rpartition(".")[2]
        funding_goal = goals[one.data["goal_id"]]["context"]["funding_goal_id"]
        assert (funding_goal, user_id) in world.tried, f"{user_id} has not paid"
        assert user_id not in one.banned, f"{user_id} was banned before"
        assert (funding_goal, user_id) not in one.excluded, f"{user_id} was taken out before"
        assert parse_access_token(one.data["byteplus_token"]).user_id == user_id
    for viewer in world.cast.viewers:
        if viewer.id not in world.banned:
            live = {(goal["nbf"], goal["access_exp"]) for goal in goals.values() if _may_watch(world, goal, viewer.id)}
            token = tokens[viewer.id]
            if token.status == 200:
                assert token.body["preset"] == "preview" or (token.body["nbf"], token.body["exp"]) in live


def _may_watch(world: World, goal: Data, viewer: str) -> bool:
    return goal["status"] == "live" and (goal["context"]["funding_goal_id"], viewer) in world.tried - world.excluded


def _redeliveries_arrive(world: World, goals: dict[str, Data]) -> None:
    """Check that a page that has lost its credentials gets them again when staff send them again."""
    for show, viewer in world.redelivered:
        page, goal = world.pages[viewer], goals[show]
        is_over = goal["status"] != "live" or unix_now() >= goal["access_exp"]
        may_hear = world.may_hear(world.cast.viewers[viewer], goal["context"]["funding_goal_id"])
        if is_over or page.misses_events or not may_hear:
            continue
        exp = page.pictures[show].credentials_exp
        assert exp == goal["access_exp"], f"viewer {viewer} lost the credentials, and a redelivery changed nothing"


def _payers_heard(world: World, goals: dict[str, Data]) -> None:
    """Check that payers were told on their own channels whether their show is cancelled, and when it starts."""
    for goal in goals.values():
        changes = {(truth.status, truth.access and truth.access[0]) for truth in world.history[goal["id"]].values()}
        if goal["status"] not in ("scheduled", "cancelled") or len(changes) == 1:
            continue
        for number in PAYERS:
            payer = world.cast.viewers[number]
            funding_goal = goal["context"]["funding_goal_id"]
            if not world.may_hear(payer, funding_goal) or world.phones[number].misses_events:
                continue
            told = [one for one in world.sent if _is_told(one, goal, world.own_channels(payer)[0])]
            last = max(told, key=lambda one: one.data["version"], default=None)
            assert last is not None, f"viewer {number} heard nothing of {goal}"
            heard = ("cancelled" if last.name == "goal.cancelled" else "scheduled", last.data["nbf"])
            assert heard == (goal["status"], goal["nbf"]), f"viewer {number} last heard {last.data} of {goal}"


def _is_told(one: Sent, goal: Data, channel: str) -> bool:
    is_change = one.name in ("goal.cancelled", "goal.updated")
    return is_change and one.channel == channel and one.data["goal_id"] == goal["id"]


def _starts_are_on_time(world: World, goals: dict[str, Data]) -> None:
    """Check that no show started before its nbf, or when it was too late for a start."""
    for goal in goals.values():
        if goal["activated_at"] is not None:
            late = goal["activated_at"] - goal["nbf"]
            assert 0 <= late <= settings.START_GRACE, f"a show started {late} s after its nbf: {goal}"


def _nothing_outdated_is_queued(world: World, goals: dict[str, Data]) -> None:
    """Check that each waiting message fits the state of its goal. For example, only a scheduled show may be started."""
    for message in stored("django_q_ormq", name={"$in": list(LIFECYCLE)}):
        goal = goals[message["subject"]]
        if message["name"] == "lapse_funding_goal":
            show = goals.get(goal["context"].get("show_goal_id", ""))
            assert show is None or show["status"] == "cancelled", (
                f"a lapse is queued for {goal}, although it has the show {show}"
            )
            assert goal["id"] not in world.settlements, f"a lapse is queued for {goal}, although it is settled"
        wanted = WAITS_IN[message["name"]]
        assert goal["status"] in wanted, f"{message['name']} waits, and the goal is {goal['status']}"


WAITS_IN = {
    "activate_goal": ("scheduled",),
    "deactivate_goal": ("live", "open"),
    "lapse_funding_goal": ("closed",),
}


def _sums_are_whole(world: World, goals: dict[str, Data]) -> None:
    """Check that the announced end of a funding goal includes all payments until then."""
    for one in world.sent:
        if one.name == "goal.ended" and one.data["type"] != "show" and one.data["goal_id"] not in world.paid_late:
            goal = goals[one.data["goal_id"]]
            assert one.data["progress"] == goal["progress"], f"the end told {one.data['progress']}, paid was {goal}"


def _named(world: World) -> Iterator[tuple[str, ObedientClient]]:
    yield "the screen", world.screen
    for number, page in enumerate(world.pages):
        yield f"page {number}", page
    for number, phone in enumerate(world.phones):
        yield f"phone {number}", phone
