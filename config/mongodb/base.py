"""What the setting ENGINE names: MongoDB's backend with our compiler."""

from django_mongodb_backend import base, operations


class DatabaseOperations(operations.DatabaseOperations):
    compiler_module = "config.mongodb.compiler"


class DatabaseWrapper(base.DatabaseWrapper):
    ops_class = DatabaseOperations
