"""The command `qcluster`, which runs our cluster under django-q's name and with its options."""

import logging
import os
from importlib.metadata import version
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils.translation import gettext as _
from django_q.conf import Conf

from mongodb.collections import connection
from taskqueue.cluster import Cluster
from taskqueue.queues import queues_of_cluster

MADE_FOR = "1.11"

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    help = _("Starts a Django Q Cluster.")

    def add_arguments(self, parser: CommandParser) -> None:
        """Add django-q's options."""
        parser.add_argument("--run-once", action="store_true", help=_("Work until nothing is due, then stop."))
        parser.add_argument(
            "-n",
            "--name",
            dest="cluster_name",
            help=_("Serve only the queue of this name, instead of all lanes. Q_CLUSTER_NAME does the same."),
        )

    def handle(self, *_args: Any, cluster_name: str | None, run_once: bool, **_options: Any) -> None:
        """Run the cluster."""
        installed = version("django-q2")
        if not installed.startswith(f"{MADE_FOR}."):
            logger.warning("made for django-q2 %s, this is %s: see docs/operations.md", MADE_FOR, installed)
        # A MongoClient must not be used across a fork, and django-q's `close_all()` would not close it.
        os.register_at_fork(before=connection.close_pool)
        Cluster(queues_of_cluster(cluster_name or Conf.CLUSTER_NAME), run_once=run_once).run()
