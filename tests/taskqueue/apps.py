"""Registers the bulk tasks of the tests before a qcluster claims messages, as the product does with its own."""

from django.apps import AppConfig


class TestTasks(AppConfig):
    name = "tests.taskqueue"
    label = "tests_taskqueue"

    def ready(self) -> None:
        from tests.taskqueue import tasks  # noqa: F401, PLC0415 - registers them
