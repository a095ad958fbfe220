"""Formats of times with seconds, because a show starts at a certain second.

A form shows a time in the first of the input formats. In Django's own lists for zh-hant, that format has no seconds, so
saving an unchanged form would drop the seconds.
"""

DATETIME_FORMAT = "Y-m-d H:i:s"
DATE_INPUT_FORMATS = ["%Y-%m-%d", "%Y/%m/%d"]
TIME_INPUT_FORMATS = ["%H:%M:%S", "%H:%M:%S.%f", "%H:%M"]
DATETIME_INPUT_FORMATS = [f"{date} {time}" for time in TIME_INPUT_FORMATS for date in DATE_INPUT_FORMATS]
