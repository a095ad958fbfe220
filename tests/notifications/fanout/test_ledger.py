"""The ledger loses no viewer and keeps the state `sent`, whatever the order of attempts and requests."""

from collections import Counter
from dataclasses import replace

from bson import ObjectId
from hypothesis import given
from hypothesis import strategies as st

from notifications.fanout.ledger import ID_BYTES, LAST_ATTEMPT, Entry, Ledger, State, packed

IDS = st.binary(min_size=ID_BYTES, max_size=ID_BYTES).map(bytes.hex)
AUDIENCES = st.sets(IDS, min_size=1, max_size=40)
LETTERS = "psufrm"
LEARNED_STATES = [State.SENT, State.UNKNOWN, State.FAILED]
LEARNED = st.sampled_from(LEARNED_STATES)
Outcomes = dict[int, State]


@st.composite
def ledgers(draw: st.DrawFn) -> Ledger:
    """Draw a ledger in any state."""
    viewers = packed(draw(AUDIENCES))
    count = len(viewers) // ID_BYTES
    letters = draw(st.text(LETTERS, min_size=count, max_size=count))
    return Ledger(viewers, letters, draw(st.binary(min_size=count, max_size=count)))


@st.composite
def attempts(draw: st.DrawFn) -> tuple[Ledger, list[Outcomes]]:
    """Draw a ledger, and the outcomes of two attempts that have begun with this ledger."""
    ledger = draw(ledgers())
    outcomes = st.dictionaries(st.sampled_from([*ledger.to_send()] or [0]), LEARNED)
    return ledger, [draw(outcomes), draw(outcomes)]


@given(AUDIENCES)
def test_ledger_packs_each_viewer_once_in_order(audience: set[str]) -> None:
    ledger = Ledger.planned(packed([*audience, *audience]))

    assert [ledger.viewer(position) for position in range(len(ledger))] == sorted(audience)
    assert [*ledger.to_send()] == [*range(len(audience))]
    assert ledger.counts() == Counter({State.PLANNED: len(audience)})
    assert {ledger.entry(viewer) for viewer in audience} == {Entry(State.PLANNED, 0)}
    assert len(ledger.viewers) + len(ledger.states) + len(ledger.marked_in) == 14 * len(audience)


@given(ledgers(), IDS)
def test_ledger_has_no_entry_of_other_viewers(ledger: Ledger, other: str) -> None:
    members = {ledger.viewer(position) for position in range(len(ledger))}

    assert (ledger.entry(other) is None) == (other not in members)
    assert (ledger.again_for(other) == ledger) == (other not in members or _letter(ledger, other) == "r")


def _letter(ledger: Ledger, viewer: str) -> str:
    return next(ledger.states[place] for place in range(len(ledger)) if ledger.viewer(place) == viewer)


@given(attempts())
def test_order_of_concurrent_attempts_does_not_matter(drawn: tuple[Ledger, list[Outcomes]]) -> None:
    seen, (mine, other) = drawn
    one = seen.marked(mine, seen=seen, attempt=1).marked(other, seen=seen, attempt=2)
    two = seen.marked(other, seen=seen, attempt=2).marked(mine, seen=seen, attempt=1)

    assert one.states == two.states
    for position, outcome in [*mine.items(), *other.items()]:
        if outcome is State.SENT:
            assert one.states[position] == "s"


@given(attempts())
def test_attempt_changes_only_what_it_found(drawn: tuple[Ledger, list[Outcomes]]) -> None:
    seen, (outcomes, _other) = drawn
    marked = seen.marked(outcomes, seen=seen, attempt=7)
    untouched = [place for place in range(len(seen)) if place not in outcomes]

    assert marked.viewers == seen.viewers
    assert [marked.states[place] for place in untouched] == [seen.states[place] for place in untouched]
    assert [marked.marked_in[place] for place in untouched] == [seen.marked_in[place] for place in untouched]


@given(ledgers())
def test_redelivery_during_an_attempt_is_kept(seen: Ledger) -> None:
    """The attempt sent the event to the viewer before the redelivery was requested."""
    viewer = seen.viewer(0)
    requested = replace(seen, states="p" + seen.states[1:]).again_for(viewer)
    begun_before = replace(seen, states="p" + seen.states[1:])

    assert requested.marked({0: State.SENT}, seen=begun_before, attempt=3) == requested
    assert requested.marked({0: State.SENT}, seen=requested, attempt=3).entry(viewer) == Entry(State.SENT, 3)


@given(ledgers())
def test_viewer_planned_again_is_sent_to_in_every_state(ledger: Ledger) -> None:
    again = ledger.again_for(ledger.viewer(len(ledger) - 1))

    assert len(ledger) - 1 in [*again.to_send()]
    assert again.states[:-1] == ledger.states[:-1]
    assert not again.is_settled


@given(ledgers())
def test_refused_viewers_are_sent_to_again_only_on_request(ledger: Ledger) -> None:
    unsent = [place for place, letter in enumerate(ledger.states) if letter in "pruf"]

    missed = [place for place, letter in enumerate(ledger.states) if letter == "m"]

    again = ledger.again_for_unsent()
    assert [*again.to_send()] == sorted(unsent + missed)
    assert [place for place in range(len(ledger)) if again.redelivery(place)] == unsent
    assert [*ledger.to_send()] == sorted([place for place in unsent if ledger.states[place] != "f"] + missed)


@given(ledgers(), st.sampled_from([*LEARNED_STATES, State.EXPIRED, State.EXCLUDED]))
def test_event_that_is_sent_again_to_a_late_client_stays_sent(ledger: Ledger, state: State) -> None:
    sent = replace(ledger, states="s" + ledger.states[1:])
    again = sent.again_for_late([0])
    marked = again.marked({0: state}, seen=again, attempt=9)

    assert (next(again.to_send()), again.entry(again.viewer(0))) == (0, sent.entry(sent.viewer(0)))
    assert marked.states[0] == ("m" if state is State.UNKNOWN else "s")
    assert marked.marked_in[0] == (9 if state is State.SENT else sent.marked_in[0])
    assert again.marked({0: state}, seen=sent, attempt=9) == again  # this attempt began before the request


def test_ledger_is_settled_when_everybody_is_sent() -> None:
    ledger = Ledger.planned(packed([str(ObjectId()), str(ObjectId())]))
    half = ledger.marked({0: State.SENT}, seen=ledger, attempt=1)
    whole = half.marked({1: State.SENT}, seen=half, attempt=2)

    assert [each.is_settled for each in (ledger, half, whole)] == [False, False, True]
    assert whole.marked_in == bytes([1, 2])


def test_later_failure_does_not_replace_sent() -> None:
    ledger = Ledger.planned(packed([str(ObjectId())]))
    sent = ledger.marked({0: State.SENT}, seen=ledger, attempt=1)

    for state in (State.UNKNOWN, State.FAILED):
        assert sent.marked({0: state}, seen=ledger, attempt=2) == sent


def test_attempt_number_stops_at_the_largest_byte() -> None:
    ledger = Ledger.planned(packed([str(ObjectId())]))

    assert ledger.marked({0: State.SENT}, seen=ledger, attempt=300).marked_in == bytes([LAST_ATTEMPT])
