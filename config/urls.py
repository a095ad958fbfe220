"""The URLs of all apps. They are included by name, because `config` imports no app."""

from django.contrib import admin
from django.urls import include, path
from django.utils.translation import gettext_lazy as _
from django.views.generic import RedirectView

admin.site.site_url = None  # "View site" would lead to the API's documentation
admin.site.site_header = admin.site.site_title = _("Show goals")
urlpatterns = [
    path("", RedirectView.as_view(pattern_name="docs")),
    path("openapi.json", RedirectView.as_view(pattern_name="schema")),
    path("admin", RedirectView.as_view(url="/admin/")),
    path("admin/decisions/", include("desk.decisions.urls")),
    path("admin/", include("desk.urls")),  # before Django's URLs, which match every path that begins with admin/
    path("admin/", admin.site.urls),
    path("", include("api.urls")),
    path("", include("sessions_app.urls")),
    path("", include("showgoals.urls")),
    path("", include("notifications.urls")),
    path("", include("pages.urls")),
    path("", include("webhooks.urls")),
    path("", include("ops.urls")),
    path("", include("api.unmatched_urls")),  # last: all unknown paths
]
handler400 = "api.error_pages.bad_request"
handler403 = "api.error_pages.permission_denied"
handler404 = "api.error_pages.not_found"
handler500 = "api.error_pages.server_error"
