"""Settings of a qcluster that knows the tasks of the tests."""

from config.settings import *  # noqa: F403
from config.settings import INSTALLED_APPS as OURS

INSTALLED_APPS = [*OURS, "tests.taskqueue.apps.TestTasks"]
