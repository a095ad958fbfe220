"""The last URL pattern: a path that no other pattern matches is answered with a 404 problem."""

from django.urls import re_path

from api.views import Unmatched

urlpatterns = [re_path("", Unmatched.as_view())]
