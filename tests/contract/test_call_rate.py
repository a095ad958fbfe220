"""The vendors' stand-ins limit the number of calls within any second."""

import pytest

from lab.loopback.call_rate import CallRate


@pytest.mark.parametrize(
    ("most", "moments", "admitted"),
    [
        (0, [5.0] * 3, [True] * 3),
        (2, [5.0, 5.0, 5.0], [True, True, False]),
        (2, [5.0, 5.9, 5.99, 6.0, 6.1], [True, True, False, True, False]),
    ],
    ids=["no limit", "at once", "a second later"],
)
def test_call_rate_admits_no_more_in_any_second(most: int, moments: list[float], admitted: list[bool]) -> None:
    rate = CallRate(most)

    assert [rate.admits(moment) for moment in moments] == admitted
