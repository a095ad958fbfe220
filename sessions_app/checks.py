"""System checks of the keys that sign tokens, and of the settings of BytePlus RTC."""

from typing import Any

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, register

from sessions_app.rtc.bodies import DEFAULTS

KEY_BYTES = 32
RTC_APP_ID_CHARACTERS = 24
STORAGE_TYPES = (0, 1, 2)


@register("sessions_app")
def check_token_keys(**_kwargs: Any) -> list[CheckMessage]:
    """E001: a key is missing or too short. E002: both keys are equal, so one kind of token could pass for the other."""
    keys = {"SECRET_KEY": settings.SECRET_KEY, "STREAM_TOKEN_KEY": settings.STREAM_TOKEN_KEY}
    hint = 'Make one: python3 -c "import secrets; print(secrets.token_hex(32))". With DEBUG=on it is made for you.'
    errors: list[CheckMessage] = [
        Error(f"{name} has fewer than {KEY_BYTES} bytes.", hint=hint, id="sessions_app.E001")
        for name, key in keys.items()
        if len(key.encode()) < KEY_BYTES
    ]
    if settings.SECRET_KEY and settings.SECRET_KEY == settings.STREAM_TOKEN_KEY:
        errors.append(Error("SECRET_KEY and STREAM_TOKEN_KEY are equal.", hint=hint, id="sessions_app.E002"))
    return errors


@register("sessions_app")
def check_rtc(**_kwargs: Any) -> list[CheckMessage]:
    """E003, E004: RTC tokens can't be signed. E005: requests to BytePlus can't be signed.

    W001: no bucket is configured for recordings. W002: the callbacks of BytePlus are refused.
    """
    messages: list[CheckMessage] = []
    if len(settings.BYTEPLUS_APP_ID) != RTC_APP_ID_CHARACTERS:
        text = f"BYTEPLUS_APP_ID must have {RTC_APP_ID_CHARACTERS} characters."
        messages.append(Error(text, hint="The console of BytePlus RTC shows it.", id="sessions_app.E003"))
    if not settings.BYTEPLUS_APP_KEY:
        messages.append(Error("BYTEPLUS_APP_KEY is not set.", hint="It signs RTC tokens.", id="sessions_app.E004"))
    if settings.RTC_BACKEND != "byteplus":
        return messages
    options = settings.RTC["OPTIONS"]
    if not options["access_key"] or not options["secret_key"]:
        text = "RTC_BACKEND is byteplus, but BYTEPLUS_ACCESS_KEY or BYTEPLUS_SECRET_KEY is not set."
        messages.append(Error(text, hint="They sign StartRecord.", id="sessions_app.E005"))
    if settings.BYTEPLUS_STORAGE == {"Type": 0}:
        text = "BYTEPLUS_STORAGE is the default: recordings go to TOS without a bucket of yours."
        hint = 'Name your storage, e.g. {"Type": 1, "VodConfig": {"AccountId": "...", "Space": "..."}}.'
        messages.append(checks.Warning(text, hint=hint, id="sessions_app.W001"))
    if not settings.BYTEPLUS_CALLBACK_SECRET:
        text = "BYTEPLUS_CALLBACK_SECRET is not set: every callback of BytePlus is refused."
        hint = "The console's message notification shows it. Without callbacks, recordings are asked about a bit later."
        messages.append(checks.Warning(text, hint=hint, id="sessions_app.W002"))
    return messages


@register("sessions_app")
def check_recording_parameters(**_kwargs: Any) -> list[CheckMessage]:
    """E006, E007: BytePlus would refuse BYTEPLUS_RECORDING or BYTEPLUS_STORAGE, and record no show.

    E008: BYTEPLUS_QPS is negative.
    """
    messages: list[CheckMessage] = [
        Error(
            f"BYTEPLUS_RECORDING: {part} must be one of {', '.join(DEFAULTS)}, and an object.",
            hint='Only what differs from the defaults, e.g. {"Encode": {"VideoWidth": 1920, "VideoHeight": 1080}}.',
            id="sessions_app.E006",
        )
        for part, values in settings.BYTEPLUS_RECORDING.items()
        if part not in DEFAULTS or not isinstance(values, dict)
    ]
    if settings.BYTEPLUS_STORAGE.get("Type", 0) not in STORAGE_TYPES:
        hint = "0 is TOS, 1 is VOD, 2 is a bucket with an S3-style API."
        messages.append(Error("BYTEPLUS_STORAGE: Type must be 0, 1 or 2.", hint=hint, id="sessions_app.E007"))
    if settings.BYTEPLUS_QPS < 0:
        hint = "The calls a second that BytePlus allows your account, 60 by default; 0 is any number."
        messages.append(Error("BYTEPLUS_QPS is negative.", hint=hint, id="sessions_app.E008"))
    return messages
