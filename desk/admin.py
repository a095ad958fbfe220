"""The pages of this room in the admin."""

from typing import cast

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from api.admin_site import Page, Site
from desk.changes import admin as changes  # noqa: F401 - registers its page
from desk.users import admin as users  # noqa: F401 - replaces the page of users

cast(Site, admin.site).pages.append(Page("goals", _("Decisions"), "decisions:list", "goals.view_goal"))
