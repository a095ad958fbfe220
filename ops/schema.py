"""What this room's operations are, for the OpenAPI document."""

from rest_framework.exceptions import NotAuthenticated

from api.openapi.described import Declared, answered, describe_view, described
from api.openapi.schemas import TEXT, an_object
from ops.health import NO_STORE, Healthz, NotReady, Readyz
from ops.metrics.views import MetricsView, PlainText
from ops.readiness import OK

OPERATIONS = "Operations"
ALL_WELL = dict.fromkeys(("mongodb", "migrations", "queue", "cluster"), OK)
CHECKS = an_object({name: {**TEXT, "description": "`ok`, or what is wrong."} for name in ALL_WELL})
GAUGE = """# HELP showgoals_clusters Living qclusters.
# TYPE showgoals_clusters gauge
showgoals_clusters 1.0
"""

describe_view(
    Healthz,
    get=described(
        operation_id="getHealth",
        tag=OPERATIONS,
        summary="Is the process up?",
        description="Asks no database.",
        answer=an_object({"status": {"const": OK}}),
        examples=[answered("It is up", {"status": OK})],
        declared=Declared(uses_database=False),
    ),
)
describe_view(
    Readyz,
    get=described(
        operation_id="getReadiness",
        tag=OPERATIONS,
        summary="Can shows start, and be told of?",
        description="MongoDB, migrations, queue and cluster. A 503 has the same `checks`, which say what is wrong.",
        answer=an_object({"status": {"const": OK}, "checks": CHECKS}),
        examples=[answered("All is well", {"status": OK, "checks": ALL_WELL})],
        declared=Declared(errors=(NotReady,), headers=NO_STORE, uses_database=False),
    ),
)
describe_view(
    MetricsView,
    get=described(
        operation_id="getMetrics",
        tag=OPERATIONS,
        summary="What Prometheus scrapes",
        description="For anyone on loopback; from elsewhere, or through a proxy, with `METRICS_TOKEN` as bearer token.",
        answer=TEXT,
        media_types=(PlainText.media_type,),
        examples=[answered("A gauge", GAUGE, media_type=PlainText.media_type)],
        declared=Declared(errors=(NotAuthenticated,), headers=NO_STORE, uses_database=False),
    ),
)
