"""Settings of a qcluster that knows the bulk tasks of the tests, and soon kills a worker that ignores its time-out."""

from config.settings import *  # noqa: F403
from config.settings import INSTALLED_APPS as OURS

INSTALLED_APPS = [*OURS, "tests.taskqueue.apps.TestTasks"]
Q_STUCK_GRACE_SECONDS = 0.5
