"""The backend that the setting ENGINE names: with our compiler, and an embedded server if HOST is empty."""

from typing import Any
from urllib.parse import parse_qsl, urlsplit

from django.conf import settings
from django.utils.module_loading import import_string
from django_mongodb_backend import base, operations


class DatabaseOperations(operations.DatabaseOperations):
    compiler_module = "mongodb.compiler"


class DatabaseWrapper(base.DatabaseWrapper):
    ops_class = DatabaseOperations

    def get_connection_params(self) -> dict[str, Any]:
        """Return what MongoClient is called with; starts the embedded server if HOST is empty.

        A time-out that the URI names is that of the URI, although MongoClient prefers its arguments.
        """
        if not self.settings_dict["HOST"]:
            start = import_string(settings.EMBEDDED_MONGODB)
            self.settings_dict["HOST"] = start()
        params: dict[str, Any] = super().get_connection_params()  # type: ignore[no-untyped-call]
        named = {name.lower() for name, _value in parse_qsl(urlsplit(params["host"]).query)}
        return {name: value for name, value in params.items() if not (name.endswith("MS") and name.lower() in named)}
