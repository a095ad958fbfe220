"""All channel names, and who may subscribe to each channel. A name that no rule matches is forbidden."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

from config.errors import ProductError, raises
from showgoals.payments import awaited_funding_goals, has_paid

ID = "[0-9a-f]{24}"
SD_CHANNEL = re.compile(rf"presence-stream-viewer@(?P<streamer>{ID})\.sd\.(?P<user>{ID})\Z")
STREAMER_CHANNEL = re.compile(rf"(?:private-stream|presence-stream|private-user)@({ID})\Z")


class ChannelForbidden(ProductError):
    """The caller may not subscribe to this channel."""

    code = "channel_forbidden"
    status = 403
    detail = _("You may not subscribe to this channel.")


def streamer_channels(streamer_id: str) -> tuple[str, str, str]:
    """Return the three channels to which a streamer's devices and audience subscribe."""
    return (
        f"private-stream@{streamer_id}",
        f"presence-stream@{streamer_id}",
        f"private-user@{streamer_id}",
    )


def viewer_channel(streamer_id: str, preset: str, viewer_id: str) -> str:
    """Return one viewer's own channel for a streamer's shows. The preset is `preview` or `sd`.

    The viewers of a show can't share a presence channel, because Pusher lets only 100 members into one.
    """
    return f"presence-stream-viewer@{streamer_id}.{preset}.{viewer_id}"


@dataclass(frozen=True, slots=True)
class ChannelRule:
    """Who may subscribe to the channels whose whole names match the pattern.

    `allows(user_id, ids)` tells whether the user may subscribe. `ids` has the named groups of the pattern.
    """

    pattern: re.Pattern[str]
    allows: Callable[[str, dict[str, str]], bool]


def _anyone(user_id: str, ids: dict[str, str]) -> bool:
    del user_id, ids
    return True


def _owner(user_id: str, ids: dict[str, str]) -> bool:
    return user_id == ids["user"]


def _payer(user_id: str, ids: dict[str, str]) -> bool:
    """Tell whether the user has paid for a show that is not over.

    Payers may subscribe before the start, because Pusher drops an event if nobody is subscribed to its channel.
    """
    return _owner(user_id, ids) and has_paid(user_id, awaited_funding_goals(ids["streamer"]))


RULES = (
    ChannelRule(re.compile(rf"private-user@(?P<user>{ID})\Z"), _owner),
    ChannelRule(re.compile(rf"(?:private|presence)-stream@(?P<streamer>{ID})\Z"), _anyone),
    ChannelRule(re.compile(rf"presence-stream-viewer@{ID}\.preview\.(?P<user>{ID})\Z"), _owner),
    ChannelRule(SD_CHANNEL, _payer),
)


@raises(ChannelForbidden)
def check_subscription(channel: str, user_id: str) -> None:
    """Raise ChannelForbidden unless a rule lets the user subscribe to the channel."""
    for rule in RULES:
        if (match := rule.pattern.match(channel)) and rule.allows(user_id, match.groupdict()):
            return
    raise ChannelForbidden(channel=ascii(channel[:200]), user_id=user_id)
