"""Settings of a qcluster that soon kills a worker whose task ignores its time-out."""

from config.settings import *  # noqa: F403

Q_STUCK_GRACE_SECONDS = 0.5
