"""Settings of a qcluster that knows the tasks of the tests, and soon kills a worker that ignores its time-out."""

from tests.taskqueue.tasks_settings import *  # noqa: F403

Q_STUCK_GRACE_SECONDS = 0.5
