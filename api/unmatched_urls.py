"""The last URL pattern, which responds with 404 to a path that no other pattern matches."""

from django.urls import re_path

from api.views import Unmatched

urlpatterns = [re_path("", Unmatched.as_view())]
