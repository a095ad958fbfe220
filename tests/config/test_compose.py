"""The databases of compose.yaml, which are for development, require passwords."""

import yaml

from tests.environment import ROOT


def test_databases_do_not_start_without_a_password() -> None:
    services = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"]

    required = {name: [v for v in each["environment"].values() if ":?" in v] for name, each in services.items()}
    assert required == {
        "mongo": ["${MONGODB_PASSWORD:?choose a password}"],
        "redis": ["${REDIS_PASSWORD:?choose a password}"],
    }
    assert "--keyFile" in services["mongo"]["entrypoint"][-1]
    assert "--requirepass" in services["redis"]["command"][-1]
    assert [each["ports"][0].split(":")[0] for each in services.values()] == ["127.0.0.1"] * 2
