"""`manage.py demo`: runs one show from end to end, and prints each step."""

import fcntl
import logging
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, NoReturn

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from config.errors import ProductError
from lab import embedded_mongo
from lab.demo.children import Children, DemoFailed
from lab.demo.play import Play
from lab.demo.screen import Screen
from lab.loopback.websocket import PusherSockets
from lab.stand_ins import StandIns, run_stand_ins

EXIT_INTERRUPTED = 130
MONGODB_WITHIN_MS = 5000


class Command(BaseCommand):
    help = (
        "Play the main job from end to end, with gunicorn, a qcluster, and the backends for Pusher and BytePlus. "
        "Stand-ins on loopback count the calls. Exit with 0 only if they have seen exactly the expected calls."
    )
    requires_system_checks: list[str] = []  # the processes of the demo have settings of their own

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--watch", action="store_true", help="start the show after a minute, and wait until Ctrl-C")

    def handle(self, **options: Any) -> None:
        """Run the demo. No process is left behind, even if the demo is interrupted."""
        for ending in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(ending, _interrupt)
        logging.getLogger("websockets").setLevel(logging.WARNING)
        screen = Screen(self._write_now, self.style)
        directory = Path(settings.DATA_DIR) / "demo"
        try:
            with _alone(directory), _stage(directory) as stand_ins:
                passed = _play(stand_ins, screen, waits=options["watch"])
        except ProductError as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            self.stderr.write("\nInterrupted; all processes have ended.")
            sys.exit(EXIT_INTERRUPTED)
        screen.verdict(passed=passed, logs=str(directory))
        sys.exit(0 if passed else 1)

    def _write_now(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def _stage(directory: Path) -> AbstractContextManager[StandIns]:
    """Return the stand-ins, and let the product use a separate database on the configured server."""
    uri = settings.MONGODB_URI or embedded_mongo.start()
    return run_stand_ins(mongodb_uri=uri, database=f"{settings.MONGODB_NAME}_demo", directory=directory)


def _play(stand_ins: StandIns, screen: Screen, *, waits: bool) -> bool:
    screen.title("The main job, from POST /goals to the last stream.authorized")
    mongodb = MongoClient[dict[str, Any]](stand_ins.mongodb_uri, serverSelectionTimeoutMS=MONGODB_WITHIN_MS)
    environment = stand_ins.environment()
    with (
        mongodb,
        PusherSockets(stand_ins.pusher) as sockets,
        Children(environment, stand_ins.directory) as children,
        # The stand-in for Pusher has one port for WebSockets, and another port to which the queue sends events.
        Children({**environment, "PUSHER_PORT": str(sockets.port)}, stand_ins.directory) as web,
    ):
        screen.fact("MongoDB", _address(mongodb))
        screen.fact("Pusher", f"{stand_ins.pusher.address}, a stand-in that verifies and counts")
        screen.fact("BytePlus", f"{stand_ins.byteplus.address}, a stand-in that verifies and counts")
        return Play(stand_ins, children, mongodb, screen, web, waits=waits).perform()


def _address(mongodb: MongoClient[dict[str, Any]]) -> str:
    """Return the address of the primary. Raises DemoFailed if no server answers."""
    try:
        mongodb.admin.command("ping")
    except PyMongoError as error:
        raise DemoFailed("MongoDB does not answer; is MONGODB_URI right?") from error
    return ", ".join(sorted(f"{host}:{port}" for host, port in mongodb.nodes))


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """Empty the directory, and lock it and the database against a second demo inside the block."""
    directory.mkdir(parents=True, exist_ok=True)
    with directory.with_suffix(".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CommandError("Another demo is running here.") from error
        shutil.rmtree(directory)
        directory.mkdir(mode=0o700)
        yield


def _interrupt(_signal: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt
