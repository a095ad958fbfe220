"""Many shows that are read together have the same rows as each show that is read alone."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import cycle, islice
from typing import Any

import pytest
from bson import ObjectId
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from showgoals.queries import AwaitingShow, awaiting_show
from showgoals.small_audiences import SMALL_AUDIENCE, Pair, awaiting_shows
from tests.factories.documents import connection
from tests.factories.profiler import profiled

pytestmark = pytest.mark.django_db

NBF = datetime(2025, 4, 30, 6, 17, 43)  # noqa: DTZ001 - as MongoDB returns it
Change = Callable[[dict[str, Any], dict[str, Any], dict[str, Any]], object]


def nothing(*_documents: dict[str, Any]) -> None:
    """Leave the show, its funding goal and its session as they are."""


# Changes after which a show is still read together with others.
USUAL: dict[str, Change] = {
    "usual": nothing,
    "several levels": lambda show, _funding, _session: show.update(levels=[{"target": 1}, {"target": 90}]),
    "more progress than target": lambda show, _funding, _session: show.update(progress=90),
    "begun later": lambda show, _funding, _session: show["context"].update(started=NBF + timedelta(seconds=9)),
    "no payers": lambda _show, funding, _session: funding.update(breakdown={}, payers=0),
    "null breakdown": lambda _show, funding, _session: funding.update(breakdown=None),
    "no breakdown": lambda _show, funding, _session: funding.pop("breakdown"),
    "malformed payer": lambda _show, funding, _session: funding["breakdown"].update(nobody={"amount": 5}),
    "largest": lambda _show, funding, _session: funding.update(payers=SMALL_AUDIENCE),
}
# Changes after which a show is left to `awaiting_show`, which returns a row or raises an error.
UNUSUAL: dict[str, Change] = {
    "large": lambda _show, funding, _session: funding.update(payers=SMALL_AUDIENCE + 1),
    "never counted": lambda _show, funding, _session: funding.pop("payers"),
    "strange breakdown": lambda _show, funding, _session: funding.update(breakdown=[{"amount": 5}]),
    "no level": lambda show, _funding, _session: show.update(levels=[]),
    "null levels": lambda show, _funding, _session: show.update(levels=None),
    "level without target": lambda show, _funding, _session: show.update(levels=[{"title": "Proceed"}]),
    "endless": lambda show, _funding, _session: show.update(levels=[{"target": 10**12}]),
    "text as progress": lambda show, _funding, _session: show.update(progress="0"),
    "text as start": lambda show, _funding, _session: show["context"].update(started="now"),
    "no nbf": lambda show, _funding, _session: show.pop("nbf"),
    "another kind": lambda show, _funding, _session: show.update(_cls="KaraokeGoal"),
    "show as funding goal": lambda _show, funding, _session: funding.update(_cls="ShowGoal"),
    "no session": lambda show, _funding, _session: show.update(conditions={}),
    "malformed session": lambda show, _funding, _session: show["conditions"].update(session_id="zzz"),
    "session is gone": lambda show, _funding, _session: show["conditions"].update(session_id=str(ObjectId())),
    "session of nobody": lambda _show, _funding, session: session.pop("user"),
}
CASES = USUAL | UNUSUAL
ANY = st.tuples(st.sampled_from(list(CASES)), st.integers(0, 30), st.integers(0, 3))


def insert(cases: Sequence[tuple[str, int, int]]) -> list[Pair]:
    """Insert a show for each (case, payers, excluded payers). Return (show id, funding goal id) for each show."""
    pairs, documents, excluded = [], [], []
    for case, payers, out in cases:
        viewers = [str(ObjectId()) for _ in range(payers)]
        session = {"_id": ObjectId(), "user": ObjectId()}
        funding = {"_id": ObjectId(), "_cls": "ShowFundingGoal", "breakdown": {}, "payers": payers}
        funding["breakdown"] = {viewer: {"amount": 5} for viewer in viewers}
        show: dict[str, Any] = {"_id": ObjectId(), "_cls": "ShowGoal", "nbf": NBF, "progress": 0}
        show |= {"levels": [{"target": 60}], "context": {}, "conditions": {"session_id": str(session["_id"])}}
        CASES[case](show, funding, session)
        pairs.append((str(show["_id"]), str(funding["_id"])))
        documents.append((session, show, funding))
        excluded += [{"_id": f"{pairs[-1][1]}:{viewer}"} for viewer in viewers[:out]]
    connection.get_collection("sessions").insert_many([session for session, _show, _funding in documents])
    connection.get_collection("goals").insert_many([goal for _session, *goals in documents for goal in goals])
    if excluded:
        connection.get_collection("exclusions").insert_many(excluded)
    return pairs


def alone(pair: Pair) -> AwaitingShow | str:
    try:
        return awaiting_show(*pair)
    except Exception as error:  # noqa: BLE001 - any error is an outcome
        return type(error).__name__


def assert_alike(cases: Sequence[tuple[str, int, int]]) -> None:
    pairs = insert(cases)
    together = awaiting_shows(pairs)
    assert together == {
        pair: alone(pair) for pair, (case, _payers, _out) in zip(pairs, cases, strict=True) if case in USUAL
    }


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.sampled_from(list(CASES)), st.integers(0, 30), st.integers(0, 3)), min_size=1, max_size=30)
)
def test_rows_that_are_read_together_are_those_that_are_read_alone(db: None, cases: list[tuple[str, int, int]]) -> None:
    assert_alike(cases)


def test_thousand_shows_are_read_together() -> None:
    assert_alike(list(islice(cycle((case, 3, 1) for case in CASES), 1000)))


@pytest.mark.parametrize("case", UNUSUAL)
def test_unusual_show_is_an_error_or_is_read_alone(case: str) -> None:
    (pair,) = insert([(case, 2, 1)])
    is_row = case in {"large", "never counted"}
    assert (awaiting_shows([pair]), isinstance(alone(pair), AwaitingShow)) == ({}, is_row)


def test_unknown_and_malformed_ids_are_left_out(db: None) -> None:
    (usual,) = insert([("usual", 2, 0)])
    unusual = [(usual[1], usual[0]), (str(ObjectId()), usual[1]), ("zzz", usual[1]), (usual[0], "")]
    assert set(awaiting_shows([*unusual, usual])) == {usual}
    assert awaiting_shows([]) == {}


def test_reading_many_shows_takes_four_queries_with_an_index() -> None:
    pairs = insert([("usual", 10, 1)] * 100)
    with profiled() as profile:
        awaiting_shows(pairs)
    assert [query.collection for query in profile.queries] == ["goals", "goals", "sessions", "exclusions"]
    assert all(not query.stages & {"COLLSCAN", "WHOLE_INDEX", "SORT"} for query in profile.queries)
