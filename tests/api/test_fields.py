from datetime import UTC, datetime, timedelta, timezone

import pytest
from bson import ObjectId
from django.http import Http404
from rest_framework.exceptions import ValidationError

from api.fields import ObjectIdField, StrictIntegerField, UnixSecondsField, id_or_404


@pytest.mark.parametrize(
    ("moment", "seconds"),
    [
        (datetime(2025, 4, 30, 6, 17, 43, 999000, tzinfo=UTC), 1745993863),
        (datetime(2025, 4, 30, 6, 17, 43), 1745993863),  # noqa: DTZ001 - as pymongo reads it
        (datetime(2025, 4, 30, 14, 17, 43, tzinfo=timezone(timedelta(hours=8))), 1745993863),
        (datetime(1969, 12, 31, 23, 59, 59, 500000, tzinfo=UTC), -1),
    ],
)
def test_unix_seconds_are_rounded_down(moment: datetime, seconds: int) -> None:
    assert UnixSecondsField().to_representation(moment) == seconds


def test_object_id_is_answered_as_string() -> None:
    assert ObjectIdField().to_representation(ObjectId("6811bfd5d273022b46570ae5")) == "6811bfd5d273022b46570ae5"


@pytest.mark.parametrize(("value", "code"), [(2**63, "max_value"), (-(2**63) - 1, "min_value")])
def test_integer_beyond_bson_is_refused(value: int, code: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        StrictIntegerField().run_validation(value)

    assert refusal.value.get_codes() == [code]


def test_object_id_of_a_path_is_parsed() -> None:
    assert id_or_404("6811bfd5d273022b46570ae5") == "6811bfd5d273022b46570ae5"


@pytest.mark.parametrize(
    "text", ["", "zzz", "6811bfd5d273022b46570ae", "6811bfd5d273022b46570aeg", "6811bfd5d27\u0663022b46570ae5"]
)
def test_bad_object_id_of_a_path_is_404(text: str) -> None:
    with pytest.raises(Http404):
        id_or_404(text)
