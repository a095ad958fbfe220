"""Settings of a qcluster that kills at once what ignores its time-out."""

from config.settings import *  # noqa: F403

Q_STUCK_GRACE_SECONDS = 0.5
