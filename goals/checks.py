"""A system check of when shows may still start."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, register

from config.checks import Number, check_numbers

WEEK_SECONDS = 7 * 24 * 3600


@register("goals")
def check_start_grace(**_kwargs: Any) -> list[CheckMessage]:
    """E001: every show would be cancelled as missed, or one would start days after its payers have left."""
    grace = {"START_GRACE": Number(settings.START_GRACE, 1, WEEK_SECONDS, " seconds")}
    return check_numbers(grace, hint="Unset, it is 3600: an hour.", number="goals.E001")
