"""A system check of START_GRACE, which limits how late a show may start."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, register

from config.checks import Number, check_numbers

# Longer than the election of a MongoDB primary takes, during which no show can start.
LEAST_SECONDS = 60
WEEK_SECONDS = 7 * 24 * 3600


@register("goals")
def check_start_grace(**_kwargs: Any) -> list[CheckMessage]:
    """E001: START_GRACE would cancel shows as missed too soon, or start shows days after their payers have left."""
    grace = {"START_GRACE": Number(settings.START_GRACE, LEAST_SECONDS, WEEK_SECONDS, " seconds")}
    return check_numbers(grace, hint="The default is 3600, which is an hour.", number="goals.E001")
