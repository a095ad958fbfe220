"""The people and things of all examples: one evening, told in every operation."""

STREAMER_ID = "680f4c1ed273022b46570a01"
VIEWER_ID = "680f4d7ad273022b46570a17"
SESSION_ID = "6811bfd5d273022b46570ae5"
FUNDING_GOAL_ID = "6811c05bf672c8b2cbdc2432"
SHOW_ID = "6811c1a3f672c8b2cbdc2433"
EVENT_ID = "5f0c6a3e-6d2c-5d0a-9a39-3f3f7a3f0b11"

OPENED_AT = 1745993000
FUNDED_UNTIL = 1745993600
NBF = 1745993863
SHOW_SECONDS = 60
ACCESS_EXP = NBF + SHOW_SECONDS
# Cut short: what stands for a signed token.
TOKEN = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ1c2VyX2lkIjoiNjgwZjRjMWUifQ.c2lnbmF0dXJl"  # noqa: S105 - an example
RTC_TOKEN = "001EXAMPLE0app0id00000000QADvHwcABhIRaIcTEWgYAA=="  # noqa: S105 - an example
