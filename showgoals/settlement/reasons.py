"""The texts that tell people why payments are earned, due back or in question."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from goals.payloads import LapseReason
from showgoals.settlement.performance import Judgement

REASONS: dict[str, Promise] = {
    Judgement.PERFORMED: _("The streamer said when the show began."),
    Judgement.RECORDED: _("The recording shows that the show was performed."),
    Judgement.ENDED_EARLY: _("The show ended early."),
    Judgement.NO_EVIDENCE: _("Nothing proves that the show was performed."),
    Judgement.RESTORED: _("The show was live in a backup that was restored, so it may have ended early."),
    LapseReason.NO_SHOW: _("No show was created in time."),
    LapseReason.SHOW_CANCELLED: _("The show was cancelled, and not brought back in time."),
    LapseReason.SESSION_ENDED: _("The session ended."),
}


def reason_in_words(reason: str) -> str:
    """Return the reason in the reader's language. A reason that a person wrote is returned unchanged."""
    return str(REASONS.get(reason, reason))
