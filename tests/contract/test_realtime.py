"""Every REALTIME backend sends events, and refuses events beyond Pusher's limits."""

import hashlib
import hmac
import json
import logging
import re
from typing import Any

import pytest

from config.errors import TransportError
from lab.loopback.pusher import PusherLoopback
from notifications.backends.base import (
    Batch,
    Broadcast,
    ChannelEvent,
    ClientOptions,
    Limits,
    Realtime,
    RealtimeCall,
    RealtimeUnconfigured,
)
from notifications.backends.console import ConsoleRealtime
from notifications.backends.locmem import KEY, SECRET, LocmemRealtime
from notifications.backends.pusher import PusherRealtime
from tests.contract import keys
from tests.contract.conftest import RealtimeUnderTest
from tests.contract.sending import batch, broadcast

SD = "presence-stream-viewer@6811bfd5d273022b46570ae5.sd.67ceabecc82b8fd6cf63d6d6"
PRIVATE = "private-user@67ceabecc82b8fd6cf63d6d6"
PRESENCE = {"user_id": "67ceabecc82b8fd6cf63d6d6", "user_info": {"name": "Ada"}}


@pytest.mark.parametrize(
    ("configured", "connection"),
    [
        ({"cluster": "eu"}, ("eu", "ws-eu.pusher.com", 443, True)),
        ({}, ("mt1", "ws-mt1.pusher.com", 443, True)),
        ({"host": "soketi.example", "port": 6001}, ("mt1", "soketi.example", 6001, True)),
        ({"host": "127.0.0.1", "ssl": False}, ("mt1", "127.0.0.1", 80, False)),
    ],
    ids=str,
)
def test_pusher_says_how_clients_connect(configured: dict[str, Any], connection: tuple[str, str, int, bool]) -> None:
    backend = PusherRealtime(app_id="1", key="a key", secret="a secret", **configured)
    cluster, host, port, tls = connection
    assert backend.client_options() == ClientOptions(key="a key", cluster=cluster, host=host, port=port, tls=tls)


@pytest.mark.parametrize(
    "backend", [ConsoleRealtime(), PusherRealtime(app_id="1", key="", secret="")], ids=["console", "pusher"]
)
def test_backend_without_keys_lets_nobody_connect(backend: Realtime) -> None:
    with pytest.raises(RealtimeUnconfigured):
        backend.client_options()


def test_realtime_broadcasts_one_event_to_many_channels(realtime: RealtimeUnderTest) -> None:
    broadcast(realtime.backend, [SD, PRIVATE], "goal.started", '{"event_id": "1"}')
    assert realtime.sent() == [(SD, "goal.started"), (PRIVATE, "goal.started")]


def test_realtime_sends_different_events_in_a_batch(realtime: RealtimeUnderTest) -> None:
    events = (ChannelEvent(SD, "stream.authorized", "{}"), ChannelEvent(PRIVATE, "goal.started", "[]"))
    batch(realtime.backend, events)
    assert realtime.sent() == [(SD, "stream.authorized"), (PRIVATE, "goal.started")]


def test_realtime_makes_calls_as_they_come_and_says_what_became_of_each(realtime: RealtimeUnderTest) -> None:
    fits, refused = Broadcast((SD,), "goal.started", "{}"), Batch(())
    another = Batch((ChannelEvent(PRIVATE, "goal.started", "[]"),))
    calls: list[RealtimeCall] = [fits, refused, another]

    errors = {result.call: result.error for result in realtime.backend.send(iter(calls))}

    assert (errors[fits], errors[another]) == (None, None)
    error = errors[refused]
    assert error is not None
    assert error.permanent
    assert sorted(realtime.sent()) == sorted([(SD, "goal.started"), (PRIVATE, "goal.started")])


@pytest.mark.parametrize("data", ["a" * 10_240, "\u6f14" * 3_413, "a" * 10_000 + "\U0001f3a4"], ids=len)
def test_realtime_takes_all_that_fits(realtime: RealtimeUnderTest, data: str) -> None:
    channels = [f"c{number}".ljust(164, "x") for number in range(100)]
    broadcast(realtime.backend, channels, "n" * 200, data)
    batch(realtime.backend, [ChannelEvent(channel, "n" * 200, data) for channel in channels[:10]])
    assert realtime.sent() == [(channel, "n" * 200) for channel in [*channels, *channels[:10]]]


