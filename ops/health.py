"""`GET /healthz` tells whether the process runs, and `GET /readyz` whether shows can start and be announced."""

from django.utils.translation import gettext_lazy as _
from rest_framework.request import Request
from rest_framework.response import Response

from api.access import ANYONE
from api.problems import CONTENT_TYPE, of_product
from api.views import PublicView
from config.errors import ProductError, raises
from ops.readiness import OK, is_ready, readiness

NO_STORE = {"Cache-Control": "no-store"}


class NotReady(ProductError):
    """A check of `/readyz` failed; the answer's `checks` say which."""

    code = "not_ready"
    status = 503
    detail = _("The service is not ready.")


class ProbeView(PublicView):
    """A view for monitoring, which is never throttled."""

    access = {"get": (ANYONE,)}
    throttle_classes = ()


class Healthz(ProbeView):
    """`GET /healthz` tells whether the process runs. It uses no database."""

    def get(self, request: Request) -> Response:
        """Is the process up?

        The check does not use the database.
        """
        del request
        return Response({"status": OK})


class Readyz(ProbeView):
    """`GET /readyz`: `{status, checks: {mongodb, migrations, queue, cluster, cache}}`, each "ok" or what is wrong.

    If any check except the cache's fails, the answer is the problem `not_ready` (503), with the same `checks`.
    """

    @raises(NotReady)
    def get(self, request: Request) -> Response:
        """Can shows start, and viewers be told?

        Checks MongoDB, the migrations, the queue, the qclusters and the cache. A 503 has the same `checks`, which say
        what is wrong. The check of the cache never leads to a 503, because without the cache the server is only slower.
        """
        del request
        checks = readiness()
        if is_ready(checks):
            return Response({"status": OK, "checks": checks}, headers=NO_STORE)
        problem = of_product(NotReady())
        body, headers = {**problem.body(), "checks": checks}, {**problem.headers, **NO_STORE}
        return Response(body, status=problem.status, headers=headers, content_type=CONTENT_TYPE)
