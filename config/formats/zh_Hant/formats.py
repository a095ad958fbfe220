"""Formats of dates with seconds, because a show starts at a certain second.

Forms show the first of each list of input formats. Django's own formats for zh-hant have no seconds there, so a form
that is saved unchanged would drop them.
"""

DATETIME_FORMAT = "Y-m-d H:i:s"
DATE_INPUT_FORMATS = ["%Y-%m-%d", "%Y/%m/%d"]
TIME_INPUT_FORMATS = ["%H:%M:%S", "%H:%M:%S.%f", "%H:%M"]
DATETIME_INPUT_FORMATS = [f"{date} {time}" for time in TIME_INPUT_FORMATS for date in DATE_INPUT_FORMATS]
