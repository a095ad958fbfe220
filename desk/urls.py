"""The URL paths of the pages, under /admin/. Like the views of Django's admin, each view is open only to staff."""

from functools import partial

from django.contrib.admin import site
from django.urls import path

from desk.buttons import BUTTONS
from desk.buttons.views import button_page
from desk.find_views import find_page
from desk.front_views import front_page
from desk.payers.views import find_payer, payer_page, send_to_payer

app_name = "desk"
urlpatterns = [
    path("", site.admin_view(front_page), name="front"),
    path("find/", site.admin_view(find_page), name="find"),
    path("goals/goal/<str:goal_id>/payers/", site.admin_view(find_payer), name="find-payer"),
    path("goals/goal/<str:goal_id>/payers/<str:viewer_id>/", site.admin_view(payer_page), name="payer"),
    path(
        "goals/goal/<str:goal_id>/payers/<str:viewer_id>/send-again/",
        site.admin_view(send_to_payer),
        name="payer-send-again",
    ),
    *(
        path(
            f"goals/goal/<str:goal_id>/{button.name}/",
            site.admin_view(partial(button_page, button=button)),
            name=button.name,
        )
        for button in BUTTONS
    ),
]
