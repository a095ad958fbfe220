"""Included last: whatever is left is a 404 problem."""

from django.urls import re_path

from api.views import Unmatched

urlpatterns = [re_path("", Unmatched.as_view())]
