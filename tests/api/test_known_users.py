"""Each process reads the account of a caller from MongoDB at most about once a second."""

import time
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User

from api.known_users import KEPT_SECONDS, MOST_KEPT, KnownUser, KnownUsers
from tests.factories.people import UserFactory
from tests.factories.profiler import profiled

pytestmark = pytest.mark.django_db


def test_caller_of_many_requests_is_read_once(user: User) -> None:
    known = KnownUsers()

    with profiled() as profile:
        found = [known.get(str(user.pk)) for _ in range(3)]

    assert (found, len({id(each) for each in found})) == ([user, user, user], 3)
    assert [query.collection for query in profile.queries] == ["auth_user"]


@pytest.mark.parametrize(
    "change", [lambda user: User.objects.filter(pk=user.pk).update(is_active=False), User.delete], ids=["off", "gone"]
)
def test_change_is_seen_within_a_second(user: User, change: Callable[[User], object]) -> None:
    known, user_id = KnownUsers(), str(user.pk)
    assert known.get(user_id) == user

    change(user)
    time.sleep(KEPT_SECONDS)

    assert known.get(user_id) is None


def test_new_account_is_seen_at_once() -> None:
    known = KnownUsers()
    user = UserFactory(is_active=False)
    assert known.get(str(user.pk)) is None

    User.objects.filter(pk=user.pk).update(is_active=True)

    assert known.get(str(user.pk)) == user


def test_memory_is_bounded(user: User) -> None:
    known = KnownUsers()
    for number in range(MOST_KEPT):
        known._kept[str(number)] = 0.0, KnownUser({}, 0, frozenset())

    known.get(str(user.pk))

    assert list(known._kept) == [str(user.pk)]
