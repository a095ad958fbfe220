"""All settings, read from the environment. `.env.example` lists every variable."""

from importlib.util import find_spec
from secrets import token_hex
from typing import Any

import django_stubs_ext
from django.utils.translation import gettext_lazy as _

from config import environment as env
from config.log_settings import log_settings
from config.openapi import SPECTACULAR_SETTINGS  # noqa: F401 - a setting

django_stubs_ext.monkeypatch()  # makes Django's classes subscriptable: admin.ModelAdmin[Goal]

BASE_DIR = env.ROOT
DATA_DIR = env.DATA_DIR
DEBUG = env.boolean("DEBUG", default=False)
# System checks read this instead of DEBUG, because test runners switch DEBUG off.
IS_DEPLOYMENT = not DEBUG
# Django does not start without a key, so a missing key is replaced by a random one. The check sessions_app.E001 refuses
# the random key, because it is too short. Only commands that need no deployment skip this check.
SECRET_KEY = env.secret("SECRET_KEY", debug=DEBUG) or token_hex(8)
# Earlier values of SECRET_KEY, newest first. Signatures made with them stay valid.
SECRET_KEY_FALLBACKS = env.items("SECRET_KEY_FALLBACKS")
STREAM_TOKEN_KEY = env.secret("STREAM_TOKEN_KEY", debug=DEBUG)
ALLOWED_HOSTS = env.items("ALLOWED_HOSTS") or (["*"] if DEBUG else [])
PORT = env.integer("PORT", 8000)
# lab/ contains the developers' tools. A production image can leave the folder out.
HAS_LAB = find_spec("lab") is not None

# The order of the apps is the order in which receivers get a signal.
# `taskqueue` comes before django_q, because its `qcluster` command replaces django-q's.
INSTALLED_APPS = [
    "config.apps.MongoAdminConfig",
    "config.apps.MongoAuthConfig",
    "config.apps.MongoContentTypesConfig",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_mongodb_backend",
    "rest_framework",
    "corsheaders",
    "drf_spectacular",
    "taskqueue",
    "config.apps.MongoDjangoQConfig",
    "api",
    "analytics",
    "webhooks",  # before apps whose receivers send further signals, so that its events are in the order of the signals
    "showgoals",
    "sessions_app",
    "goals",
    "notifications",
    "pages",
    "ops",
    "desk",
    *(["lab"] if HAS_LAB else []),
]

MIDDLEWARE = [
    # These two come first, so that every response has an id and a language.
    "api.middleware.RequestIdMiddleware",
    "api.middleware.LanguageMiddleware",
    "api.security.SecurityHeadersMiddleware",
    "api.middleware.DeadlineMiddleware",
    "ops.metrics.requests.RequestMetricsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
APPEND_SLASH = False  # the API's paths have no trailing slashes

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "desk/templates"],  # before Django's admin, whose templates have the same names
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# --- MongoDB -----------------------------------------------------------------------------------
MONGODB_URI = env.text("MONGODB_URI")
MONGODB_NAME = env.text("MONGODB_NAME", "showgoals")
# With DEBUG and without MONGODB_URI, this function starts a server and returns its URI.
EMBEDDED_MONGODB = "lab.embedded_mongo.start"
DATABASES = {
    "default": {
        "ENGINE": "mongodb",
        "HOST": MONGODB_URI,
        "NAME": MONGODB_NAME,
        "OPTIONS": {
            # The URI can set other time-outs. A 503 after three seconds is better than a request that hangs for thirty
            # seconds.
            "serverSelectionTimeoutMS": 3000,
            # With these two, pymongo notices within four seconds, not thirty, that a server hangs.
            "connectTimeoutMS": 2000,
            "heartbeatFrequencyMS": 2000,
            "w": "majority",
            "tz_aware": False,
        },
    }
}
DATABASE_ROUTERS = ["django_mongodb_backend.routers.MongoRouter"]
DEFAULT_AUTO_FIELD = "django_mongodb_backend.fields.ObjectIdAutoField"
MIGRATION_MODULES = {app: f"mongodb.contrib_migrations.{app}" for app in ("admin", "auth", "contenttypes", "django_q")}

