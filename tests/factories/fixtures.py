"""Two users and a session, for tests that need nothing else."""

import pytest
from django.contrib.auth.models import User

from sessions_app.models import Session
from tests.factories.client import ApiClient
from tests.factories.goals import SessionFactory
from tests.factories.people import UserFactory


@pytest.fixture
def streamer(db: None) -> User:
    return UserFactory(username="streamer")


@pytest.fixture
def viewer(db: None) -> User:
    return UserFactory(username="viewer")


@pytest.fixture
def session(streamer: User) -> Session:
    """A live session of the streamer."""
    return SessionFactory(user=streamer)


@pytest.fixture
def streamer_client(streamer: User) -> ApiClient:
    return ApiClient(streamer)


@pytest.fixture
def viewer_client(viewer: User) -> ApiClient:
    return ApiClient(viewer)
