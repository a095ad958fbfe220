"""Each reason code of the browser client has a text on the page that can show it, and each text is used."""

import re

from config.errors import ProductError, errors_of
from notifications.fanout.explanation import Why
from notifications.fanout.redelivery import redeliver_unsent
from pages.payers_texts import PAYERS_TEXTS
from pages.shared_texts import SHARED_TEXTS
from pages.streamers_texts import STREAMERS_TEXTS
from showgoals.changes import begin_show, cancel_show_goal, move_show_goal
from showgoals.live_shows import end_show, extend_show
from tests.environment import ROOT

REASON = re.compile(r"^  (\w+): \"", re.MULTILINE)


def reasons() -> dict[str, set[str]]:
    """Return the codes of clients/js/reasons.js by the comment above them."""
    source = (ROOT / "clients/js/reasons.js").read_text()
    parts = re.split(r"  // (.+)\n", source)[1:]
    return {title: set(REASON.findall(codes)) for title, codes in zip(parts[::2], parts[1::2], strict=True)}


def test_each_reason_has_a_text_on_its_page() -> None:
    of = reasons()
    viewers, streamers = of["Of the show"], of["Of the show, for its streamer"] | of["Of its recording"]

    assert viewers - set(PAYERS_TEXTS) == set()
    # Codes that only payers can get.
    payers_only = {"fetching", "let_in", "not_paid", "not_let_in", "token_unavailable"}
    assert (viewers | streamers) - payers_only - set(STREAMERS_TEXTS) == set()
    assert of["Of the connection"] - set(SHARED_TEXTS) == set()


def test_each_refusal_of_a_command_has_a_text_for_the_streamer() -> None:
    commands = (begin_show, move_show_goal, cancel_show_goal, extend_show, end_show, redeliver_unsent)
    codes = {error.code for each in commands for error in errors_of(each) if issubclass(error, ProductError)}

    not_of_a_show = {"goal_not_found", "not_a_show", "not_changeable", "not_cancellable"}
    assert {f"error_{code}" for code in codes - not_of_a_show} - set(STREAMERS_TEXTS) == set()


def test_each_answer_to_why_has_a_text_for_the_payer() -> None:
    assert {name for name in PAYERS_TEXTS if name.startswith("why_")} == {f"why_{code}" for code in Why.values}


def test_no_name_stands_for_two_texts() -> None:
    assert set(SHARED_TEXTS) & (set(PAYERS_TEXTS) | set(STREAMERS_TEXTS)) == set()
