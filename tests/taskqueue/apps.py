"""Makes the bulk tasks of the tests known to a qcluster before it claims anything, as the product's are."""

from django.apps import AppConfig


class TestTasks(AppConfig):
    name = "tests.taskqueue"
    label = "tests_taskqueue"

    def ready(self) -> None:
        from tests.taskqueue import tasks  # noqa: F401, PLC0415 - registers them
