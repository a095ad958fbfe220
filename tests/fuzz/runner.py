"""Runs schemathesis as a given user against a running server, and reads its report."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.docs.markdown import ROOT
from tests.fuzz.data import FuzzData

# The share of ids that exist. All other ids are made up.
REAL = 0.8
# The number of chains of requests, as a multiple of the number of examples.
SCENARIOS = 8
PLACES = {
    "path.goal_id": "goal_id",
    "path.session_id": "session_id",
    "path.viewer_id": "viewer_id",
    "query.session_id": "session_id",
    "query.funding_goal_id": "funding_goal_id",
    "body.context.session_id": "session_id",
    "body.context.funding_goal_id": "funding_goal_id",
    "body.viewer_id": "viewer_id",
    "body.channel_name": "channel_name",
}


@dataclass(frozen=True)
class Report:
    """What schemathesis did, and its output."""

    requests: int
    passed: bool
    text: str


def fuzz(person: str, data: FuzzData, url: str, folder: Path, *, examples: int, phases: str, seed: int) -> Report:
    """Make requests as this user, at most `examples` for each operation and phase. Return schemathesis's report."""
    config, report = folder / "schemathesis.toml", folder / f"{person}.json"
    config.write_text(_config(data, examples), encoding="utf-8")
    token = data.tokens[person]
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), "run", f"{url}/schema"),
        *("--phases", phases, "--seed", str(seed), "--warnings", "off"),
        *("--report-json-path", str(report), *(("--header", f"Authorization: Bearer {token}") if token else ())),
    ]
    environment = {**os.environ, "SCHEMATHESIS_HOOKS": "tests.fuzz.hooks", "COLUMNS": "120", "NO_COLOR": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    requests = json.loads(report.read_text(encoding="utf-8"))["test_cases"]["generated"] if report.exists() else 0
    return Report(requests, done.returncode == 0, done.stdout + done.stderr)


def _config(data: FuzzData, examples: int) -> str:
    """Return the configuration as TOML, whose lists of strings look like those of JSON."""
    dictionaries = [f"[dictionaries.{name}]\nvalues = {json.dumps(ids)}" for name, ids in data.ids.items()]
    places = [f'"{place}" = {{ dictionary = "{name}", probability = {REAL} }}' for place, name in PLACES.items()]
    # A body with a NUL anywhere is refused as malformed_json (tests/api/test_parsers.py). No schema can express this.
    generation = [
        "generation.allow-x00 = false",
        f"generation.max-examples = {examples}",
        f"phases.stateful.generation.max-examples = {SCENARIOS * examples}",
    ]
    return "\n".join([*generation, *dictionaries, "[parameters]", *places, SETTINGS])


SETTINGS = """
[cache]
enabled = false

[checks]
use_after_free.enabled = false  # nothing is ever deleted
object_level_authorization.enabled = false  # sessions and feeds are for everyone
# 304, 412: the request has an ETag. 422: the Idempotency-Key has been used for another request.
positive_data_acceptance.expected-statuses = ["2xx", 304, 401, 403, 404, 409, 412, 422, 503]
negative_data_rejection.expected-statuses = [400, 401, 403, 404, 406, 409, 412, 413, 415, 422, 428, 429, 503]

# The server issues the cursors. A body must fit the query's `type` or the kind of the goal. No schema can express
# either.
[[operations]]
include-name = [
    "GET /goals", "GET /sessions", "GET /feeds/livestream", "GET /goals/{goal_id}/timeline",
    "GET /goals/{goal_id}/payers", "GET /me/contributions", "GET /events", "GET /webhook-endpoints",
    "GET /webhook-endpoints/{endpoint_id}/attempts", "POST /goals", "PATCH /goals/{goal_id}",
]
checks.positive_data_acceptance.enabled = false

# A page is the same for every id.
[[operations]]
include-name = ["GET /shows/{goal_id}", "GET /watch/{goal_id}"]
checks.negative_data_rejection.enabled = false

# Signing out would end the token that all other requests use.
[[operations]]
include-name = "POST /auth/sign-out"
enabled = false

# The tests run no qcluster, so the server is not ready.
[[operations]]
include-name = "GET /readyz"
checks.not_a_server_error.expected-statuses = ["2xx", 304, "4xx", 503]
"""
