"""The paths of the pages, under /admin/. Each view asks for a member of staff, as Django's own do."""

from django.contrib.admin import site
from django.urls import path

from desk.find_views import find_page
from desk.front_views import front_page

app_name = "desk"
urlpatterns = [
    path("", site.admin_view(front_page), name="front"),
    path("find/", site.admin_view(find_page), name="find"),
]
