"""System checks of the keys that sign tokens, and of the settings of BytePlus RTC."""

import re
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, register

from config.checks import Number, check_numbers, is_host_with_port
from sessions_app.rtc.bodies import DEFAULTS

KEY_BYTES = 32
RTC_APP_ID = re.compile(r"[0-9A-Za-z]{24}\Z")
RTC_APP_KEY = re.compile(r"[0-9A-Za-z]{32}\Z")
REGION = re.compile(r"[a-z0-9][a-z0-9-]*\Z")
VERSION = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
STORAGE_TYPES = (0, 1, 2)
MOST_CALLS_PER_SECOND = 100_000


@register("sessions_app")
def check_token_keys(**_kwargs: Any) -> list[CheckMessage]:
    """E001: a key is missing or too short.

    E002: another key equals STREAM_TOKEN_KEY, so one kind of token could pass for another.
    """
    earlier = [("SECRET_KEY_FALLBACKS", key) for key in settings.SECRET_KEY_FALLBACKS]
    keys = [("SECRET_KEY", settings.SECRET_KEY), ("STREAM_TOKEN_KEY", settings.STREAM_TOKEN_KEY), *earlier]
    hint = 'Generate a key: python3 -c "import secrets; print(secrets.token_hex(32))". DEBUG=on generates missing keys.'
    errors: list[CheckMessage] = [
        Error(f"{name} is not set, or has fewer than {KEY_BYTES} bytes.", hint=hint, id="sessions_app.E001")
        for name, key in keys
        if len(key.encode()) < KEY_BYTES
    ]
    errors += [
        Error(f"{name} and STREAM_TOKEN_KEY are equal.", hint=hint, id="sessions_app.E002")
        for name, key in keys
        if key == settings.STREAM_TOKEN_KEY and name != "STREAM_TOKEN_KEY"
    ]
    return errors


@register("sessions_app")
def check_rtc(**_kwargs: Any) -> list[CheckMessage]:
    """E003, E004: RTC tokens can't be signed. E005: requests to BytePlus can't be signed.

    W001: no bucket is configured for recordings. W002: the callbacks of BytePlus are refused.
    """
    messages: list[CheckMessage] = []
    if not RTC_APP_ID.match(settings.BYTEPLUS_APP_ID):
        text = "BYTEPLUS_APP_ID must have 24 letters and digits."
        messages.append(Error(text, hint="Copy the app id from the BytePlus RTC console.", id="sessions_app.E003"))
    if not RTC_APP_KEY.match(settings.BYTEPLUS_APP_KEY):
        text, hint = "BYTEPLUS_APP_KEY must have 32 letters and digits.", "Copy the key from the BytePlus RTC console."
        messages.append(Error(text, hint=hint, id="sessions_app.E004"))
    if settings.RTC_BACKEND != "byteplus":
        return messages
    if not settings.BYTEPLUS["access_key"] or not settings.BYTEPLUS["secret_key"]:
        text = "RTC_BACKEND is byteplus, but BYTEPLUS_ACCESS_KEY or BYTEPLUS_SECRET_KEY is not set."
        messages.append(Error(text, hint="Set both keys, which sign the requests to BytePlus.", id="sessions_app.E005"))
    if settings.BYTEPLUS_STORAGE == {"Type": 0}:
        text = "BYTEPLUS_STORAGE has its default value, which stores recordings in TOS but names no bucket of yours."
        hint = 'Name your own storage, for example {"Type": 1, "VodConfig": {"AccountId": "...", "Space": "..."}}.'
        messages.append(checks.Warning(text, hint=hint, id="sessions_app.W001"))
    if not settings.BYTEPLUS_CALLBACK_SECRET:
        text = "BYTEPLUS_CALLBACK_SECRET is not set: every callback of BytePlus is refused."
        hint = "Copy it from the message notifications in the console. Without callbacks, recordings are checked later."
        messages.append(checks.Warning(text, hint=hint, id="sessions_app.W002"))
    return messages


@register("sessions_app")
def check_recording_parameters(**_kwargs: Any) -> list[CheckMessage]:
    """E006: a part of BYTEPLUS_RECORDING is unknown, or is not an object.

    E007: BytePlus would refuse BYTEPLUS_STORAGE, and record no show. E008: BYTEPLUS_QPS is out of range.
    """
    messages: list[CheckMessage] = [
        Error(
            f"BYTEPLUS_RECORDING: {part} must be one of {', '.join(DEFAULTS)}, and its value must be an object.",
            hint='Give only values that differ from the defaults, such as {"Encode": {"VideoWidth": 1920}}.',
            id="sessions_app.E006",
        )
        for part, values in settings.BYTEPLUS_RECORDING.items()
        if part not in DEFAULTS or not isinstance(values, dict)
    ]
    if settings.BYTEPLUS_STORAGE.get("Type", 0) not in STORAGE_TYPES:
        hint = "0 stands for TOS, 1 for VOD, 2 for a bucket with an S3-compatible API."
        messages.append(Error("BYTEPLUS_STORAGE: Type must be 0, 1 or 2.", hint=hint, id="sessions_app.E007"))
    qps = {"BYTEPLUS_QPS": Number(settings.BYTEPLUS_QPS, 0, MOST_CALLS_PER_SECOND, " calls a second")}
    hint = "Set the number of calls a second that BytePlus allows your account. The default is 60; 0 means no limit."
    return messages + check_numbers(qps, hint=hint, number="sessions_app.E008")


@register("sessions_app")
def check_openapi(**_kwargs: Any) -> list[CheckMessage]:
    """E009: no call would reach BytePlus at this host. E010: BytePlus would refuse the signature of every call."""
    messages: list[CheckMessage] = []
    if not is_host_with_port(settings.BYTEPLUS["host"]):
        hint = "Give only the host name, with a port if needed: open.byteplusapi.com. BYTEPLUS_SCHEME sets the scheme."
        messages.append(Error("BYTEPLUS_HOST is not the name of a host.", hint=hint, id="sessions_app.E009"))
    for name, form, example in (("region", REGION, "ap-singapore-1"), ("version", VERSION, "2022-06-01")):
        if not form.match(settings.BYTEPLUS[name]):
            text = f"BYTEPLUS_{name.upper()} is not a {name} of BytePlus' OpenAPI."
            messages.append(Error(text, hint=f"The default is {example}.", id="sessions_app.E010"))
    return messages
