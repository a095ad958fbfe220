"""Made-up keys, and the real backends with these keys, connected to a loopback server."""

from lab.loopback.byteplus import BytePlusLoopback
from lab.loopback.pusher import PusherLoopback
from notifications.backends.pusher import PusherRealtime
from sessions_app.rtc.byteplus import BytePlusRTC

PUSHER_APP_ID = "1234567"
PUSHER_KEY = "0a1b2c3d4e5f60718293"
PUSHER_SECRET = "93827160f5e4d3c2b1a0"
BYTEPLUS_APP_ID = "123456781234567812345678"
BYTEPLUS_ACCESS_KEY = "AKLTEXAMPLEACCESSKEYID00"
BYTEPLUS_SECRET_KEY = "RXhhbXBsZVNlY3JldEtleQ=="
WRONG_SECRET = "a-secret-of-somebody-else"
STORAGE_SECRET = "storage-secret-access-key"
STORAGE = {
    "Type": 2,
    "CustomConfig": {"AccessKey": "storage-access-key", "SecretKey": STORAGE_SECRET, "Bucket": "shows"},
}
# Long enough for a machine that stalls.
TIMEOUT_SECONDS = (5.0, 5.0)
# For tests of a server that hangs, which must be over soon.
SHORT_SECONDS = (1.0, 0.3)


def pusher_backend(
    server: PusherLoopback,
    *,
    key: str = PUSHER_KEY,
    secret: str = PUSHER_SECRET,
    concurrency: int = 16,
    timeout_seconds: tuple[float, float] = TIMEOUT_SECONDS,
    per_second: int = 0,
) -> PusherRealtime:
    """Return the Pusher backend that talks to the server."""
    return PusherRealtime(
        app_id=PUSHER_APP_ID,
        key=key,
        secret=secret,
        host=server.host,
        port=server.port,
        ssl=False,
        timeout_seconds=timeout_seconds,
        concurrency=concurrency,
        per_second=per_second,
    )


def byteplus_backend(
    server: BytePlusLoopback,
    *,
    secret_key: str = BYTEPLUS_SECRET_KEY,
    timeout_seconds: tuple[float, float] = TIMEOUT_SECONDS,
) -> BytePlusRTC:
    """Return the BytePlus backend that talks to the server."""
    return BytePlusRTC(
        app_id=BYTEPLUS_APP_ID,
        access_key=BYTEPLUS_ACCESS_KEY,
        secret_key=secret_key,
        host=server.address,
        scheme="http",
        region=server.region,
        version=server.version,
        storage=STORAGE,
        timeout_seconds=timeout_seconds,
    )
