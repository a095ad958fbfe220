"""Users of the product."""

from typing import Any

import factory
from django.contrib.auth.models import Permission, User
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


class StaffFactory(UserFactory):
    """A member of staff who may view goals, but is no superuser."""

    is_staff = True

    @classmethod
    def _create(cls, _model_class: type[User], *_args: Any, **fields: Any) -> User:
        user = User.objects.create_user(**fields)
        user.user_permissions.add(Permission.objects.get(codename="view_goal"))
        return user
