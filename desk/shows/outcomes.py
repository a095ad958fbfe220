"""Words for the outcomes on a goal's timeline. The API returns the stored values."""

from django.utils.translation import gettext_lazy as _

OUTCOMES = {
    # Outcomes of tasks.
    "done": _("done"),
    "failed": _("failed"),
    "late": _("late"),
    "held": _("held"),
    "started": _("started"),
    "changed_by": _("changed"),
    "runs_into": _("runs into another show"),
    "is_run_into_by": _("another show runs into it"),
    # Outcomes of signals.
    "announced": _("announced"),
    "cancelled": _("cancelled"),
    # Outcomes of deliveries.
    "planned": _("planned"),
    "sent": _("sent"),
    "all_sent": _("all sent"),
    "unknown": _("not known whether it arrived"),
    "expired": _("too late to be sent"),
    "superseded": _("superseded, so not sent"),
    "excluded": _("taken out, so not sent"),
    "redelivery": _("sent again"),
    "not_addressable": _("has no channel"),
    # Outcomes of recordings.
    "requested": _("requested"),
    "running": _("running"),
    "stopped": _("stopped"),
    "verified": _("verified"),
    # Outcomes of receivers.
    "not_applicable": _("not applicable"),
    "tracked": _("tracked"),
    "linked": _("linked"),
    "bound": _("bound"),
    "snapshot_taken": _("snapshot taken"),
    "start_scheduled": _("start scheduled"),
    "start_kept": _("start kept"),
    "start_withdrawn": _("start withdrawn"),
    "end_scheduled": _("end scheduled"),
    "end_withdrawn": _("end withdrawn"),
    "no_end_scheduled": _("no end scheduled"),
    "lapse_scheduled": _("lapse scheduled"),
    "no_lapse_scheduled": _("no lapse scheduled"),
    "settled": _("settled"),
    "settled_before": _("settled before"),
    "feed_requested": _("feed requested"),
    "invalidated": _("caches invalidated"),
    "notified": _("notified"),
    "access_kept": _("access kept"),
    "no_show_yet": _("no show yet"),
    "deliveries_closed": _("deliveries closed"),
    "recording_requested": _("recording requested"),
    "recording_stopped": _("recording stopped"),
    "marked_ended": _("marked as ended"),
    "not_late": _("not late"),
    "overlaps_looked_for": _("overlaps looked for"),
    "event_stored": _("event stored"),
}


def outcome_in_words(outcome: str) -> str:
    """Return the outcome in the reader's language. An unknown outcome is returned unchanged."""
    return str(OUTCOMES.get(outcome, outcome))
