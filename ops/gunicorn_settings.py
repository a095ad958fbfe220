"""Settings of gunicorn under `manage.py serve` (https://docs.gunicorn.org/en/stable/settings.html)."""

from typing import Any

from django.db import connection

wsgi_app = "config.wsgi"
worker_class = "gthread"
workers = 2
threads = 4
# A MongoClient must not cross a fork: each worker loads the application, and opens its own.
preload_app = False
graceful_timeout = 20
control_socket_disable = True
accesslog = "-"
access_log_format = '%(h)s "%(r)s" %(s)s %(b)s %(M)sms'


def pre_fork(_server: Any, _worker: Any) -> None:
    """Close what a hook may have opened in the master."""
    pool: Any = connection
    pool.close_pool()