# The number of days for which `manage.py archive` leaves rows in the database, by collection. All other collections
# keep their rows for ever.
RETENTION_DAYS = env.json_object("RETENTION_DAYS", {})

# --- Cache -----------------------------------------------------------------------------------------
# All processes of this machine share the cache.
CACHE_URL = env.text("CACHE_URL")
CACHES: dict[str, dict[str, Any]] = {
    "default": {"BACKEND": "config.redis_cache.JsonInRedis", "LOCATION": CACHE_URL, "KEY_PREFIX": "json"}
    if CACHE_URL
    else {"BACKEND": "config.file_cache.JsonInFiles", "LOCATION": DATA_DIR / "cache"}
}

# --- Language, time, static files ---------------------------------------------------------------
LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("zh-hant", _("Traditional Chinese"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_TZ = True
FORMAT_MODULE_PATH = ["config.formats"]
TIME_ZONE = "UTC"
STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [("js", BASE_DIR / "clients/js")]  # the pages import the browser client
WHITENOISE_USE_FINDERS = True
WHITENOISE_ALLOW_ALL_ORIGINS = False  # pages of other origins don't need these files

# --- Proxies, HTTPS, browsers (docs/adr/0024-limits.md) ---------------------------------------------
PROXIES = env.integer("PROXIES", 0)
PROXY_SSL_HEADER = env.boolean("PROXY_SSL_HEADER", default=False)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if PROXY_SSL_HEADER else None
SECURE_SSL_REDIRECT = PROXY_SSL_HEADER and not DEBUG
SECURE_REDIRECT_EXEMPT = ["^healthz$", "^readyz$", "^metrics$"]  # called over plain HTTP from inside the network
SECURE_HSTS_SECONDS = env.integer("HSTS_SECONDS", 0 if DEBUG else 365 * 24 * 3600)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not DEBUG
# HSTS for subdomains and HSTS preloading apply to the whole domain, so a single service must not set them.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
CORS_ALLOWED_ORIGINS = env.items("CORS_ALLOWED_ORIGINS")
CORS_URLS_REGEX = "^/(?!admin(/|$)|static/)"
CORS_ALLOW_METHODS = ["GET", "POST", "PATCH", "OPTIONS"]
CORS_ALLOW_HEADERS = [
    *("accept", "accept-language", "authorization", "content-type"),
    *("idempotency-key", "if-match", "if-none-match", "x-request-id"),
]
CORS_EXPOSE_HEADERS = [
    *("Content-Language", "Date", "ETag", "Idempotent-Replay", "Location"),
    *("Retry-After", "WWW-Authenticate", "X-Request-ID"),
]

AUTHENTICATION_BACKENDS = ["api.passwords.PasswordBackend"]
# The first hasher hashes new passwords. A hash by another hasher is replaced when its user signs in. PBKDF2 can be
# removed when no stored password begins with "pbkdf2".
PASSWORD_HASHERS = ["api.passwords.Argon2Hasher", "django.contrib.auth.hashers.PBKDF2PasswordHasher"]
CSRF_FAILURE_VIEW = "api.error_pages.csrf_failure"

# --- API -------------------------------------------------------------------------------------------
THROTTLE = env.boolean("THROTTLE", default=True)
THROTTLE_RATES = {
    "user": env.text("THROTTLE_USER", "600/min"),
    "address": env.text("THROTTLE_ADDRESS", "300/min"),
    "login_address": env.text("THROTTLE_LOGIN_ADDRESS", "60/min"),
    "login_name": env.text("THROTTLE_LOGIN_NAME", "10/hour"),
}
MAX_BODY_BYTES = 1024 * 1024
MAX_BODY_DEPTH = 20
DATA_UPLOAD_MAX_MEMORY_SIZE = MAX_BODY_BYTES
REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["api.authentication.BearerAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["api.access.MayCall"],
    "DEFAULT_THROTTLE_CLASSES": ["api.throttles.CallerThrottle"],
    "NUM_PROXIES": PROXIES,
    "DEFAULT_PARSER_CLASSES": ["api.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_FILTER_BACKENDS": ["api.filters.StrictFilters"],
    "DEFAULT_PAGINATION_CLASS": "api.pagination.NewestFirst",
    "DEFAULT_SCHEMA_CLASS": "api.openapi.inspector.ApiSchema",
    "EXCEPTION_HANDLER": "api.problems.problem_response",
    "UNAUTHENTICATED_USER": None,
}

# --- Task queue (django-q2) --------------------------------------------------------------------
Q_CLUSTER = {
    "name": "showgoals",
    "broker_class": "taskqueue.broker.PreciseBroker",
    "orm": "default",  # keeps django-q's admin page of queued tasks
    "workers": env.integer("Q_WORKERS", 2),  # the number of workers of the lane WORK
    "timeout": env.integer("Q_TIMEOUT", 60),
    "retry": env.integer("Q_RETRY", 75),  # django-q requires it; taskqueue/leases.py decides when claims are released
    "max_attempts": env.integer("Q_MAX_ATTEMPTS", 20),  # with back-off, the attempts take about a quarter of an hour
    "ALT_CLUSTERS": {},  # without it django-q can't be imported where Q_CLUSTER_NAME is set
    "save_limit": 0,  # keeps all successes, until a TTL index deletes them
    "poll": 0.05,
    "catch_up": False,
    "label": _("Task queue"),
}

# The numbers of workers of the other lanes (taskqueue/queues.py).
Q_START_WORKERS = env.integer("Q_START_WORKERS", 2)
Q_TELL_WORKERS = env.integer("Q_TELL_WORKERS", 2)
Q_AUDIENCE_WORKERS = env.integer("Q_AUDIENCE_WORKERS", 2)
Q_RECORD_WORKERS = env.integer("Q_RECORD_WORKERS", 1)
Q_WEBHOOK_WORKERS = env.integer("Q_WEBHOOK_WORKERS", 2)
Q_SILENCE = env.integer("Q_SILENCE", 15)  # seconds without a heartbeat after which the claims of a host are released
Q_STUCK_GRACE_SECONDS = 10.0  # a task that ignores its time-out is killed this many seconds later

# --- Ports: the backends that talk to vendors -------------------------------------------------------------
PUSHER: dict[str, Any] = {
    "app_id": env.text("PUSHER_APP_ID"),
    "key": env.text("PUSHER_KEY"),
    "secret": env.text("PUSHER_SECRET"),
    "cluster": env.text("PUSHER_CLUSTER"),
    "host": env.text("PUSHER_HOST"),
    "port": env.integer("PUSHER_PORT", 0),
    "ssl": env.boolean("PUSHER_SSL", default=True),
}
# A show that is late by more than this many seconds is not started any more.
START_GRACE = env.integer("START_GRACE", 3600)
# How long an event waits, at most, for the first attempt to send the event that should precede it.
ORDER_PATIENCE_SECONDS = 0.2
PUSHER_QPS = env.integer("PUSHER_QPS", 0)
NOTIFY_CONCURRENCY = env.integer("NOTIFY_CONCURRENCY", 16)
NOTIFY_CHUNK = env.integer("NOTIFY_CHUNK", 1000)
# For development: the hosts, with or without a port, that webhooks may call over HTTP and at private addresses.
WEBHOOK_ALLOWED_HOSTS = env.items("WEBHOOK_ALLOWED_HOSTS")
# Allows a deployment to use the console backends, which send nothing to the vendors.
ALLOW_CONSOLE_BACKENDS = env.boolean("ALLOW_CONSOLE_BACKENDS", default=False)
_REALTIME: dict[str, tuple[str, dict[str, Any]]] = {
    "console": ("notifications.backends.console.ConsoleRealtime", {}),
    "locmem": ("notifications.backends.locmem.LocmemRealtime", {}),
    "pusher": (
        "notifications.backends.pusher.PusherRealtime",
        {**PUSHER, "concurrency": NOTIFY_CONCURRENCY, "per_second": PUSHER_QPS},
    ),
}
REALTIME_BACKEND = env.choice("REALTIME_BACKEND", tuple(_REALTIME), "console")
REALTIME: dict[str, Any] = dict(zip(("BACKEND", "OPTIONS"), _REALTIME[REALTIME_BACKEND], strict=True))

_RTC = {
    "console": "sessions_app.rtc.console.ConsoleRTC",
    "locmem": "sessions_app.rtc.locmem.LocmemRTC",
    "byteplus": "sessions_app.rtc.byteplus.BytePlusRTC",
}
RTC_BACKEND = env.choice("RTC_BACKEND", tuple(_RTC), "console")
# Every viewer's RTC token is made with this id and this key, whichever backend starts the recordings.
BYTEPLUS_APP_ID = env.secret("BYTEPLUS_APP_ID", debug=DEBUG, length=24)
BYTEPLUS_APP_KEY = env.secret("BYTEPLUS_APP_KEY", debug=DEBUG, length=32)
BYTEPLUS_STORAGE = env.json_object("BYTEPLUS_STORAGE", {"Type": 0})
BYTEPLUS_RECORDING = env.json_object("BYTEPLUS_RECORDING", {})
BYTEPLUS_QPS = env.integer("BYTEPLUS_QPS", 60)
BYTEPLUS_CALLBACK_SECRET = env.text("BYTEPLUS_CALLBACK_SECRET")
BYTEPLUS: dict[str, Any] = {
    "app_id": BYTEPLUS_APP_ID,
    "access_key": env.text("BYTEPLUS_ACCESS_KEY"),
    "secret_key": env.text("BYTEPLUS_SECRET_KEY"),
    "host": env.text("BYTEPLUS_HOST", "open.byteplusapi.com"),
    "scheme": env.choice("BYTEPLUS_SCHEME", ("https", "http"), "https"),
    "region": env.text("BYTEPLUS_REGION", "ap-singapore-1"),
    "version": env.text("BYTEPLUS_VERSION", "2022-06-01"),
    "storage": BYTEPLUS_STORAGE,
    "recording": BYTEPLUS_RECORDING,
    "per_second": BYTEPLUS_QPS,
}
RTC: dict[str, Any] = {"BACKEND": _RTC[RTC_BACKEND], "OPTIONS": BYTEPLUS if RTC_BACKEND == "byteplus" else {}}

_ANALYTICS = {
    "mongodb": "analytics.backends.MongoAnalytics",
    "locmem": "analytics.backends.LocmemAnalytics",
    "console": "analytics.backends.ConsoleAnalytics",
}
ANALYTICS_BACKEND = env.choice("ANALYTICS_BACKEND", tuple(_ANALYTICS), "mongodb")
ANALYTICS = {"BACKEND": _ANALYTICS[ANALYTICS_BACKEND]}

# --- The pages of streamers and payers ------------------------------------------------------------------
# The URL and the hash of pusher-js, as Pusher publishes it. If the URL is empty, the pages poll the API.
_PUSHER_JS_URL = "https://js.pusher.com/8.6.0/pusher.min.js"
_PUSHER_JS_INTEGRITY = "sha384-yz6oLe92Sren05O3WPhu8DK05E9PEkh7kTQJ819acmwKwcCMwJXGu9Kta5wYhfaJ"
PUSHER_JS_URL = env.text("PUSHER_JS_URL", _PUSHER_JS_URL if REALTIME_BACKEND == "pusher" else "")
PUSHER_JS_INTEGRITY = env.text("PUSHER_JS_INTEGRITY", _PUSHER_JS_INTEGRITY if PUSHER_JS_URL == _PUSHER_JS_URL else "")

# --- Metrics -------------------------------------------------------------------------------------
METRICS_TOKEN = env.text("METRICS_TOKEN")  # lets callers that are not on loopback read /metrics

# --- Logging -----------------------------------------------------------------------------------------
LOG_FORMAT = env.choice("LOG_FORMAT", ("json", "line"), "line" if DEBUG else "json")
LOGGING = log_settings(LOG_FORMAT)
