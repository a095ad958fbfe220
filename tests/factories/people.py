"""Users of the product."""

from typing import Any

import factory
from django.contrib.auth.models import Permission, User
from factory.django import DjangoModelFactory

from api.audit import Author
from api.models import AuthorRole

PASSWORD = "a long password"
# The author of changes that are made without a request.
MEI = Author(AuthorRole.STAFF, "0" * 24, "mei")


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
    """A member of staff who is not a superuser.

    `permissions=("exclude_payers",)` gives these permissions in place of `view_goal`.
    """

    is_staff = True
    permissions = ("view_goal",)

    @classmethod
    def _create(cls, _model_class: type[User], *_args: Any, **fields: Any) -> User:
        codenames = fields.pop("permissions")
        user = User.objects.create_user(**fields)
        user.user_permissions.set([Permission.objects.get(codename=codename) for codename in codenames])
        return user
