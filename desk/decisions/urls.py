"""The URL paths of the pages about decisions, under /admin/decisions/."""

from django.contrib.admin import site
from django.urls import path

from desk.decisions.views import decisions_page, exclude_page, include_page

app_name = "decisions"
urlpatterns = [
    path("", site.admin_view(decisions_page), name="list"),
    path("<str:goal_id>/payers/<str:viewer_id>/exclude/", site.admin_view(exclude_page), name="exclude"),
    path("<str:goal_id>/payers/<str:viewer_id>/include/", site.admin_view(include_page), name="include"),
]
