"""django-q's own `qcluster`, made safe to fork with MongoDB."""

import os
from typing import Any

from django_q.management.commands.qcluster import Command as DjangoQCommand

from config.transactions import connection


class Command(DjangoQCommand):
    def handle(self, *args: Any, **options: Any) -> None:
        """Run the cluster. A MongoClient must not cross a fork, and django-q's `close_all()` keeps it."""
        os.register_at_fork(before=connection.close_pool)
        super().handle(*args, **options)
