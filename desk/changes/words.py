"""Words for actions and values in the list of changes."""

from typing import Any

from django.db.models import TextChoices
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from api.labels import label_of
from api.models import Scope
from desk.decisions.evidence import BEGUN_BY
from goals.settlements import SettlementState
from sessions_app.models import RecordingState, SessionStatus
from webhooks.models import DisabledReason

ACTIONS: dict[str, Promise] = {
    "move_show_goal": _("move or change a show"),
    "cancel_show_goal": _("cancel a show"),
    "begin_show": _("note that the streamer has begun"),
    "extend_show": _("extend a show"),
    "end_show": _("end a show"),
    "move_funding_end": _("move the end of a funding goal"),
    "close_funding_goal": _("close a funding goal"),
    "decide_settlement": _("decide about payments"),
    "exclude_payer": _("take a payer out"),
    "include_payer": _("take a payer back in"),
    "redeliver": _("send events again"),
    "retry_recording": _("start a failed recording again"),
    "end_session": _("end a session"),
    "resubmit": _("run a failed task again"),
    "create_endpoint": _("add a webhook endpoint"),
    "change_endpoint": _("change a webhook endpoint"),
    "delete_endpoint": _("delete a webhook endpoint"),
    "send_test": _("send a test event"),
    "add": _("add"),
    "change": _("change"),
    "delete": _("delete"),
    "set_password": _("set a password"),
    "sign_out_everywhere": _("sign out everywhere"),
    "deactivate": _("deactivate"),
    "reactivate": _("reactivate"),
    "revoke": _("revoke"),
}
FACTS: dict[str, Promise] = {
    "cancelled": _("cancelled"),
    "nbf": _("starts at"),
    "started": _("began at"),
    "started_by": _("begun"),
    "exp": _("ended at"),
    "title": _("title"),
    "target": _("target"),
    "settlement": _("payments"),
    "excluded": _("taken out"),
    "viewer_id": _("viewer"),
    "events": _("events"),
    "event_id": _("event"),
    "host": _("host"),
    "types": _("types"),
    "enabled": _("enabled"),
    "disabled_reason": _("disabled because"),
    "status": _("status"),
    "state": _("state"),
    "is_active": _("active"),
    "is_staff": _("staff"),
    "is_superuser": _("superuser"),
    "groups": _("groups"),
    "permissions": _("permissions"),
    "fields": _("fields"),
    "scopes": _("scopes"),
    "name": _("name"),
    "user_permissions": _("permissions"),
    # Fields whose changes are recorded without their values.
    "username": _("username"),
    "first_name": _("first name"),
    "last_name": _("last name"),
    "email": _("email address"),
    "url": _("address"),
    "seed": _("secret"),
}
# The facts whose values have labels.
CHOICES: dict[str, type[TextChoices]] = {
    "settlement": SettlementState,
    "status": SessionStatus,
    "state": RecordingState,
    "scopes": Scope,
    "disabled_reason": DisabledReason,
}
NOTHING = "-"


def action_label(action: str) -> str:
    """Return the action in words."""
    return str(ACTIONS.get(action, action))


def differences(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Return a line for each value, such as `target: 60 → 90`, or `events: 2` if there was no value before."""
    return [_line(name, before, after) for name in dict.fromkeys((*before, *after))]


def _line(name: str, before: dict[str, Any], after: dict[str, Any]) -> str:
    label = FACTS.get(name, name)
    if name not in before:
        return f"{label}: {_shown(name, after[name])}"
    return f"{label}: {_shown(name, before[name])} → {_shown(name, after.get(name))}"


def _shown(name: str, value: Any) -> str:
    match value:
        case None | "":
            return NOTHING
        case bool():
            return str(_("yes") if value else _("no"))
        case list():
            return ", ".join(_shown(name, each) for each in value) or NOTHING
    if name == "started_by":
        return str(BEGUN_BY.get(value, value))
    if name == "fields":
        return str(FACTS.get(value, value))
    return label_of(CHOICES[name], value) if name in CHOICES else str(value)
