"""Settings of gunicorn under `manage.py serve` (https://docs.gunicorn.org/en/stable/settings.html)."""

import os
import resource
import sys
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from gunicorn.errors import HaltServer

from ops import gunicorn_worker
from ops.metrics.directory import make_directory, remove_directory

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")  # the master does not import wsgi_app

wsgi_app = "config.wsgi"
worker_class = "ops.gunicorn_worker.Worker"
# One process for each core, and at least two, because Python runs only one of a process's threads at a time.
workers = max(2, len(os.sched_getaffinity(0)))
# The threads of each process that run requests. Connections need no threads.
threads = 4
# How long the event loop may have to wait for a thread that computes. With Python's default of 5 ms, the slowest
# responses took 15% longer.
SWITCH_INTERVAL_SECONDS = 0.001
# The most connections of a process. A connection needs one file descriptor, and two while a large body arrives.
worker_connections = 5000
FILE_DESCRIPTORS = 2 * worker_connections + 1000
# Longer than proxies keep their idle connections (nginx: 60 seconds), so that no proxy uses a connection that is
# closing.
keepalive = 75
asgi_loop = "asyncio"
asgi_lifespan = "off"
# A MongoClient must not cross a fork, so each worker loads the application and creates its own.
preload_app = False
graceful_timeout = 20
control_socket_disable = True
# Only Django reads the headers of proxies, and only if the settings say so. gunicorn would trust every loopback client.
secure_scheme_headers: dict[str, str] = {}
forwarder_headers = ""
logger_class = "ops.gunicorn_logs.ErrorLogger"
try:
    logconfig_dict = settings.LOGGING
except ImproperlyConfigured as error:  # gunicorn would print a traceback
    sys.exit(f"gunicorn: {error}")

# The modules that the master has loaded for its own settings and its log. After a reload, workers must load them anew.
# The module of the settings is one of them, even if it is not the product's.
_SETTINGS = os.environ["DJANGO_SETTINGS_MODULE"].partition(".")[0]
_RELOADED = {"api", "asgiref", "config", "django", "django_stubs_ext", "mongodb", _SETTINGS}


def _show_error(kind: type[BaseException], error: BaseException, traceback: Any) -> None:
    """Show an error that ends the master, unless gunicorn's log has already shown it.

    If two workers refuse to start at the same moment, gunicorn 27 raises the second refusal while it handles the first.
    """
    if not issubclass(kind, HaltServer):
        sys.__excepthook__(kind, error, traceback)


sys.excepthook = _show_error


def on_starting(_server: Any) -> None:
    """Create the directory of the workers' counters, and raise the limit of open files, at most to FILE_DESCRIPTORS."""
    make_directory()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILE_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(FILE_DESCRIPTORS, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def on_reload(server: Any) -> None:
    """Let the old workers go on until a new worker accepts connections."""
    gunicorn_worker.handover.last_old_age = server.worker_age


def post_fork(_server: Any, _worker: Any) -> None:
    """Forget the code that the master has loaded, so that after SIGHUP a worker runs only new code."""
    sys.setswitchinterval(SWITCH_INTERVAL_SECONDS)
    for name in list(sys.modules):
        if name.partition(".")[0] in _RELOADED or name.startswith("ops.metrics"):
            del sys.modules[name]


def post_worker_init(_worker: Any) -> None:
    """Start to compare this host's clock with the database's (docs/adr/0054-clocks.md)."""
    from ops.web_clock import watch_clock  # noqa: PLC0415 - not before the fork

    watch_clock()


def on_exit(_server: Any) -> None:
    """Remove the directory of the counters."""
    remove_directory()
