"""Formats of dates with seconds, because a show starts at an exact second."""

DATETIME_FORMAT = "Y-m-d H:i:s"
