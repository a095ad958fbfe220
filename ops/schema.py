"""What this room's operations answer, for the OpenAPI document."""

from api.openapi.operations import describe, operation
from api.openapi.schemas import TEXT, an_object
from ops.health import NO_STORE, Healthz, Readyz
from ops.metrics.views import MetricsView, PlainText
from ops.readiness import OK

OPERATIONS = "Operations"
ALL_WELL = dict.fromkeys(("mongodb", "migrations", "queue", "cluster"), OK)
CHECKS = an_object({name: {**TEXT, "description": "`ok`, or what is wrong."} for name in ALL_WELL})
STATUS = {"const": OK}
GAUGE = """# HELP showgoals_clusters Living qclusters.
# TYPE showgoals_clusters gauge
showgoals_clusters 1.0
"""

describe(
    Healthz,
    OPERATIONS,
    get=operation(
        "getHealth", an_object({"status": STATUS}), answered={"It is up": {"status": OK}}, uses_database=False
    ),
)
describe(
    Readyz,
    OPERATIONS,
    get=operation(
        "getReadiness",
        an_object({"status": STATUS, "checks": CHECKS}),
        answered={"All is well": {"status": OK, "checks": ALL_WELL}},
        headers=NO_STORE,
        uses_database=False,
    ),
)
describe(
    MetricsView,
    OPERATIONS,
    get=operation(
        "getMetrics",
        TEXT,
        media_types=(PlainText.media_type,),
        answered={"A gauge": GAUGE},
        headers=NO_STORE,
        uses_database=False,
    ),
)
