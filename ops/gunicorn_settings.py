"""Settings of gunicorn under `manage.py serve` (https://docs.gunicorn.org/en/stable/settings.html)."""

import os
import sys
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connection

from ops.metrics.directory import make_directory, remove_directory

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")  # the master does not import wsgi_app

wsgi_app = "config.wsgi"
worker_class = "ops.gunicorn_worker.Worker"
# As many processes as cores: Python runs in one of a process' threads at a time.
workers = max(2, len(os.sched_getaffinity(0)))
# The threads of each process that answer requests. Connections need none.
threads = 4
# Of each process.
worker_connections = 5000
# Longer than proxies keep their idle connections (nginx: 60 seconds), so that none sends a request on one that ends.
keepalive = 75
asgi_loop = "asyncio"
asgi_lifespan = "off"
# A MongoClient must not cross a fork, so each worker loads the application and creates its own.
preload_app = False
graceful_timeout = 20
control_socket_disable = True
# Only Django reads the headers of proxies, and only if the settings say so. gunicorn would trust all of loopback.
secure_scheme_headers: dict[str, str] = {}
forwarder_headers = ""
logger_class = "ops.gunicorn_logs.ErrorLogger"
try:
    logconfig_dict = settings.LOGGING
except ImproperlyConfigured as error:  # gunicorn would print a traceback
    sys.exit(f"gunicorn: {error}")


def on_starting(_server: Any) -> None:
    """Let all workers count together, from zero."""
    make_directory()


def on_exit(_server: Any) -> None:
    """Remove the counters."""
    remove_directory()


def pre_fork(_server: Any, _worker: Any) -> None:
    """Close the connections that a hook may have opened in the master."""
    pool: Any = connection
    pool.close_pool()
