"""django-q's own `qcluster`, made safe to fork with MongoDB."""

import os
from typing import Any

from django.db import connection
from django_q.management.commands.qcluster import Command as DjangoQCommand


class Command(DjangoQCommand):  # type: ignore[misc] # django-q has no types
    def handle(self, *args: Any, **options: Any) -> None:
        """Run the cluster. A MongoClient must not cross a fork, and django-q's `close_all()` keeps it."""
        os.register_at_fork(before=connection.close_pool)
        super().handle(*args, **options)