@pytest.mark.parametrize(
    ("channels", "name", "data", "message"),
    [
        ([], "e", "{}", "1 to 100 channels in a broadcast, not 0"),
        ([f"c{number}" for number in range(101)], "e", "{}", "1 to 100 channels in a broadcast, not 101"),
        (["x" * 165], "e", "{}", "longer than 164 characters. channel='xxx"),
        (["c:user:1"], "e", "{}", "does not allow this channel name. channel='c:user:1'"),
        (["c\n"], "e", "{}", r"does not allow this channel name. channel='c\n'"),
        ([""], "e", "{}", "does not allow this channel name. channel=''"),
        (["private-encrypted-c"], "e", "{}", "does not allow this channel name. channel='private-encrypted-c'"),
        (["c"], "n" * 201, "{}", "1 to 200 characters. channel='c'"),
        (["c"], "", "{}", "1 to 200 characters. channel='c'"),
        (["c"], "e", "a" * 10_241, "has 10241 bytes, 10240 are allowed. channel='c'"),
        (["c"], "e", "\u6f14" * 3_414, "has 10242 bytes, 10240 are allowed. channel='c'"),
    ],
)
def test_realtime_refuses_what_pusher_refuses(
    realtime: RealtimeUnderTest, channels: list[str], name: str, data: str, message: str
) -> None:
    with pytest.raises(TransportError) as caught:
        broadcast(realtime.backend, channels, name, data)
    assert caught.value.permanent
    assert message in str(caught.value)
    assert realtime.sent() == []


@pytest.mark.parametrize(
    ("events", "message"),
    [
        ([], "1 to 10 events in a batch, not 0"),
        ([ChannelEvent("c", "e", "{}")] * 11, "1 to 10 events in a batch, not 11"),
        ([ChannelEvent("c", "e", "{}"), ChannelEvent("d d", "e", "{}")], "channel='d d'"),
        ([ChannelEvent("c", "e", "{}"), ChannelEvent("d", "e", "a" * 10_241)], "channel='d'"),
        ([ChannelEvent("c", "e", "{}"), ChannelEvent("d", "n" * 201, "{}")], "channel='d'"),
    ],
)
def test_realtime_refuses_a_batch_as_a_whole(
    realtime: RealtimeUnderTest, events: list[ChannelEvent], message: str
) -> None:
    with pytest.raises(TransportError) as caught:
        batch(realtime.backend, events)
    assert caught.value.permanent
    assert message in str(caught.value)
    assert realtime.sent() == []


def test_realtime_states_the_limits_of_pusher(realtime: RealtimeUnderTest) -> None:
    assert realtime.backend.limits == Limits(
        channels_per_broadcast=100,
        events_per_batch=10,
        event_bytes=10_240,
        event_name_characters=200,
        channel_characters=164,
        channel_pattern=re.compile(r"(?!private-encrypted-)[A-Za-z0-9_\-=@,.;]+"),
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (Broadcast(("a", "b", "c"), "e", "{}"), "1 to 2 channels in a broadcast, not 3"),
        (Batch((ChannelEvent("a", "e", "{}"), ChannelEvent("a", "f", "{}"))), "1 to 1 events in a batch, not 2"),
        (Broadcast(("a",), "e", "[1, 2]"), "has 6 bytes, 5 are allowed"),
        (Broadcast(("a",), "four", "{}"), "1 to 3 characters"),
        (Broadcast(("abcde",), "e", "{}"), "longer than 4 characters"),
        (Broadcast(("A",), "e", "{}"), "does not allow this channel name"),
    ],
)
def test_locmem_enforces_the_limits_that_it_is_given(call: RealtimeCall, message: str) -> None:
    locmem = LocmemRealtime(
        Limits(
            channels_per_broadcast=2,
            events_per_batch=1,
            event_bytes=5,
            event_name_characters=3,
            channel_characters=4,
            channel_pattern=re.compile("[a-z]+"),
        )
    )
    fits = Broadcast(("a", "abcd"), "abc", "[1,2]")
    taken, refused = locmem.send([fits, call])
    assert (taken.error, locmem.outbox) == (None, list(fits.events))
    assert refused.error is not None
    assert refused.error.permanent
    assert message in str(refused.error)


@pytest.mark.parametrize(
    ("channel", "socket_id", "presence"),
    [
        (PRIVATE, "1.2\n", None),
        (PRIVATE, "\u0661.\u0662", None),
        (PRIVATE, "12", None),
        (":user::{}", "1.2", None),
        (PRIVATE, "1.2", PRESENCE),
        (SD, "1.2", None),
        (SD, "1.2", {}),
        (SD, "1.2", {"user_id": 7}),
        (SD, "1.2", {"user_id": "x" * 129}),
        (SD, "1.2", {"user_id": "x", "user_info": {"name": "x" * 1_000}}),
    ],
)
def test_realtime_signs_nothing_ambiguous(
    realtime: RealtimeUnderTest, channel: str, socket_id: str, presence: dict[str, object] | None
) -> None:
    with pytest.raises(TransportError) as caught:
        realtime.backend.authenticate(channel, socket_id, presence)
    assert caught.value.permanent


