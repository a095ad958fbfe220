"""What can be wrong with a question about a delivery. Each code is part of the API."""

from django.utils.translation import gettext_lazy as _

from config.errors import ProductError


class ViewerNotFound(ProductError):
    code = "viewer_not_found"
    status = 404
    detail = _("This viewer has not paid for the show.")
