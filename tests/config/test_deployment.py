"""`manage.py check --deploy` accepts a correct environment, and reports each fault of a wrong environment."""

import os
import re
import subprocess
import sys

import pytest

from tests.config.production import PRODUCTION
from tests.environment import ROOT, known_settings

pytestmark = pytest.mark.slow


def check(**changes: str) -> tuple[int, str]:
    """Return the exit code and the output."""
    environment = os.environ | dict.fromkeys(known_settings(), "") | PRODUCTION | changes
    command = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_deployment_check_accepts_a_production() -> None:
    code, said = check()

    assert (code, re.findall(r"\(([\w.]+)\)", said)) == (0, [])
    assert "no issues (2 silenced)" in said


@pytest.mark.parametrize(
    ("changes", "ids"),
    [
        (
            {
                "THROTTLE": "off",
                "CORS_ALLOWED_ORIGINS": "http://a.example.com",
                "HSTS_SECONDS": "0",
                "PROXY_SSL_HEADER": "",
            },
            ["api.W001", "api.W002", "security.W004", "security.W008"],
        ),
        (
            {"CORS_ALLOWED_ORIGINS": "*", "THROTTLE_LOGIN_NAME": "0/min", "HSTS_SECONDS": "-1", "PROXIES": "-1"},
            ["api.E001", "api.E002", "api.E004", "api.E005", "corsheaders.E013"],
        ),
        ({"PROXIES": ""}, ["api.E003"]),
        ({"DEBUG": "on"}, ["security.W004", "security.W008", "security.W012", "security.W016", "security.W018"]),
    ],
)
def test_deployment_check_reports_each_fault(changes: dict[str, str], ids: list[str]) -> None:
    code, said = check(**changes)

    assert (code, sorted(re.findall(r"\(((?:api|corsheaders|security)\.\w+)\)", said))) == (1, ids)
