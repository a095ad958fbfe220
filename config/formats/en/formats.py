"""Formats of times with seconds, because a show starts at a certain second."""

DATETIME_FORMAT = "Y-m-d H:i:s"
