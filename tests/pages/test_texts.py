"""Each reason code of the browser client has a text on the page that can show it, and each text is used."""

import re

from notifications.fanout.explanation import Why
from pages.payers_texts import PAYERS_TEXTS
from pages.shared_texts import SHARED_TEXTS
from pages.streamers_texts import STREAMERS_TEXTS
from tests.environment import ROOT

REASON = re.compile(r"^  (\w+): \"", re.MULTILINE)


def reasons() -> dict[str, set[str]]:
    """Return the codes of clients/js/reasons.js by the comment that they stand under."""
    source = (ROOT / "clients/js/reasons.js").read_text()
    parts = re.split(r"  // (.+)\n", source)[1:]
    return {title: set(REASON.findall(codes)) for title, codes in zip(parts[::2], parts[1::2], strict=True)}


def test_each_reason_has_a_text_on_its_page() -> None:
    of = reasons()
    viewers, streamers = of["Of the show"], of["Of the show, for its streamer"] | of["Of its recording"]

    assert viewers - set(PAYERS_TEXTS) == set()
    # What only those who pay can meet.
    payers_only = {"fetching", "let_in", "not_paid", "not_let_in", "token_unavailable"}
    assert (viewers | streamers) - payers_only - set(STREAMERS_TEXTS) == set()
    assert of["Of the connection"] - set(SHARED_TEXTS) == set()


def test_each_answer_to_why_has_a_text_for_the_payer() -> None:
    assert {name for name in PAYERS_TEXTS if name.startswith("why_")} == {f"why_{code}" for code in Why.values}


def test_no_name_stands_for_two_texts() -> None:
    assert set(SHARED_TEXTS) & (set(PAYERS_TEXTS) | set(STREAMERS_TEXTS)) == set()
