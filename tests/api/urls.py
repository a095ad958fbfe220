"""The paths of `api`, and a few views that exist only for these tests."""

from django.urls import include, path

from tests.api import views

urlpatterns = [
    path("", include("api.urls")),
    path("echo", views.Echo.as_view()),
    path("private", views.Private.as_view()),
    path("order", views.Order.as_view()),
    path("raise/<str:name>", views.Raise.as_view()),
    path("plain/raise/<str:name>", views.raise_plain),
    path("admin/raise/<str:name>", views.raise_plain),
    path("users", views.Users.as_view()),
    path("once", views.Once.as_view()),
    path("", include("api.unmatched_urls")),
]
handler400 = "api.error_pages.bad_request"
handler403 = "api.error_pages.permission_denied"
handler404 = "api.error_pages.not_found"
handler500 = "api.error_pages.server_error"
