"""What this room's operations are, for the OpenAPI document."""

from api.openapi.described import Declared, answered, describe_view, described
from api.openapi.schemas import TEXT, an_object
from ops.health import NO_STORE, Healthz, NotReady, Readyz
from ops.readiness import OK

OPERATIONS = "Operations"
ALL_WELL = dict.fromkeys(("mongodb", "migrations", "queue", "cluster"), OK)
CHECKS = an_object({name: {**TEXT, "description": "`ok`, or what is wrong."} for name in ALL_WELL})

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
