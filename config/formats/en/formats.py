"""Dates with seconds: a show starts at one."""

DATETIME_FORMAT = "Y-m-d H:i:s"
