"""Users of the product."""

from typing import Any

import factory
from django.contrib.auth.models import User
from factory.django import DjangoModelFactory

PASSWORD = "a long password"


class UserFactory(DjangoModelFactory[User]):
    """A user who can sign in with PASSWORD."""

    class Meta:
        model = User

    username = factory.Sequence("person-{}".format)
    password = PASSWORD

    @classmethod
    def _create(cls, _model_class: type[User], *_args: Any, **fields: Any) -> User:
        return User.objects.create_user(**fields)
