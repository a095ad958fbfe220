"""The pages of this room in the admin."""

from desk.changes import admin as changes  # noqa: F401 - registers its page
from desk.users import admin as users  # noqa: F401 - replaces the page of users
