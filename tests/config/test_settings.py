"""The settings or a system check refuse each value of an environment variable that must be a mistake."""

import os
import runpy
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from config import environment as env
from tests.config.production import PRODUCTION
from tests.environment import ROOT, known_settings

ROOMS = ("api", "goals", "notifications", "ops", "sessions_app", "taskqueue")
# The tests keep their own values of these settings, which no check reads.
KEPT = frozenset({"CACHES", "DATABASES", "LOGGING", "PASSWORD_HASHERS"})
HUGE = "1000000000"
NOT_JSON = "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"
SECRET = "hunter2-hunter2-hunter2"
Change = dict[str, str]


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The environment of a deployment, for this test."""
    for name, value in (dict.fromkeys(known_settings(), "") | PRODUCTION).items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def found(settings: Settings) -> list[Any]:
    """Read the settings from the environment, and return the messages of the system checks."""
    loaded = runpy.run_path(str(ROOT / "config" / "settings.py"))
    for name in loaded.keys() - KEPT:
        if name.isupper() and loaded[name] != getattr(settings, name, None):
            setattr(settings, name, loaded[name])
    return sorted(run_checks(tags=ROOMS), key=lambda message: message.id)


def change(environment: pytest.MonkeyPatch, changes: Change) -> None:
    for name, value in changes.items():
        environment.setenv(name, value)


def cases(name: str, number: str, *values: str) -> list[Any]:
    return [pytest.param({name: value}, [number], id=f"{name}-{value or 'unset'}"[:60]) for value in values]


ODD_HOSTS = ("https://api.example.com", "api.example.com:8000", "a.example.com b.example.com", "*.example.com", "a/b")
WORKERS = (
    "Q_WORKERS",
    "Q_START_WORKERS",
    "Q_TELL_WORKERS",
    "Q_AUDIENCE_WORKERS",
    "Q_RECORD_WORKERS",
    "Q_WEBHOOK_WORKERS",
)
REFUSED = [
    *cases("MONGODB_URI", "ops.E001", ""),
    *cases(
        "MONGODB_URI",
        "ops.E002",
        *("db.example.com", "http://db", "mongodb://", "mongodb://db:0", "mongodb://db:65536", "mongodb+srv://db:1"),
        *("mongodb://db/?replicaSett=rs0", "mongodb://db/?w", "mongodb://db/?tls=maybe", "mongodb://me:<password>@db"),
        *(f"mongodb://me:{SECRET}@2@db", f"mongodb://me:{SECRET}/@db", f"mongodb://me:{SECRET}?a=b@db"),
        *("mongodb://db/?connectTimeoutMS=5", "mongodb://db1,db2/?directConnection=true", "mongodb+srv://a,b/"),
    ),
    *cases("MONGODB_URI", "ops.E003", *(f"mongodb://db/?w={w}" for w in ("0", "1", "2", "rack"))),
    *cases("MONGODB_URI", "ops.E003", "mongodb+srv://db/?journal=false", "mongodb://db/?readPreference=secondary"),
    *cases("MONGODB_URI", "ops.W001", "mongodb://db/another"),
    *cases("MONGODB_URI", "ops.W002", "mongodb://db/?directConnection=true"),
    *cases("MONGODB_NAME", "ops.E004", "a.b", "a b", "a/b", "$a", "a" * 64),
    *cases(
        "CACHE_URL",
        "ops.E005",
        *("cache", "http://cache", "redis://", "redis:cache", "redis://cache:x", "redis://cache:65536", "unix://"),
        *("redis://cache/one", f"redis://:{SECRET},@cache", "redis://cache?nope=1", "redis://cache?db=x", "redis://a:0"),
        *("memcached://cache", "redis://cache,redis://other"),
    ),
    *cases("REALTIME_BACKEND", "ops.E006", "", "console", "locmem"),
    *cases("RTC_BACKEND", "ops.E006", "", "console", "locmem"),
    *cases("ANALYTICS_BACKEND", "ops.E006", "console", "locmem"),
    *cases("ALLOWED_HOSTS", "ops.E007", "", ",", *ODD_HOSTS, "b\u00fccher.example.com", "a_b.example.com", "-a"),
    *cases("ALLOWED_HOSTS", "ops.W003", "*"),
    *cases("PORT", "ops.E008", "0", "-1", "65536", HUGE),
    *cases("RETENTION_DAYS", "ops.E009", '{"contributions": 365}', '{"goal_timeline": 29}', '{"goal_timeline": "365"}'),
    *cases("METRICS_TOKEN", "ops.W004", "a token"),
    *(case for name in WORKERS for case in cases(name, "taskqueue.E001", "0", "-1", HUGE)),
    *cases("Q_TIMEOUT", "taskqueue.E002", "0", "-1", "44"),
    *cases("Q_RETRY", "taskqueue.E002", "75000", HUGE),
    *cases("Q_SILENCE", "taskqueue.E002", "0", "5", "11", "15000", HUGE),
    *cases("Q_MAX_ATTEMPTS", "taskqueue.E002", "0", "-1", "4", HUGE),
    *cases("Q_TIMEOUT", "taskqueue.E003", "75", "76"),
    *cases("Q_RETRY", "taskqueue.E003", "60"),
    *cases("START_GRACE", "goals.E001", "0", "-1", "59", "3600000", HUGE),
    *cases("NOTIFY_CHUNK", "notifications.E002", "0", "-1", HUGE),
    *cases("NOTIFY_CONCURRENCY", "notifications.E002", "0", "-1", HUGE),
    *cases("PUSHER_QPS", "notifications.E002", "-1", HUGE),
    *cases("PUSHER_APP_ID", "notifications.E001", "", "app", "\u0661"),
    *cases("PUSHER_KEY", "notifications.E001", "", "0123456789abcdef012", "0123456789ABCDEF0123"),
    *cases("PUSHER_SECRET", "notifications.E001", "", "0123456789abcdef01234"),
    *cases("PUSHER_CLUSTER", "notifications.E001", ""),
    *cases("PUSHER_CLUSTER", "notifications.E003", "AP1", "api-ap1.pusher.com"),
    *cases("PUSHER_HOST", "notifications.E003", *ODD_HOSTS),
    *cases("PUSHER_PORT", "notifications.E003", "-1", "65536", HUGE),
    *cases("SECRET_KEY", "sessions_app.E001", "", "0123456789abcdef0123456789abcde"),
    *cases("STREAM_TOKEN_KEY", "sessions_app.E001", "", "0123456789abcdef0123456789abcde"),
    *cases("STREAM_TOKEN_KEY", "sessions_app.E002", PRODUCTION["SECRET_KEY"]),
    *cases("SECRET_KEY_FALLBACKS", "sessions_app.E001", "short", f"{'0123456789abcdef' * 2},short"),
    *cases("SECRET_KEY_FALLBACKS", "sessions_app.E002", PRODUCTION["STREAM_TOKEN_KEY"]),
    *cases("BYTEPLUS_APP_ID", "sessions_app.E003", "", "0123456789abcdef0123456", "0123456789abcdef0123456/"),
    *cases("BYTEPLUS_APP_KEY", "sessions_app.E004", "", "key", "0123456789abcdef" * 3),
    *cases("BYTEPLUS_ACCESS_KEY", "sessions_app.E005", ""),
    *cases("BYTEPLUS_SECRET_KEY", "sessions_app.E005", ""),
    *cases("BYTEPLUS_RECORDING", "sessions_app.E006", '{"Encoding": {}}', '{"Encode": 1}'),
    *cases("BYTEPLUS_STORAGE", "sessions_app.E007", '{"Type": 3}', '{"Type": "1"}'),
    *cases("BYTEPLUS_STORAGE", "sessions_app.W001", ""),
    *cases("BYTEPLUS_CALLBACK_SECRET", "sessions_app.W002", ""),
    *cases("BYTEPLUS_QPS", "sessions_app.E008", "-1", HUGE),
    *cases("BYTEPLUS_HOST", "sessions_app.E009", "https://open.byteplusapi.com", "a:0", "a:65536", "a:x", "a/b", "a b"),
    *cases("BYTEPLUS_REGION", "sessions_app.E010", "ap singapore", "AP"),
    *cases("BYTEPLUS_VERSION", "sessions_app.E010", "2022", "2022-6-1"),
    *cases("THROTTLE_USER", "api.E001", "600", "0/min", "600/m"),
    *cases("THROTTLE_LOGIN_NAME", "api.E001", "10/week"),
    *cases("PROXIES", "api.E002", "-1", HUGE),
    *cases("PROXIES", "api.E003", "0"),
    *cases("CORS_ALLOWED_ORIGINS", "api.E004", "*", "studio.example.com", "https://studio.example.com/"),
    *cases("HSTS_SECONDS", "api.E005", "-1", "31536000000"),
    *cases("PUSHER_SECERT", "ops.W006", "x"),
    *cases("Q_WORKER", "ops.W006", "4"),
    *cases("ALLOWED_HOST", "ops.W006", "x"),
    *cases("MONGO_URI", "ops.W006", "x"),
    *cases("BYTEPLUS_APPID_FILE", "ops.W006", "/x"),
]  # fmt: skip
ACCEPTED = [
    {},
    {"MONGODB_URI": "mongodb+srv://me:p%40ss@cluster0.example.com/?retryWrites=true&w=majority"},
    {"MONGODB_URI": "mongodb://db1,db2:27018,[::1]:27019/showgoals?replicaSet=rs0&authSource=admin&w=majority"},
    {"MONGODB_URI": "mongodb://db/admin?replicaSet=rs0&connectTimeoutMS=2000&readPreference=primary&journal=true"},
    {"CACHE_URL": "rediss://me:p%2Css@cache.example.com:6380/15"},
    {"CACHE_URL": "unix:///run/redis.sock?db=1"},
    {"CACHE_URL": "", "SECRET_KEY_FALLBACKS": "0123456789abcdef0123456789abcdef,another-key-that-is-long-enough!!"},
    {"REALTIME_BACKEND": "", "RTC_BACKEND": "locmem", "ANALYTICS_BACKEND": "console", "ALLOW_CONSOLE_BACKENDS": "on"},
    {"PUSHER_HOST": "ws.example.com", "PUSHER_PORT": "6001", "PUSHER_KEY": "app-key", "PUSHER_CLUSTER": ""},
    {"BYTEPLUS_HOST": "127.0.0.1:8443", "BYTEPLUS_STORAGE": '{"Type": 2,\n "CustomConfig": {}}'},
    {"ALLOWED_HOSTS": "api.example.com, .example.org,10.0.0.7,[2001:db8::1]"},
    {"Q_TIMEOUT": "74", "Q_RETRY": "75", "Q_CLUSTER_NAME": "showgoals"},
    {"Q_TIMEOUT": "45", "Q_SILENCE": "12", "Q_MAX_ATTEMPTS": "5", "START_GRACE": "60"},
    {"DEBUG": "on", "Q_TIMEOUT": "1", "Q_SILENCE": "6", "Q_MAX_ATTEMPTS": "1"},
    {"DEBUG": "on", "MONGODB_URI": "", "REALTIME_BACKEND": "", "RTC_BACKEND": "", "ALLOWED_HOSTS": "", "Q_RETRY": "1"},
]


@pytest.mark.parametrize(("changes", "numbers"), REFUSED)
def test_odd_value_is_reported(
    environment: pytest.MonkeyPatch, settings: Settings, changes: Change, numbers: list[str]
) -> None:
    change(environment, changes)

    messages = found(settings)

    assert sorted({message.id for message in messages}) == numbers
    assert all(
        message.hint and any(name.removesuffix("_FILE") in message.msg for name in changes) for message in messages
    )
    assert not any(SECRET in f"{message.msg}{message.hint}" for message in messages)


@pytest.mark.parametrize("changes", ACCEPTED, ids=str)
def test_right_values_are_accepted(environment: pytest.MonkeyPatch, settings: Settings, changes: Change) -> None:
    change(environment, changes)

    assert found(settings) == []


def test_all_errors_are_reported_at_once(environment: pytest.MonkeyPatch, settings: Settings) -> None:
    change(environment, dict.fromkeys(PRODUCTION, "") | {"DEBUG": "off"})

    assert [message.id for message in found(settings) if message.is_serious()] == [
        *("ops.E001", "ops.E006", "ops.E006", "ops.E007"),
        *("sessions_app.E001", "sessions_app.E001", "sessions_app.E003", "sessions_app.E004"),
    ]


def test_check_of_a_deployment_asks_the_environment_not_the_test_runner(
    environment: pytest.MonkeyPatch, settings: Settings
) -> None:
    environment.setenv("MONGODB_URI", "")
    settings.DEBUG = True

    assert [message.id for message in found(settings)] == ["ops.E001"]


def test_directory_that_cannot_be_written_is_refused(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    found = {}
    for given in ("", "relative", str(tmp_path / "new" / "data")):
        environment.setenv("DATA_DIR", given)
        found[given] = env._data_dir()
    assert found == {"": ROOT / ".data", "relative": ROOT / "relative", given: tmp_path / "new" / "data"}

    environment.setenv("DATA_DIR", str(tmp_path / "file" / "data"))
    with pytest.raises(ImproperlyConfigured, match=r"^DATA_DIR: .*/file is not a directory that"):
        env._data_dir()


ODD_TEXTS = {
    " hunter2": "PUSHER_SECRET begins or ends with a space or a line break.",
    "hunter2\r": "PUSHER_SECRET begins or ends with a space or a line break.",
    "hunter2\n": "PUSHER_SECRET begins or ends with a space or a line break.",
    "hunter2\u00a0": "PUSHER_SECRET begins or ends with a space or a line break.",
    '"hunter2"': "PUSHER_SECRET is in quotes, which count as part of the value here: remove them.",
    "'hunter2'": "PUSHER_SECRET is in quotes, which count as part of the value here: remove them.",
    "hunter\n2": "PUSHER_SECRET contains a line break, or a character that can't be seen.",
    "hunter\u200b2": "PUSHER_SECRET contains a line break, or a character that can't be seen.",
    "hunter\udcff2": "PUSHER_SECRET contains a line break, or a character that can't be seen.",
}


@pytest.mark.parametrize(("value", "text"), ODD_TEXTS.items(), ids=map(ascii, ODD_TEXTS))
def test_text_with_what_an_env_file_left_in_it_is_refused(
    environment: pytest.MonkeyPatch, value: str, text: str
) -> None:
    environment.setenv("PUSHER_SECRET", value)

    assert refusal() == text


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        *(
            ("Q_WORKERS", value, f"Q_WORKERS must be a whole number, not {value!r}.")
            for value in ("two", "2.0", "1_000", "\uff12", "1e3", "0x10", "9" * 19)
        ),
        ("DEBUG", "offf", "DEBUG must be on or off, not 'offf'."),
        ("PUSHER_SSL", "https", "PUSHER_SSL must be on or off, not 'https'."),
        ("LOG_FORMAT", "JSON", "LOG_FORMAT must be one of json, line, not 'JSON'."),
        ("REALTIME_BACKEND", "Pusher", "REALTIME_BACKEND must be one of console, locmem, pusher, not 'Pusher'."),
        ("BYTEPLUS_STORAGE", f'["{SECRET}"]', "BYTEPLUS_STORAGE must be a JSON object, in braces."),
        (
            "BYTEPLUS_STORAGE",
            f"{{'AccessKey': '{SECRET}'}}",
            f"BYTEPLUS_STORAGE must be a JSON object: {NOT_JSON}.",
        ),
    ],
)
def test_value_of_the_wrong_type_is_refused(environment: pytest.MonkeyPatch, name: str, value: str, text: str) -> None:
    environment.setenv(name, value)

    assert refusal() == text


def test_value_in_a_file_is_read_without_its_line_end(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    environment.setenv("PUSHER_SECRET", "")
    environment.setenv("PUSHER_SECRET_FILE", str(file))
    for content in (b"hunter2", b"hunter2\n", b"hunter2\r\n", b"\xef\xbb\xbfhunter2\r\n"):
        file.write_bytes(content)
        assert env.text("PUSHER_SECRET") == "hunter2"
    environment.setenv("PUSHER_SECRET_FILE", "")
    assert env.text("PUSHER_SECRET", "default") == "default"


def test_odd_file_is_refused(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    environment.setenv("PUSHER_SECRET_FILE", str(file))
    assert refusal() == "PUSHER_SECRET and PUSHER_SECRET_FILE are both set: remove one."

    environment.setenv("PUSHER_SECRET", "")
    assert refusal() == f"PUSHER_SECRET_FILE: can't read {file}: No such file or directory."
    for content, text in {
        b"\r\n": f"PUSHER_SECRET_FILE: {file} is empty.",
        b"\xff": f"PUSHER_SECRET_FILE: {file} is not text in UTF-8.",
        b'"hunter2"': "PUSHER_SECRET is in quotes, which count as part of the value here: remove them.",
        b"hunter2\r\nhunter3\r\n": "PUSHER_SECRET contains a line break, or a character that can't be seen.",
    }.items():
        file.write_bytes(content)
        assert refusal() == text
    environment.setenv("PUSHER_SECRET_FILE", f"{file}\r")
    assert refusal() == "PUSHER_SECRET_FILE begins or ends with a space or a line break."


def test_dotenv_sets_what_the_environment_does_not(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    lines = ["\ufeff# ours", "export PUSHER_KEY='a b'", "PORT=9000 # the proxy's", 'LOG_FORMAT="line"', "", "DEBUG=on"]
    for name in ("PUSHER_KEY", "PORT", "LOG_FORMAT", "BYTEPLUS_STORAGE", "METRICS_TOKEN"):
        environment.delenv(name)
        environment.delenv(f"{name}_FILE")
    environment.setenv("METRICS_TOKEN_FILE", "/run/secrets/token")
    path = tmp_path / ".env"
    path.write_text("\r\n".join([*lines, 'BYTEPLUS_STORAGE={"Type": 0}', "METRICS_TOKEN=x"]), encoding="utf-8")

    env.load_dotenv(path)

    read = {name: env.text(name) for name in ("PUSHER_KEY", "PORT", "LOG_FORMAT", "DEBUG", "BYTEPLUS_STORAGE")}
    assert read == {
        "PUSHER_KEY": "a b",
        "PORT": "9000",
        "LOG_FORMAT": "line",
        "DEBUG": "off",
        "BYTEPLUS_STORAGE": '{"Type": 0}',
    }
    assert "METRICS_TOKEN" not in os.environ


@pytest.mark.parametrize("line", ["PORT", "PORT 8000", "='x'", 'PUSHER_SECRET="hunter2'])
def test_dotenv_with_an_odd_line_is_refused(tmp_path: Path, line: str) -> None:
    path = tmp_path / ".env"
    path.write_text(f"# ours\n{line}\n")

    with pytest.raises(ImproperlyConfigured, match=r"^\.env, line 2: write NAME=VALUE\.$"):
        env.load_dotenv(path)


def refusal() -> str:
    """Return the error with which the settings refuse to load."""
    with pytest.raises(ImproperlyConfigured) as refused:
        runpy.run_path(str(ROOT / "config" / "settings.py"))
    return str(refused.value)
