"""The responses of this app's operations, for the OpenAPI document."""

from api.openapi.operations import describe, operation
from api.openapi.schemas import TEXT, an_object
from ops.health import NO_STORE, Healthz, Readyz
from ops.metrics.views import MetricsView, PlainText
from ops.readiness import OK

OPERATIONS = "Operations"
STATUS = {"const": OK}
CHECK = {**TEXT, "description": "`ok`, or what is wrong."}
READINESS = an_object(
    {
        "status": STATUS,
        "checks": an_object(dict.fromkeys(("mongodb", "migrations", "queue", "cluster", "cache"), CHECK)),
    },
    title="Readiness",
)
PLAIN = (PlainText.media_type,)

describe(Healthz, OPERATIONS, get=operation("getHealth", an_object({"status": STATUS}), uses_database=False))
describe(Readyz, OPERATIONS, get=operation("getReadiness", READINESS, headers=NO_STORE, uses_database=False))
describe(
    MetricsView,
    OPERATIONS,
    get=operation("getMetrics", TEXT, media_types=PLAIN, headers=NO_STORE, uses_database=False),
)
