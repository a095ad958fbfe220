"""Who may subscribe to which channel: one table of whole names, and no for everything else."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

from config.errors import ProductError
from showgoals.paid import awaited_funding_goals, has_paid

ID = "[0-9a-f]{24}"


class ChannelForbidden(ProductError):
    code = "channel_forbidden"
    status = 403
    detail = _("You may not subscribe to this channel.")


@dataclass(frozen=True, slots=True)
class ChannelRule:
    """A pattern that the whole name must match, and who may then subscribe: `allows(user_id, ids)`."""

    pattern: re.Pattern[str]
    allows: Callable[[str, dict[str, str]], bool]


def _anyone(user_id: str, ids: dict[str, str]) -> bool:
    del user_id, ids
    return True


def _owner(user_id: str, ids: dict[str, str]) -> bool:
    return user_id == ids["user"]


def _payer(user_id: str, ids: dict[str, str]) -> bool:
    """Payers subscribe before the start: Pusher drops what nobody is subscribed to."""
    return _owner(user_id, ids) and has_paid(user_id, awaited_funding_goals(ids["streamer"]))


RULES = (
    ChannelRule(re.compile(rf"private-user@(?P<user>{ID})\Z"), _owner),
    ChannelRule(re.compile(rf"(?:private|presence)-stream@(?P<streamer>{ID})\Z"), _anyone),
    ChannelRule(re.compile(rf"presence-stream-viewer@{ID}\.preview\.(?P<user>{ID})\Z"), _owner),
    ChannelRule(re.compile(rf"presence-stream-viewer@(?P<streamer>{ID})\.sd\.(?P<user>{ID})\Z"), _payer),
)


def check_subscription(channel: str, user_id: str) -> None:
    """Raise ChannelForbidden unless the table lets this user subscribe to the channel."""
    for rule in RULES:
        if (match := rule.pattern.match(channel)) and rule.allows(user_id, match.groupdict()):
            return
    raise ChannelForbidden(channel=ascii(channel[:200]), user_id=user_id)