def test_locmem_and_pusher_sign_a_private_channel(pusher: PusherRealtime) -> None:
    to_sign = f"1234.5678:{PRIVATE}"
    assert LocmemRealtime().authenticate(PRIVATE, "1234.5678", None) == {"auth": _auth(KEY, SECRET, to_sign)}
    assert pusher.authenticate(PRIVATE, "1234.5678", None) == {
        "auth": _auth(keys.PUSHER_KEY, keys.PUSHER_SECRET, to_sign)
    }


def test_locmem_and_pusher_sign_a_presence_channel(pusher: PusherRealtime) -> None:
    channel_data = json.dumps(PRESENCE)
    to_sign = f"1234.5678:{SD}:{channel_data}"
    assert LocmemRealtime().authenticate(SD, "1234.5678", PRESENCE) == {
        "auth": _auth(KEY, SECRET, to_sign),
        "channel_data": channel_data,
    }
    assert pusher.authenticate(SD, "1234.5678", PRESENCE) == {
        "auth": _auth(keys.PUSHER_KEY, keys.PUSHER_SECRET, to_sign),
        "channel_data": channel_data,
    }


@pytest.mark.parametrize("realtime", ["console"], indirect=True)
def test_console_has_no_key_to_sign_with(realtime: RealtimeUnderTest) -> None:
    with pytest.raises(RealtimeUnconfigured) as caught:
        realtime.backend.authenticate(PRIVATE, "1.2", None)
    assert (caught.value.code, caught.value.status) == ("realtime_unconfigured", 503)


@pytest.mark.parametrize("app_id", ["", "not-a-number", "\u0661"])
def test_pusher_without_keys_neither_signs_nor_sends(app_id: str) -> None:
    backend = PusherRealtime(app_id=app_id, key="k", secret="s")
    with pytest.raises(RealtimeUnconfigured):
        backend.authenticate(PRIVATE, "1.2", None)
    with pytest.raises(TransportError) as caught:
        broadcast(backend, [PRIVATE], "goal.added", "{}")
    assert caught.value.permanent


def test_realtime_logs_no_credentials(realtime: RealtimeUnderTest, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    data = json.dumps(
        {"token": "SECRET-1", "byteplus_token": "SECRET-2", "byteplus_rtc_info": {"token": "SECRET-3"}, "exp": 60}
    )
    broadcast(realtime.backend, [SD], "stream.authorized", data)
    batch(realtime.backend, [ChannelEvent(SD, "stream.authorized", data)])
    assert "SECRET" not in caplog.text
    assert "auth_signature" not in caplog.text
    assert keys.PUSHER_SECRET not in caplog.text


def test_console_shows_what_is_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    broadcast(ConsoleRealtime(), ["c"], "stream.authorized", '{"exp": 60, "token": "SECRET"}')
    broadcast(ConsoleRealtime(), ["c"], "stream.authorized", "no JSON: SECRET")
    assert caplog.messages == [
        'stream.authorized -> c (30 bytes) {"exp": 60, "token": "<redacted>"}',
        "stream.authorized -> c (15 bytes) <not JSON>",
    ]


def test_locmem_keeps_events_in_its_outbox() -> None:
    locmem = LocmemRealtime()
    broadcast(locmem, ["a", "b"], "goal.added", "{}")
    batch(locmem, [ChannelEvent("c", "goal.started", "[]")])
    assert locmem.outbox == [
        ChannelEvent("a", "goal.added", "{}"),
        ChannelEvent("b", "goal.added", "{}"),
        ChannelEvent("c", "goal.started", "[]"),
    ]


def test_pusher_sends_data_unchanged(pusher: PusherRealtime, pusher_server: PusherLoopback) -> None:
    data = json.dumps({"title": 'Show "\u6f14"'}, ensure_ascii=False)
    broadcast(pusher, ["a", "b"], "goal.added", data)
    batch(pusher, [ChannelEvent("c", "goal.added", data)])
    assert [event[:3] for event in pusher_server.events] == [(channel, "goal.added", data) for channel in "abc"]
    assert pusher_server.seen() == {"requests": 2, "rejected": 0, "events": {"goal.added": 3}}


def _auth(key: str, secret: str, to_sign: str) -> str:
    return f"{key}:{hmac.new(secret.encode(), to_sign.encode(), hashlib.sha256).hexdigest()}"
