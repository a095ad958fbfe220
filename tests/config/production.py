"""The environment variables of a correct deployment."""

from django.conf import settings

PRODUCTION = {
    "DEBUG": "off",
    "SECRET_KEY": "0123456789abcdef" * 4,
    "STREAM_TOKEN_KEY": "fedcba9876543210" * 4,
    "ALLOWED_HOSTS": "api.example.com",
    "PROXIES": "1",
    "PROXY_SSL_HEADER": "on",
    "CORS_ALLOWED_ORIGINS": "https://studio.example.com,https://[2001:db8::1]:8443",
    "MONGODB_URI": "mongodb://db.example.com/?replicaSet=rs0",
    "CACHE_URL": "redis://cache.example.com",
    "REALTIME_BACKEND": "pusher",
    "PUSHER_APP_ID": "1",
    "PUSHER_KEY": "0123456789abcdef0123",
    "PUSHER_SECRET": "abcdef0123456789abcd",
    "PUSHER_CLUSTER": "ap1",
    "RTC_BACKEND": "byteplus",
    "BYTEPLUS_APP_ID": "0123456789abcdef01234567",
    "BYTEPLUS_APP_KEY": "0123456789abcdef" * 2,
    "BYTEPLUS_ACCESS_KEY": "access",
    "BYTEPLUS_SECRET_KEY": "secret",
    "BYTEPLUS_STORAGE": '{"Type": 1, "VodConfig": {"AccountId": "1", "Space": "shows"}}',
    "BYTEPLUS_CALLBACK_SECRET": "secret",
    "METRICS_TOKEN": "0123456789abcdef" * 4,
}


def without_vendors() -> dict[str, str]:
    """Return the variables with which a process runs as in production, but without vendors and with the tests' keys."""
    keys = ("SECRET_KEY", "STREAM_TOKEN_KEY", "BYTEPLUS_APP_ID", "BYTEPLUS_APP_KEY")
    own = {"DEBUG": "off", "ALLOWED_HOSTS": "127.0.0.1", "ALLOW_CONSOLE_BACKENDS": "on"}
    return own | {name: getattr(settings, name) for name in keys}
