"""What can go wrong with endpoints. Each code is part of the API."""

from django.utils.translation import gettext_lazy as _

from config.errors import ProductError


class EndpointNotFound(ProductError):
    """The webhook endpoint does not exist."""

    code = "endpoint_not_found"
    status = 404
    detail = _("There is no such endpoint.")


class EndpointDisabled(ProductError):
    """The webhook endpoint is disabled, so nothing is sent to it."""

    code = "endpoint_disabled"
    status = 409
    detail = _("This endpoint is disabled.")


class TooManyEndpoints(ProductError):
    """The largest allowed number of webhook endpoints exists already."""

    code = "too_many_endpoints"
    status = 409
    detail = _("There are too many endpoints. Delete one first.")
