"""The paths of the pages, under /admin/. Each view asks for a member of staff, as Django's own do."""

from functools import partial

from django.contrib.admin import site
from django.urls import path

from desk.buttons import BUTTONS
from desk.buttons.views import button_page
from desk.find_views import find_page
from desk.front_views import front_page

app_name = "desk"
urlpatterns = [
    path("", site.admin_view(front_page), name="front"),
    path("find/", site.admin_view(find_page), name="find"),
    *(
        path(
            f"goals/goal/<str:goal_id>/{button.name}/",
            site.admin_view(partial(button_page, button=button)),
            name=button.name,
        )
        for button in BUTTONS
    ),
]
