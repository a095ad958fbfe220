"""The stand-ins for both vendors, and an environment in which the product's processes use them."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab.loopback.byteplus import BytePlusLoopback
from lab.loopback.pusher import PusherLoopback

PUSHER_APP_ID = "1"


@dataclass(frozen=True)
class StandIns:
    """The two stand-ins, and what the product's processes need to use them."""

    pusher: PusherLoopback
    byteplus: BytePlusLoopback
    mongodb_uri: str
    database: str
    directory: Path
    secret_key: str
    stream_token_key: str
    byteplus_app_key: str

    def environment(self) -> dict[str, str]:
        """Return the environment of the product's processes. It overrides a `.env` file. An empty value means unset."""
        return {
            **os.environ,
            "DATA_DIR": str(self.directory),
            "DEBUG": "off",
            "SECRET_KEY": self.secret_key,
            "STREAM_TOKEN_KEY": self.stream_token_key,
            "ALLOWED_HOSTS": "127.0.0.1",
            "THROTTLE": "off",
            "CACHE_URL": "",
            "ANALYTICS_BACKEND": "mongodb",
            "MONGODB_URI": self.mongodb_uri,
            "MONGODB_NAME": self.database,
            **self._pusher_environment(),
            **self._byteplus_environment(),
        }

    def _pusher_environment(self) -> dict[str, str]:
        return {
            "REALTIME_BACKEND": "pusher",
            "PUSHER_APP_ID": self.pusher.app_id,
            "PUSHER_KEY": self.pusher.key,
            "PUSHER_SECRET": self.pusher.secret,
            "PUSHER_CLUSTER": "",
            "PUSHER_HOST": self.pusher.host,
            "PUSHER_PORT": str(self.pusher.port),
            "PUSHER_SSL": "off",
        }

    def _byteplus_environment(self) -> dict[str, str]:
        return {
            "RTC_BACKEND": "byteplus",
            "BYTEPLUS_APP_ID": self.byteplus.app_id,
            "BYTEPLUS_APP_KEY": self.byteplus_app_key,
            "BYTEPLUS_ACCESS_KEY": self.byteplus.access_key,
            "BYTEPLUS_SECRET_KEY": self.byteplus.secret_key,
            "BYTEPLUS_HOST": self.byteplus.address,
            "BYTEPLUS_SCHEME": "http",
            "BYTEPLUS_REGION": self.byteplus.region,
            "BYTEPLUS_VERSION": self.byteplus.version,
            "BYTEPLUS_STORAGE": "",
        }


@contextmanager
def run_stand_ins(*, mongodb_uri: str, database: str, directory: Path, secret_key: str = "") -> Iterator[StandIns]:
    """Run the stand-ins, with new keys, inside the block. The database and the directory are the product's."""
    with (
        PusherLoopback(app_id=PUSHER_APP_ID, key=secrets.token_hex(10), secret=secrets.token_hex(10)) as pusher,
        BytePlusLoopback(
            app_id=secrets.token_hex(12), access_key=secrets.token_hex(12), secret_key=secrets.token_hex(16)
        ) as byteplus,
    ):
        yield StandIns(
            pusher=pusher,
            byteplus=byteplus,
            mongodb_uri=mongodb_uri,
            database=database,
            directory=directory,
            secret_key=secret_key or secrets.token_hex(32),
            stream_token_key=secrets.token_hex(32),
            byteplus_app_key=secrets.token_hex(16),
        )
