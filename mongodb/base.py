"""The database backend that ENGINE names in the setting DATABASES.

The backend uses our compiler. With DEBUG, it starts an embedded server if HOST is empty.
"""

from typing import Any
from urllib.parse import parse_qsl, urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError
from django.utils.module_loading import import_string

from mongodb.without_gis import base, operations

NO_SERVER = "MONGODB_URI is not set. An embedded MongoDB starts only with DEBUG=on and with the folder lab/."


class NoServer(ImproperlyConfigured, OperationalError):
    """There is no MongoDB to connect to.

    `makemigrations` catches the OperationalError, and continues without checking which migrations are applied.
    """


class DatabaseOperations(operations.DatabaseOperations):
    compiler_module = "mongodb.compiler"


class DatabaseWrapper(base.DatabaseWrapper):
    ops_class = DatabaseOperations

    def get_connection_params(self) -> dict[str, Any]:
        """Return the arguments of MongoClient. With DEBUG, start the embedded server if HOST is empty.

        Leave out the time-outs that the URI sets, because MongoClient's arguments would override those of the URI.
        """
        if not self.settings_dict["HOST"]:
            if settings.IS_DEPLOYMENT or not settings.HAS_LAB:
                raise NoServer(NO_SERVER)
            start = import_string(settings.EMBEDDED_MONGODB)
            self.settings_dict["HOST"] = start()
        params: dict[str, Any] = super().get_connection_params()  # type: ignore[no-untyped-call]
        named = {name.lower() for name, _value in parse_qsl(urlsplit(params["host"]).query)}
        return {name: value for name, value in params.items() if not (name.endswith("MS") and name.lower() in named)}
